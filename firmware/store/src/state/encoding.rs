//! Bytes of a state in the journal.
//!
//! A version byte (1), then the fields in the order of [`State`], little-endian; an absent one is a zero byte, a present one a
//! one and its fields; byte strings have a u16 length. New fields are only ever appended: an older record ends before them,
//! and they keep their defaults; an older firmware ignores them.

use heapless::Vec;

use super::{
    CONFIGURATION_BYTES, Configuration, KEYS, Key, Model, Progress, REASON_BYTES, REASONS, RELEASE_BYTES,
    RESETS, Reason, Release, State, Trial,
};
use crate::{BlockSize, SlotId};

const VERSION: u8 = 1;
const MODEL_BYTES: usize = 8 + 32 + 4 + 1;
/// The longest encoding in bytes.
pub(crate) const STATE_BYTES: usize = 1 // version
    + 4 // boots
    + 1 // active slot
    + 2 * (1 + MODEL_BYTES)
    + 1 + 3 + 16 // trial
    + 8 // confirmed sequence
    + 1 + MODEL_BYTES + 32 + 2 + RELEASE_BYTES
    + 1 + 8 + 2 + CONFIGURATION_BYTES
    + 8 // command
    + 1 // decommissioned
    + 4 + 1 + REASONS * (4 + 2 + REASON_BYTES)
    + 1 + 1 + KEYS * 33 // keys
    + 2 + REASON_BYTES // verdict
    + RESETS * 4;

impl State {
    /// Writes the state to the start of the buffer.
    pub(crate) fn encode<'b>(&self, buffer: &'b mut [u8; STATE_BYTES]) -> &'b [u8] {
        let mut writer = Writer { buffer: &mut buffer[..], used: 0 };
        writer.bytes(&[VERSION]);
        writer.bytes(&self.boots.to_le_bytes());
        writer.byte(match self.active {
            None => 0,
            Some(SlotId::A) => 1,
            Some(SlotId::B) => 2,
        });
        for model in &self.models {
            if writer.present(model.is_some())
                && let Some(model) = model
            {
                writer.model(model);
            }
        }
        writer.present(self.trial.is_some());
        if let Some(trial) = self.trial {
            writer.byte(trial.crashes_left);
            writer.bytes(&trial.boots.to_le_bytes());
            let Progress { inferences, errors, over_budget, seconds } = trial.progress;
            for count in [inferences, errors, over_budget, seconds] {
                writer.bytes(&count.to_le_bytes());
            }
        }
        writer.bytes(&self.confirmed.to_le_bytes());
        writer.present(self.release.is_some());
        if let Some(release) = &self.release {
            writer.model(&release.model);
            writer.bytes(&release.index_digest);
            writer.string(&release.message);
        }
        writer.present(self.configuration.is_some());
        if let Some(configuration) = &self.configuration {
            writer.bytes(&configuration.id.to_le_bytes());
            writer.string(&configuration.message);
        }
        writer.bytes(&self.command.to_le_bytes());
        writer.present(self.decommissioned);
        writer.bytes(&self.last_reason.to_le_bytes());
        writer.byte(self.reasons.len() as u8);
        for reason in &self.reasons {
            writer.bytes(&reason.id.to_le_bytes());
            writer.string(&reason.message);
        }
        writer.present(self.keys.is_some());
        if let Some(keys) = &self.keys {
            writer.byte(keys.len() as u8);
            for key in keys {
                writer.bytes(&key.key);
                writer.byte(key.roles);
            }
        }
        writer.string(&self.verdict);
        for count in self.resets {
            writer.bytes(&count.to_le_bytes());
        }
        let used = writer.used;
        buffer.get(..used).unwrap_or_default()
    }

    /// Reads a state.
    ///
    /// # Errors
    /// The version byte, when it is another one or what follows is not as this version says.
    pub(crate) fn decode(bytes: &[u8]) -> Result<State, u8> {
        let mut reader = Reader { bytes };
        match reader.byte() {
            Some(VERSION) => read(&mut reader).ok_or(VERSION),
            other => Err(other.unwrap_or(0)),
        }
    }
}

