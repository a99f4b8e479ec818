//! What a device without a file system is given once: the content of one sector of its flash.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `dunlin01` |
//! | 8..12 | length of the payload, little-endian |
//! | 12..44 | SHA-256 of the payload |
//! | 44.. | the payload: [`Provisioning`] in postcard |

use core::fmt;

use dunlin_protocol::message::MAX_GROUPS;
use dunlin_protocol::{Digest, List, Name, Nonce, Text, TrustedKeys};
use dunlin_store::Sizes;
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 8] = *b"dunlin01";
/// Bytes in front of the payload.
const PREFIX: usize = 44;

/// What a device is given once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioning {
    /// The fleet.
    pub fleet: Name,
    /// The device.
    pub device: Name,
    /// Its groups.
    pub groups: List<Name, MAX_GROUPS>,
    /// Drawn when the device was provisioned.
    pub nonce: Nonce,
    /// Keys that are trusted until a command changes them.
    pub keys: TrustedKeys,
    /// IPv4 address of the broker.
    pub broker: [u8; 4],
    /// TCP port of the broker.
    pub port: u16,
    /// User name and password, for brokers that ask for them.
    pub credentials: Option<Credentials>,
    /// Length of each model slot in bytes.
    pub slot_bytes: u32,
}

/// Who the device is to its broker.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User name.
    pub username: Text<64>,
    /// Password.
    pub password: Text<64>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with a password", self.username)
    }
}

/// Why there is no provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvisioningError {
    /// The sector holds something else, or nothing.
    Absent,
    /// The sector was cut or changed.
    Damaged,
    /// The buffer is shorter than the content.
    TooShort,
}

impl fmt::Display for ProvisioningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProvisioningError::Absent => "the device is not provisioned: run `dunlin flash --provision`",
            ProvisioningError::Damaged => "the provisioning is damaged: run `dunlin flash --provision` again",
            ProvisioningError::TooShort => "the provisioning does not fit into its sector",
        })
    }
}

impl core::error::Error for ProvisioningError {}

impl Provisioning {
    /// Most bytes that the content of the sector takes.
    pub const LONGEST: usize = 1024;

    /// Writes the content of the sector to the front of `buffer`, and returns it.
    ///
    /// # Errors
    /// [`ProvisioningError::TooShort`].
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProvisioningError> {
        let too_short = ProvisioningError::TooShort;
        let (prefix, rest) = buffer.split_first_chunk_mut::<PREFIX>().ok_or(too_short)?;
        let payload = postcard::to_slice(self, rest).map_err(|_| too_short)?;
        let length = u32::try_from(payload.len()).map_err(|_| too_short)?;
        let (length, digest) = (length.to_le_bytes(), Digest::of(payload));
        let content = MAGIC.iter().chain(&length).chain(&digest.0).copied().enumerate();
        for (index, byte) in content {
            if let Some(place) = prefix.get_mut(index) {
                *place = byte;
            }
        }
        let end = PREFIX.saturating_add(payload.len());
        buffer.get(..end).ok_or(too_short)
    }

    /// Reads a sector; what follows the payload is left alone.
    ///
    /// # Errors
    /// [`ProvisioningError::Absent`] or [`ProvisioningError::Damaged`].
    pub fn decode(sector: &[u8]) -> Result<Provisioning, ProvisioningError> {
        let rest = sector.strip_prefix(&MAGIC).ok_or(ProvisioningError::Absent)?;
        let damaged = ProvisioningError::Damaged;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(damaged)?;
        let (digest, rest) = rest.split_first_chunk::<32>().ok_or(damaged)?;
        let payload = rest.get(..u32::from_le_bytes(*length) as usize).ok_or(damaged)?;
        if Digest::of(payload).0 != *digest {
            return Err(damaged);
        }
        postcard::from_bytes(payload).map_err(|_| damaged)
    }

    /// How the flash is divided.
    pub fn sizes(&self) -> Sizes {
        Sizes { slot_bytes: self.slot_bytes, ..Sizes::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provisioning() -> Provisioning {
        let name = |text| Name::new(text).unwrap();
        Provisioning {
            fleet: name("demo"),
            device: name("pump-1"),
            groups: List::from_first([name("lab"), name("cellar")]),
            nonce: Nonce::default(),
            keys: TrustedKeys::none(),
            broker: [10, 0, 2, 2],
            port: 1883,
            credentials: Some(Credentials { username: Text::cut("pump-1"), password: Text::cut("secret") }),
            slot_bytes: 65536,
        }
    }

    #[test]
    fn a_sector_is_read_back_and_any_change_is_noticed() {
        let mut sector = [0xFF; 4096];
        let length = provisioning().encode(&mut sector).unwrap().len();
        assert_eq!(Provisioning::decode(&sector), Ok(provisioning()));
        for index in 0..length {
            let mut changed = sector;
            changed[index] ^= 1;
            assert!(Provisioning::decode(&changed).is_err(), "byte {index}");
            assert!(Provisioning::decode(&sector[..index]).is_err(), "cut at {index}");
        }
        assert_eq!(Provisioning::decode(&[0xFF; 4096]), Err(ProvisioningError::Absent));
        assert_eq!(provisioning().encode(&mut [0; 60]), Err(ProvisioningError::TooShort));
        assert!(length <= Provisioning::LONGEST);
    }
}
