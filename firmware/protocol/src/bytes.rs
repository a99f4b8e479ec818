//! Digests and identifiers: fixed arrays of bytes, hexadecimal for people and in formats that people read.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

macro_rules! byte_array {
    ($(#[$attribute:meta])* $name:ident, $length:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, MaxSize)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                if !deserializer.is_human_readable() {
                    return <[u8; $length]>::deserialize(deserializer).map($name);
                }
                let text = heapless::String::<{ 2 * $length }>::deserialize(deserializer)?;
                let mut bytes = [0; $length];
                if text.len() != 2 * $length || !text.is_ascii() {
                    return Err(D::Error::custom("not the right number of hexadecimal digits"));
                }
                for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    *byte = core::str::from_utf8(digits)
                        .ok()
                        .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                        .ok_or_else(|| D::Error::custom("not a hexadecimal digit"))?;
                }
                Ok($name(bytes))
            }
        }
    };
}

byte_array!(
    /// SHA-256; of a blob: the digest in its header.
    Digest,
    32
);
byte_array!(
    /// The first 8 bytes of a blob's digest.
    ModelId,
    8
);
byte_array!(
    /// What blocks are asked for by: the first 16 bytes of the digest of a block index.
    ContentId,
    16
);
byte_array!(
    /// The first 8 bytes of SHA-256 of a public key.
    KeyId,
    8
);
byte_array!(
    /// What goes into a model, or comes out of it; see [`schema`](crate::schema).
    Schema,
    8
);
byte_array!(
    /// Drawn when a device is provisioned.
    Nonce,
    8
);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The identifier of the model with this digest.
    pub fn model(&self) -> ModelId {
        ModelId(self.first())
    }

    /// The identifier of the content whose block index has this digest.
    pub fn content(&self) -> ContentId {
        ContentId(self.first())
    }

    /// The first `N` bytes, at most 32; zeros behind them.
    pub(crate) fn first<const N: usize>(&self) -> [u8; N] {
        let mut first = [0; N];
        for (to, from) in first.iter_mut().zip(self.0) {
            *to = from;
        }
        first
    }
}

impl KeyId {
    /// The identifier of a public key.
    pub fn of(key: &[u8; 32]) -> KeyId {
        KeyId(Digest::of(key).first())
    }
}
