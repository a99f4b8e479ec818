//! From messages to payloads and back: a version byte, then postcard.
//!
//! The version byte is 16 · major + the number of extensions that the sender wrote. An extension is one or several fields that were
//! appended to a message within a major version. Reading an older message, the decoder supplies zeros for fields that the sender did not
//! know, exactly as many as they take: so they become zero, `None`, empty or the first variant, and a message that was cut is still refused.

use core::fmt;

use postcard::Deserializer;
use postcard::de_flavors::Flavor;
use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Lowest major version of the payloads that this crate reads.
pub const LOWEST_MAJOR: u8 = 1;

/// Highest major version of the payloads that this crate reads, and the one that it writes.
pub const HIGHEST_MAJOR: u8 = 1;

/// Content of a payload, whether it is signed or not.
pub trait Body<'a>: Serialize + Deserialize<'a> + MaxSize {
    /// The kind in its topic.
    const KIND: Kind;

    /// For each extension in turn, how many bytes its fields take if all are zero, `None`, empty or the first variant. At most 15.
    ///
    /// Appended strings, byte strings and lists must be empty by default; everything is allowed otherwise.
    const EXTENSIONS: &'static [usize] = &[];

    /// Longest encoding in bytes, version byte included.
    const MAX_BODY: usize = 1 + Self::POSTCARD_MAX_SIZE;

    /// The version byte that this crate writes.
    const VERSION: u8 = {
        assert!(Self::EXTENSIONS.len() < 16);
        HIGHEST_MAJOR << 4 | Self::EXTENSIONS.len() as u8
    };
}

/// A message that is not signed. Those that are implement [`SignedMessage`](crate::SignedMessage) instead.
pub trait Message<'a>: Body<'a> {}

/// Writes a payload to the front of `buffer`, which needs [`Body::MAX_BODY`] bytes at most, and returns it.
///
/// # Errors
/// If the buffer is too small.
pub fn encode<'a, 'b, M: Message<'a>>(message: &M, buffer: &'b mut [u8]) -> Result<&'b [u8], EncodeError> {
    let too_small = EncodeError { needed: M::MAX_BODY };
    let (version, rest) = buffer.split_first_mut().ok_or(too_small)?;
    *version = M::VERSION;
    let length = postcard::to_slice(message, rest).map_err(|_| too_small)?.len();
    buffer.get(..=length).ok_or(too_small)
}

/// Reads a payload.
///
/// # Errors
/// If it is of another major version, cut, longer than its version says, or no message of this type.
pub fn decode<'a, M: Message<'a>>(payload: &'a [u8]) -> Result<M, DecodeError> {
    let (&version, rest) = payload.split_first().ok_or(DecodeError::Cut)?;
    decode_body(version, rest)
}

pub(crate) fn decode_body<'a, B: Body<'a>>(version: u8, bytes: &'a [u8]) -> Result<B, DecodeError> {
    let (major, extensions) = (version >> 4, usize::from(version & 15));
    if !(LOWEST_MAJOR..=HIGHEST_MAJOR).contains(&major) {
        return Err(DecodeError::Version { found: major });
    }
    let absent = B::EXTENSIONS.iter().skip(extensions).sum();
    let mut deserializer = Deserializer::from_flavor(Padded { bytes, zeros: absent });
    let body = B::deserialize(&mut deserializer).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => DecodeError::Cut,
        _ => DecodeError::Malformed,
    })?;
    let rest = deserializer.finalize().map_err(|_| DecodeError::Malformed)?;
    let newer = extensions > B::EXTENSIONS.len();
    if rest.zeros > 0 || (!newer && !rest.bytes.is_empty()) {
        return Err(DecodeError::Malformed);
    }
    Ok(body)
}

/// Bytes, and a number of zeros behind them.
struct Padded<'a> {
    bytes: &'a [u8],
    zeros: usize,
}

impl<'a> Flavor<'a> for Padded<'a> {
    type Remainder = Padded<'a>;
    type Source = &'a [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        if let Some((&first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return Ok(first);
        }
        self.zeros = self.zeros.checked_sub(1).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        Ok(0)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len())
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'a [u8]> {
        /// Longer than any number.
        static ZEROS: [u8; 8] = [0; 8];
        if let Some((taken, rest)) = self.bytes.split_at_checked(count) {
            self.bytes = rest;
            return Ok(taken);
        }
        if !self.bytes.is_empty() {
            return Err(postcard::Error::DeserializeUnexpectedEnd);
        }
        self.zeros = self.zeros.checked_sub(count).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        ZEROS.get(..count).ok_or(postcard::Error::DeserializeUnexpectedEnd)
    }

    fn finalize(self) -> postcard::Result<Padded<'a>> {
        Ok(self)
    }
}

/// The buffer is too small for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError {
    /// Bytes that certainly suffice.
    pub needed: usize,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small for the message: {} bytes suffice", self.needed)
    }
}

impl core::error::Error for EncodeError {}

/// Why a payload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// A major version that this crate does not read.
    Version {
        /// The payload's.
        found: u8,
    },
    /// The payload ends inside of the message.
    Cut,
    /// The bytes are no message of this kind, or more than one.
    Malformed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Version { found } => write!(
                f,
                "the message is of protocol version {found}, versions {LOWEST_MAJOR} to {HIGHEST_MAJOR} can be read: \
                 update the side that is older"
            ),
            DecodeError::Cut => write!(f, "the message ends too early: it was cut on its way"),
            DecodeError::Malformed => write!(f, "the bytes are not a message of this kind"),
        }
    }
}

impl core::error::Error for DecodeError {}
