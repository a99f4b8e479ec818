//! Who may order a device about.

use dunlin_protocol::message::*;
use dunlin_protocol::*;

use crate::samples::{self, key, trusting};

fn signed_release(key: &SigningKey, buffer: &mut [u8]) -> usize {
    key.sign(&samples::release(), buffer).unwrap().len()
}

#[test]
fn an_unknown_key_is_refused() {
    let mut buffer = [0; 512];
    let length = signed_release(&key(2), &mut buffer);
    let trusted = trusting(&[(&key(1), Roles::RELEASE)]);
    let error = trusted.open::<Release>(&buffer[..length]).unwrap_err();
    assert_eq!(error, SignatureError::UnknownKey(key(2).id()));
    assert_eq!(Rejection::from(error), Rejection::UnknownKey(key(2).id()));

    // In the name of the trusted key.
    buffer[1..9].copy_from_slice(&key(1).id().0);
    assert_eq!(trusted.open::<Release>(&buffer[..length]), Err(SignatureError::Signature(key(1).id())));
}

#[test]
fn every_changed_bit_is_refused() {
    let mut buffer = [0; 512];
    let length = signed_release(&key(1), &mut buffer);
    let trusted = trusting(&[(&key(1), Roles::RELEASE)]);
    assert_eq!(trusted.open(&buffer[..length]), Ok(samples::release()));
    for byte in 0..length {
        let bit = 1 << (byte % 8);
        buffer[byte] ^= bit;
        assert!(trusted.open::<Release>(&buffer[..length]).is_err(), "byte {byte}");
        buffer[byte] ^= bit;
    }
    assert!(trusted.open::<Release>(&buffer[..length - 1]).is_err());
    assert!(trusted.open::<Release>(&buffer[..=length]).is_err());
}

/// Bytes that are no release, signed by a foreign key and by a trusted one: only the latter are looked at.
#[test]
fn a_forged_message_is_refused_before_it_is_read() {
    let trusted = trusting(&[(&key(1), Roles::RELEASE)]);
    let mut buffer = [0; 512];
    let length = signed_release(&key(1), &mut buffer);
    // The length of the fleet's name, far beyond the end.
    buffer[73] = 0x7f;
    assert_eq!(trusted.open::<Release>(&buffer[..length]), Err(SignatureError::Signature(key(1).id())));
    for length in 0..73 {
        assert_eq!(trusted.open::<Release>(&buffer[..length]), Err(SignatureError::Malformed));
    }
}

#[test]
fn a_signature_is_good_for_one_kind_alone() {
    let all = Roles::RELEASE.and(Roles::CONTROL).and(Roles::OWNER);
    let trusted = trusting(&[(&key(1), all)]);
    // The same bytes are a valid configuration and, read as such, the beginning of a command.
    let configuration = samples::configuration();
    let mut buffer = [0; 512];
    let payload = key(1).sign(&configuration, &mut buffer).unwrap();
    assert!(trusted.open::<Configuration>(payload).is_ok());
    assert_eq!(trusted.open::<Command>(payload), Err(SignatureError::Signature(key(1).id())));
    assert_eq!(trusted.open::<Release>(payload), Err(SignatureError::Signature(key(1).id())));
}

#[test]
fn a_key_signs_within_its_role_alone() {
    let trusted = trusting(&[
        (&key(1), Roles::CONTENT),
        (&key(2), Roles::RELEASE),
        (&key(3), Roles::CONTROL),
        (&key(4), Roles::OWNER),
    ]);
    let commands = [samples::command(Action::Reboot), samples::command(samples::longest_action())];
    let mut buffer = [0; 512];
    for number in 1..=4 {
        let key = key(number);
        let refused = Err(SignatureError::KeyRole(key.id()));
        let release = trusted.open::<Release>(key.sign(&samples::release(), &mut buffer).unwrap());
        assert_eq!(release, if number == 2 { Ok(samples::release()) } else { refused.clone() });
        let mut allowed = Vec::new();
        for command in &commands {
            let opened = trusted.open::<Command>(key.sign(command, &mut buffer).unwrap());
            allowed.push(opened.is_ok());
            if opened.is_err() {
                assert_eq!(opened, Err(SignatureError::KeyRole(key.id())));
            }
        }
        assert_eq!(allowed, [number == 3, number == 4], "key {number}");
        let configuration =
            trusted.open::<Configuration>(key.sign(&samples::configuration(), &mut buffer).unwrap());
        assert_eq!(configuration.is_ok(), number == 3);
    }
}

