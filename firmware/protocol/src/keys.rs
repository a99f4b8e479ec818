//! The keys that a device trusts.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::KeyId;
use crate::codec::decode_body;
use crate::ed25519;
use crate::list::List;
use crate::message::{KeyStatus, MAX_KEYS};
use crate::signed::{Envelope, Roles, SignatureError, SignedMessage};

/// A public key and what it may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct TrustedKey {
    /// Ed25519.
    pub key: [u8; 32],
    /// What it may sign.
    pub roles: Roles,
}

impl TrustedKey {
    /// Its identifier.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.key)
    }
}

/// The keys that a device trusts; kept in its flash, changed by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct TrustedKeys(List<TrustedKey, MAX_KEYS>);

impl TrustedKeys {
    /// No keys: everything is refused.
    pub const fn none() -> TrustedKeys {
        TrustedKeys(List::new())
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.0.iter()
    }

    /// What the birth says about them.
    pub fn status(&self) -> List<KeyStatus, MAX_KEYS> {
        List::from_first(self.0.iter().map(|key| KeyStatus { id: key.id(), roles: key.roles }))
    }

    /// Trusts a key, or changes the roles of one that is trusted.
    ///
    /// # Errors
    /// If the key is weak, there is no room, or no owner would be left.
    pub fn trust(&mut self, key: TrustedKey) -> Result<(), KeyChangeError> {
        if ed25519::is_weak(&key.key) {
            return Err(KeyChangeError::Weak);
        }
        let owned = self.has_owner_but(&key.key);
        if let Some(known) = self.0.iter_mut().find(|known| known.key == key.key) {
            if known.roles.any_of(Roles::OWNER) && !key.roles.any_of(Roles::OWNER) && !owned {
                return Err(KeyChangeError::LastOwner);
            }
            known.roles = key.roles;
            return Ok(());
        }
        self.0.push(key).map_err(|_| KeyChangeError::Full)
    }

    /// Trusts a key no longer.
    ///
    /// # Errors
    /// If it is not trusted, or no owner would be left.
    pub fn revoke(&mut self, id: KeyId) -> Result<(), KeyChangeError> {
        let key = *self.find(id).ok_or(KeyChangeError::Unknown(id))?;
        if key.roles.any_of(Roles::OWNER) && !self.has_owner_but(&key.key) {
            return Err(KeyChangeError::LastOwner);
        }
        self.0.retain(|known| known.key != key.key);
        Ok(())
    }

    /// Verifies a payload, and then reads it.
    ///
    /// # Errors
    /// If it is not one of this kind, or not signed by a trusted key that has the role.
    pub fn open<'a, M: SignedMessage<'a>>(&self, payload: &'a [u8]) -> Result<M, SignatureError> {
        let envelope = Envelope::parse(payload)?;
        let newer = usize::from(envelope.version & 15) > M::EXTENSIONS.len();
        // A newer message may be longer than this crate knows.
        if !newer && payload.len() > M::MAX_PAYLOAD {
            return Err(SignatureError::Malformed);
        }
        let key = self.find(envelope.key).ok_or(SignatureError::UnknownKey(envelope.key))?;
        if !key.roles.any_of(M::ROLES) {
            return Err(SignatureError::KeyRole(envelope.key));
        }
        let signed = Envelope::signed_bytes(M::DOMAIN, envelope.version, envelope.key, envelope.body);
        if !ed25519::verify(&key.key, &signed, envelope.signature) {
            return Err(SignatureError::Signature(envelope.key));
        }
        let message: M = decode_body(envelope.version, envelope.body)?;
        if !key.roles.any_of(message.required_role()) {
            return Err(SignatureError::KeyRole(envelope.key));
        }
        Ok(message)
    }

    /// Whether a trusted content key signed a blob with these first bytes. (Whether the digest among them is right is another check.)
    ///
    /// `header` is the start of the blob, at least the 256 bytes of its header: docs/format.md.
    pub fn signed_content(&self, header: &[u8]) -> bool {
        let Some((signed, rest)) = header.split_at_checked(192) else { return false };
        let Some(signature) = rest.first_chunk() else { return false };
        self.0
            .iter()
            .filter(|key| key.roles.any_of(Roles::CONTENT))
            .any(|key| ed25519::verify(&key.key, signed, signature))
    }

    fn find(&self, id: KeyId) -> Option<&TrustedKey> {
        self.0.iter().find(|key| key.id() == id)
    }

    fn has_owner_but(&self, key: &[u8; 32]) -> bool {
        self.0.iter().any(|known| known.key != *key && known.roles.any_of(Roles::OWNER))
    }
}

/// Why a key was not trusted, or not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChangeError {
    /// Four keys are trusted already.
    Full,
    /// No owner would be left.
    LastOwner,
    /// Anything verifies with this key, or it is none.
    Weak,
    /// The key is not trusted anyway.
    Unknown(KeyId),
}

impl fmt::Display for KeyChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyChangeError::Full => {
                write!(f, "{MAX_KEYS} keys are trusted, and there is no room for another: revoke one first")
            }
            KeyChangeError::LastOwner => write!(f, "no owner key would be left: trust another one first"),
            KeyChangeError::Weak => write!(f, "the key is weak: make one with `dunlin keys new`"),
            KeyChangeError::Unknown(key) => write!(f, "key {key} is not trusted"),
        }
    }
}

impl core::error::Error for KeyChangeError {}
