//! Signing, for tools and services.

use core::fmt;

use ed25519_dalek::Signer;

use crate::bytes::KeyId;
use crate::codec::EncodeError;
use crate::signed::{ENVELOPE_BYTES, Envelope, SignedMessage};

/// A private key. It shows its identifier and nothing else.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a secret of 32 random bytes.
    pub fn from_secret(secret: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The identifier.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public())
    }

    /// Writes the signed payload to the front of `buffer`, which needs [`SignedMessage::MAX_PAYLOAD`] bytes at most, and returns it.
    ///
    /// # Errors
    /// If the buffer is too small.
    pub fn sign<'a, 'b, M: SignedMessage<'a>>(
        &self,
        message: &M,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], SignError> {
        let too_small = SignError(EncodeError { needed: M::MAX_PAYLOAD });
        let (version, rest) = buffer.split_first_mut().ok_or(too_small)?;
        let (key, rest) = rest.split_first_chunk_mut().ok_or(too_small)?;
        let (signature, rest) = rest.split_first_chunk_mut().ok_or(too_small)?;
        let body = &*postcard::to_slice(message, rest).map_err(|_| too_small)?;
        *version = M::VERSION;
        *key = self.id().0;
        *signature = self.0.sign(&Envelope::signed_bytes(M::DOMAIN, M::VERSION, self.id(), body)).to_bytes();
        let length = 1 + ENVELOPE_BYTES + body.len();
        buffer.get(..length).ok_or(too_small)
    }

    /// Signs the content of a blob: its bytes 0 to 191. The signature belongs at byte 192.
    pub fn sign_content(&self, header: &[u8; 192]) -> [u8; 64] {
        self.0.sign(header).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id()).finish()
    }
}

/// A message was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignError(EncodeError);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for SignError {}
