//! The envelope of signed messages: version byte, key id, signature, message.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bytes::KeyId;
use crate::codec::{Body, DecodeError, HIGHEST_MAJOR, LOWEST_MAJOR, decode_body};

/// Bytes of key id and signature, beside those of the message.
pub const ENVELOPE_BYTES: usize = 8 + 64;

/// A message that is worth nothing without a signature.
pub trait SignedMessage<'a>: Body<'a> {
    /// What is signed begins with it, so that a signature is good for this kind of message alone.
    const DOMAIN: [u8; 24];

    /// Keys with any of these roles may sign messages of this kind.
    const ROLES: Roles;

    /// Longest payload in bytes, envelope included.
    const MAX_PAYLOAD: usize = ENVELOPE_BYTES + Self::MAX_BODY;

    /// The role that this very message needs.
    fn required_role(&self) -> Roles;
}

/// A domain: its name, filled up with zeros.
pub(crate) const fn domain(name: &str) -> [u8; 24] {
    let mut domain = [0; 24];
    let mut index = 0;
    while index < name.len() {
        domain[index] = name.as_bytes()[index];
        index += 1;
    }
    domain
}

/// The parts of a signed payload.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Version byte of the message.
    pub version: u8,
    /// The key that is said to have signed.
    pub key: KeyId,
    /// The signature, 64 bytes.
    pub signature: &'a [u8; 64],
    /// The message.
    pub body: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes a payload apart. Nothing is verified.
    ///
    /// # Errors
    /// If it is too short, or of another major version.
    pub fn parse(payload: &'a [u8]) -> Result<Envelope<'a>, DecodeError> {
        let (&version, rest) = payload.split_first().ok_or(DecodeError::Cut)?;
        let found = version >> 4;
        if !(LOWEST_MAJOR..=HIGHEST_MAJOR).contains(&found) {
            return Err(DecodeError::Version { found });
        }
        let (&key, rest) = rest.split_first_chunk().ok_or(DecodeError::Cut)?;
        let (signature, body) = rest.split_first_chunk().ok_or(DecodeError::Cut)?;
        Ok(Envelope { version, key: KeyId(key), signature, body })
    }

    /// Reads the message whoever signed it: to show it, never to obey it.
    ///
    /// # Errors
    /// As [`decode`](crate::decode).
    pub fn read_unverified<M: SignedMessage<'a>>(&self) -> Result<M, DecodeError> {
        decode_body(self.version, self.body)
    }

    /// What the signature of a message covers.
    #[cfg_attr(not(feature = "verify"), expect(dead_code, reason = "signing and verifying need it"))]
    pub(crate) fn signed_bytes(domain: [u8; 24], version: u8, key: KeyId, body: &[u8]) -> [u8; 56] {
        let digest = Sha256::new().chain_update([version]).chain_update(key.0).chain_update(body).finalize();
        let mut bytes = [0; 56];
        for (to, from) in bytes.iter_mut().zip(domain.into_iter().chain(digest)) {
            *to = from;
        }
        bytes
    }
}

/// What a key may sign: a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, MaxSize)]
#[serde(transparent)]
pub struct Roles(u8);

impl Roles {
    /// Blobs.
    pub const CONTENT: Roles = Roles(1);
    /// Releases.
    pub const RELEASE: Roles = Roles(2);
    /// Configurations, and commands that change no trust.
    pub const CONTROL: Roles = Roles(4);
    /// Commands that trust or revoke keys, and decommission.
    pub const OWNER: Roles = Roles(8);

    /// The set of these bits.
    pub const fn from_bits(bits: u8) -> Roles {
        Roles(bits)
    }

    /// The bits of the set.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets together.
    pub const fn and(self, other: Roles) -> Roles {
        Roles(self.0 | other.0)
    }

    /// Whether the sets have a role in common.
    pub const fn any_of(self, other: Roles) -> bool {
        self.0 & other.0 != 0
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Roles::CONTENT, "content"),
            (Roles::RELEASE, "release"),
            (Roles::CONTROL, "control"),
            (Roles::OWNER, "owner"),
        ];
        let mut separator = "";
        for (_, name) in names.into_iter().filter(|(role, _)| self.any_of(*role)) {
            write!(f, "{separator}{name}")?;
            separator = "+";
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a signed payload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// A major version that this crate does not read.
    Version {
        /// The payload's.
        found: u8,
    },
    /// Too short, too long, or no message of this kind.
    Malformed,
    /// A key that is not trusted.
    UnknownKey(KeyId),
    /// A key that may not sign this.
    KeyRole(KeyId),
    /// Not signed by the key that is named.
    Signature(KeyId),
}

impl From<DecodeError> for SignatureError {
    fn from(error: DecodeError) -> SignatureError {
        match error {
            DecodeError::Version { found } => SignatureError::Version { found },
            DecodeError::Cut | DecodeError::Malformed => SignatureError::Malformed,
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::Version { found } => DecodeError::Version { found: *found }.fmt(f),
            SignatureError::Malformed => write!(f, "the bytes are not a signed message of this kind"),
            SignatureError::UnknownKey(key) => write!(f, "key {key} is not trusted"),
            SignatureError::KeyRole(key) => write!(f, "key {key} may not sign this"),
            SignatureError::Signature(key) => write!(f, "the signature is not one of key {key}"),
        }
    }
}

impl core::error::Error for SignatureError {}