fn read(reader: &mut Reader<'_>) -> Option<State> {
    Some(State {
        boots: u32::from_le_bytes(reader.array()?),
        active: match reader.byte()? {
            0 => None,
            1 => Some(SlotId::A),
            2 => Some(SlotId::B),
            _ => return None,
        },
        models: [reader.optional(Reader::model)?, reader.optional(Reader::model)?],
        trial: reader.optional(|reader| {
            Some(Trial {
                crashes_left: reader.byte()?,
                boots: u16::from_le_bytes(reader.array()?),
                progress: Progress {
                    inferences: u32::from_le_bytes(reader.array()?),
                    errors: u32::from_le_bytes(reader.array()?),
                    over_budget: u32::from_le_bytes(reader.array()?),
                    seconds: u32::from_le_bytes(reader.array()?),
                },
            })
        })?,
        confirmed: u64::from_le_bytes(reader.array()?),
        release: reader.optional(|reader| {
            Some(Release { model: reader.model()?, index_digest: reader.array()?, message: reader.string()? })
        })?,
        configuration: reader.optional(|reader| {
            Some(Configuration { id: u64::from_le_bytes(reader.array()?), message: reader.string()? })
        })?,
        command: u64::from_le_bytes(reader.array()?),
        decommissioned: reader.flag()?,
        last_reason: u32::from_le_bytes(reader.array()?),
        reasons: {
            let mut reasons = Vec::new();
            for _ in 0..reader.byte()? {
                let reason = Reason { id: u32::from_le_bytes(reader.array()?), message: reader.string()? };
                reasons.push(reason).ok()?;
            }
            reasons
        },
        keys: reader.optional(|reader| {
            let mut keys = Vec::new();
            for _ in 0..reader.byte()? {
                keys.push(Key { key: reader.array()?, roles: reader.byte()? }).ok()?;
            }
            Some(keys)
        })?,
        verdict: reader.string()?,
        resets: {
            let mut resets = [0; RESETS];
            for count in &mut resets {
                *count = u32::from_le_bytes(reader.array()?);
            }
            resets
        },
    })
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    used: usize,
}

impl Writer<'_> {
    /// `STATE_BYTES` has room for everything, which a test shows.
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        if let Some(to) = self.buffer.get_mut(self.used..end)
            && to.len() == bytes.len()
        {
            to.copy_from_slice(bytes);
            self.used = end;
        }
    }

    fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    fn present(&mut self, present: bool) -> bool {
        self.byte(present.into());
        present
    }

    fn string(&mut self, bytes: &[u8]) {
        self.bytes(&(bytes.len() as u16).to_le_bytes());
        self.bytes(bytes);
    }

    fn model(&mut self, model: &Model) {
        self.bytes(&model.sequence.to_le_bytes());
        self.bytes(&model.digest);
        self.bytes(&model.length.to_le_bytes());
        self.byte(model.block_size.shift() as u8);
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn optional<T>(&mut self, field: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { field(self).map(Some) } else { Some(None) }
    }

    fn string<const N: usize>(&mut self) -> Option<Vec<u8, N>> {
        let length = u16::from_le_bytes(self.array()?);
        Vec::from_slice(self.take(length.into())?).ok()
    }

    fn model(&mut self) -> Option<Model> {
        Some(Model {
            sequence: u64::from_le_bytes(self.array()?),
            digest: self.array()?,
            length: u32::from_le_bytes(self.array()?),
            block_size: BlockSize::from_shift(self.byte()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(sequence: u64) -> Model {
        Model {
            sequence,
            digest: [sequence as u8; 32],
            length: 4_000_000,
            block_size: BlockSize::FourKibibytes,
        }
    }

    /// Every field at its longest.
    fn longest() -> State {
        let full = |byte| Vec::from_slice(&[byte; RELEASE_BYTES]).unwrap();
        let mut state = State {
            boots: u32::MAX,
            active: Some(SlotId::B),
            models: [Some(model(1)), Some(model(2))],
            trial: Some(Trial {
                crashes_left: 3,
                boots: 700,
                progress: Progress { inferences: 1 << 30, errors: 2, over_budget: 3, seconds: 4 },
            }),
            confirmed: u64::MAX,
            release: Some(Release { model: model(3), index_digest: [9; 32], message: full(7) }),
            configuration: Some(Configuration {
                id: 5,
                message: Vec::from_slice(&[8; CONFIGURATION_BYTES]).unwrap(),
            }),
            command: 6,
            decommissioned: true,
            ..State::default()
        };
        for byte in 0..6 {
            state.add_reason(&[byte; 200]);
        }
        state.set_keys(Vec::from_slice(&[Key { key: [6; 32], roles: 15 }; KEYS]).unwrap());
        state.set_verdict(&[3; 200]);
        state.count_reset(7);
        state
    }

    #[test]
    fn the_longest_state_fills_the_buffer_and_comes_back() {
        let mut buffer = [0; STATE_BYTES];
        let state = longest();
        let bytes = state.encode(&mut buffer).to_vec();
        assert_eq!(bytes.len(), STATE_BYTES);
        assert_eq!(State::decode(&bytes), Ok(state));
        assert_eq!(State::decode(State::default().encode(&mut buffer)), Ok(State::default()));
    }

    #[test]
    fn truncated_and_damaged_states_are_refused_without_a_panic() {
        let mut buffer = [0; STATE_BYTES];
        let bytes = longest().encode(&mut buffer).to_vec();
        for length in 0..bytes.len() {
            assert!(State::decode(&bytes[..length]).is_err(), "{length}");
        }
        for place in 0..bytes.len() {
            for value in [0, 3, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[place] = value;
                let _ = State::decode(&damaged);
            }
        }
        let mut longer = bytes.clone();
        longer.push(1);
        assert_eq!(State::decode(&longer), Ok(longest()), "a later version appends");
        longer[0] = 2;
        assert_eq!(State::decode(&longer), Err(2));
    }
}