/// S + L is the same number as S to the group, so that a lax verifier would accept two signatures.
#[test]
fn a_malleable_signature_is_refused() {
    /// The order of the group, little-endian: RFC 8032, section 5.1.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let trusted = trusting(&[(&key(1), Roles::RELEASE)]);
    let mut buffer = [0; 512];
    let length = signed_release(&key(1), &mut buffer);
    let mut carry = 0;
    for (byte, order) in buffer[41..73].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(trusted.open::<Release>(&buffer[..length]), Err(SignatureError::Signature(key(1).id())));
}

#[test]
fn weak_keys_are_not_trusted() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let mut not_on_the_curve = [0; 32];
    not_on_the_curve[0] = 2;
    for key in [identity, order_two, [0; 32], not_on_the_curve] {
        let mut trusted = TrustedKeys::none();
        let weak = TrustedKey { key, roles: Roles::OWNER };
        assert_eq!(trusted.trust(weak), Err(KeyChangeError::Weak), "{key:?}");
    }
}

#[test]
fn a_revoked_key_is_refused() {
    let mut trusted = trusting(&[(&key(1), Roles::OWNER), (&key(2), Roles::RELEASE)]);
    let mut buffer = [0; 512];
    let length = signed_release(&key(2), &mut buffer);
    assert!(trusted.open::<Release>(&buffer[..length]).is_ok());
    assert_eq!(trusted.revoke(key(2).id()), Ok(()));
    assert_eq!(trusted.open::<Release>(&buffer[..length]), Err(SignatureError::UnknownKey(key(2).id())));
    assert_eq!(trusted.revoke(key(2).id()), Err(KeyChangeError::Unknown(key(2).id())));
}

#[test]
fn the_last_owner_stays() {
    let mut trusted = trusting(&[(&key(1), Roles::OWNER), (&key(2), Roles::RELEASE)]);
    assert_eq!(trusted.revoke(key(1).id()), Err(KeyChangeError::LastOwner));
    let demoted = TrustedKey { key: key(1).public(), roles: Roles::CONTROL };
    assert_eq!(trusted.trust(demoted), Err(KeyChangeError::LastOwner));

    trusted.trust(TrustedKey { key: key(3).public(), roles: Roles::OWNER }).unwrap();
    assert_eq!(trusted.trust(demoted), Ok(()));
    assert_eq!(trusted.revoke(key(1).id()), Ok(()));
    assert_eq!(trusted.revoke(key(3).id()), Err(KeyChangeError::LastOwner));

    trusted.trust(TrustedKey { key: key(4).public(), roles: Roles::CONTROL }).unwrap();
    trusted.trust(TrustedKey { key: key(5).public(), roles: Roles::CONTROL }).unwrap();
    let fifth = TrustedKey { key: key(6).public(), roles: Roles::CONTROL };
    assert_eq!(trusted.trust(fifth), Err(KeyChangeError::Full));
}

#[test]
fn unsigned_content_is_refused() {
    let mut header = [0x42; 256];
    let signed: [u8; 192] = header[..192].try_into().unwrap();
    let trusted = trusting(&[(&key(1), Roles::CONTENT), (&key(2), Roles::RELEASE)]);
    header[192..].fill(0);
    assert!(!trusted.signed_content(&header), "not signed");
    header[192..].copy_from_slice(&key(2).sign_content(&signed));
    assert!(!trusted.signed_content(&header), "signed by a key without the role");
    header[192..].copy_from_slice(&key(1).sign_content(&signed));
    assert!(trusted.signed_content(&header));
    assert!(!trusted.signed_content(&header[..255]), "cut");
    header[160] ^= 1;
    assert!(!trusted.signed_content(&header), "another digest");
}

/// Test 1 of RFC 8032, section 7.1: the public key of a known secret, and its signature of nothing.
#[test]
fn keys_are_those_of_rfc_8032() {
    let secret = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(SigningKey::from_secret(&secret).public(), bytes(public));
}

fn bytes(text: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
}

/// The envelope, written by hand from the specification with nothing of this crate but the key.
#[test]
fn the_envelope_is_that_of_the_specification() {
    use sha2::{Digest as _, Sha256};
    let mut buffer = [0; 512];
    let payload = key(1).sign(&samples::configuration(), &mut buffer).unwrap();
    let mut signed = b"dunlin/1/configuration\0\0".to_vec();
    let message = [&payload[..9], &payload[73..]].concat();
    signed.extend(Sha256::digest(message));
    let dalek = ed25519_dalek::VerifyingKey::from_bytes(&key(1).public()).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&payload[9..73]).unwrap();
    assert!(dalek.verify_strict(&signed, &signature).is_ok());
    assert_eq!(payload[1..9], Sha256::digest(key(1).public())[..8]);
}
