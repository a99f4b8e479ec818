//! Ed25519 verification (RFC 8032, section 5.1.7) in its strict form: S below the order of the group, neither key nor R of small order.
//!
//! The equation stands here, and not in a call of `ed25519-dalek`, because that looks multiples of points up by an index that the compiler
//! cannot see to be in range: the linker could not prove that no panic is reachable. The arithmetic is that of `curve25519-dalek`. A test
//! holds both to the same answers.

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest as _, Sha512};

/// Whether `signature` is one of `key` over `message`.
pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    signature_holds(key, message, signature).unwrap_or(false)
}

/// `None` if a part of the signature, or the key, is not what it should be.
fn signature_holds(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Option<bool> {
    let (r, s) = (signature.first_chunk()?, signature.last_chunk()?);
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s))?;
    let point = CompressedEdwardsY(*key).decompress()?;
    if point.is_small_order() || CompressedEdwardsY(*r).decompress()?.is_small_order() {
        return None;
    }
    let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    Some((s * ED25519_BASEPOINT_POINT - k * point).compress().as_bytes() == r)
}

/// Whether the key is no point of the curve, or one for which signatures mean nothing.
pub(crate) fn is_weak(key: &[u8; 32]) -> bool {
    CompressedEdwardsY(*key).decompress().is_none_or(|point| point.is_small_order())
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    use std::vec::Vec;

    use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
    use proptest::prelude::*;

    use super::*;

    /// Encodings of points of small order, canonical or not: with them as key or R, lax verifiers disagree.
    const SMALL_ORDER: [[u8; 2]; 6] =
        [[0, 0], [1, 0], [0xec, 0x7f], [0xed, 0x7f], [0xee, 0x7f], [0xec, 0xff]];

    fn small_order([low, high]: [u8; 2]) -> [u8; 32] {
        let mut bytes = if low > 1 { [0xff; 32] } else { [0; 32] };
        (bytes[0], bytes[31]) = (low, high);
        bytes
    }

    fn strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(key)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }

    #[test]
    fn points_of_small_order_verify_nothing() {
        for encoding in SMALL_ORDER {
            let point = small_order(encoding);
            assert!(is_weak(&point), "{encoding:x?}");
            // A key of small order, R = r · B and S = r: holds for every message whose hash is a multiple of the order.
            let r = Scalar::from(77u8);
            let mut signature = [0; 64];
            signature[..32].copy_from_slice((r * ED25519_BASEPOINT_POINT).compress().as_bytes());
            signature[32..].copy_from_slice(r.as_bytes());
            for message in 0..64u8 {
                assert!(!verify(&point, &[message], &signature), "{encoding:x?}");
                assert!(!strict(&point, &[message], &signature), "{encoding:x?}");
            }
        }
    }

    /// R the neutral element and S = k · secret: the equation holds, but the signature gives the secret away.
    #[test]
    fn a_signature_with_r_of_small_order_is_refused() {
        let pair = SigningKey::from_bytes(&[5; 32]);
        let key = pair.verifying_key().to_bytes();
        let r = small_order([1, 0]);
        let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(b"x").finalize();
        let s = Scalar::from_bytes_mod_order_wide(&hash.into()) * pair.to_scalar();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        assert!(!verify(&key, b"x", &signature));
        assert!(!strict(&key, b"x", &signature));
    }

    proptest! {
        /// What the strict verification of `ed25519-dalek` accepts, and nothing else, whichever byte is another.
        #[test]
        fn both_verifications_agree(
            secret in any::<[u8; 32]>(),
            message in proptest::collection::vec(any::<u8>(), 0..80),
            changes in proptest::collection::vec((0usize..96, any::<u8>()), 0..2),
        ) {
            let pair = SigningKey::from_bytes(&secret);
            let mut bytes: Vec<u8> = pair.verifying_key().to_bytes().to_vec();
            bytes.extend(pair.sign(&message).to_bytes());
            for (place, value) in &changes {
                bytes[*place] = *value;
            }
            let (key, signature) = (bytes[..32].try_into().unwrap(), bytes[32..].try_into().unwrap());
            prop_assert_eq!(verify(&key, &message, &signature), strict(&key, &message, &signature));
            prop_assert!(!changes.is_empty() || verify(&key, &message, &signature));
        }
    }
}
