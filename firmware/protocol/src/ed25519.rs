//! Ed25519 as this protocol uses it.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is one of `key` over `message`: the strict rules of RFC 8032, without keys or R of small order.
pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// Whether the key is no point of the curve, or one for which signatures mean nothing.
pub(crate) fn is_weak(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).map_or(true, |key| key.is_weak())
}
