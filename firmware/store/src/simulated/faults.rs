//! What goes wrong in a simulated flash.

/// A power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Number of the write or erasure, from 0 on.
    pub operation: usize,
    /// How much of it was done.
    pub tear: Tear,
}

/// How much of a write or an erasure was done when the power was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// Nothing.
    Before,
    /// So many bytes from the start; all of them, if it has no more: the cut came behind the operation.
    After {
        /// Number of bytes.
        bytes: u32,
    },
    /// All of it as far as can be seen, but too weakly: what was erased takes no writes.
    Weak,
    /// So many bytes, and some of the bits of the word behind them.
    Bits {
        /// Number of bytes.
        bytes: u32,
        /// Chooses the bits.
        seed: u32,
    },
}

impl Tear {
    /// The bits of a byte that are done.
    pub(super) fn mask(self, index: usize, word: usize) -> u8 {
        match self {
            Tear::Before => 0,
            Tear::Weak => u8::MAX,
            Tear::After { bytes } => u8::MAX * u8::from(index < bytes as usize),
            Tear::Bits { bytes, .. } if index < bytes as usize => u8::MAX,
            Tear::Bits { bytes, seed } if index / word <= bytes as usize / word => random(seed, index),
            Tear::Bits { .. } => 0,
        }
    }

    /// Whether the operation was done as a whole.
    pub(super) fn is_whole(self, length: usize) -> bool {
        matches!(self, Tear::After { bytes } if bytes as usize >= length)
    }

    /// Whether a word was done as a whole; none when it was not begun.
    pub(super) fn reaches(self, word_start: usize, word: usize) -> Option<bool> {
        match self {
            Tear::Before => None,
            Tear::Weak => Some(true),
            Tear::After { bytes } | Tear::Bits { bytes, .. } if bytes as usize >= word_start + word => {
                Some(true)
            }
            Tear::After { bytes } if bytes as usize > word_start => Some(false),
            Tear::Bits { bytes, .. } if bytes as usize / word * word == word_start => Some(false),
            _ => None,
        }
    }
}

/// A fault of the flash itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The driver reports that this operation failed; half of it was done.
    Operation(usize),
    /// This operation does half of its work and never ends: its future is to be dropped. See [`poll`](super::poll).
    Stall(usize),
    /// The driver reports that every write into this range fails; half of it is done.
    Program {
        /// Offset of the first byte.
        from: u32,
        /// Offset behind the last byte.
        to: u32,
    },
    /// The driver reports that every erasure in this range fails; half of it is done.
    Erase {
        /// Offset of the first byte.
        from: u32,
        /// Offset behind the last byte.
        to: u32,
    },
    /// Bits that keep their value, and no driver reports it.
    StuckBits {
        /// Offset of the byte.
        offset: u32,
        /// Bits that are always 1.
        ones: u8,
        /// Bits that are always 0.
        zeros: u8,
    },
}

impl Fault {
    pub(super) fn fails(self, erases: bool, number: usize, offset: u32, length: usize) -> bool {
        let touches = |from: u32, to: u32| offset < to && from < offset + length as u32;
        match self {
            Fault::Operation(failing) => failing == number,
            Fault::Program { from, to } => !erases && touches(from, to),
            Fault::Erase { from, to } => erases && touches(from, to),
            Fault::Stall(_) | Fault::StuckBits { .. } => false,
        }
    }
}

/// The bits that a failing operation does: the first half of its bytes.
pub(super) fn half(index: usize, length: usize) -> u8 {
    u8::MAX * u8::from(index < length / 2)
}

/// Pseudo-random bits (the finalizer of MurmurHash3).
fn random(seed: u32, index: usize) -> u8 {
    let mut value = seed ^ (index as u32).wrapping_mul(0x9E37_79B9);
    value = (value ^ (value >> 16)).wrapping_mul(0x85EB_CA6B);
    value = (value ^ (value >> 13)).wrapping_mul(0xC2B2_AE35);
    (value ^ (value >> 16)) as u8
}
