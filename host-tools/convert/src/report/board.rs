//! Does a board have room for a blob?

use dunlin_runtime::Family;
use serde::Serialize;

use super::BlobDescription;

/// What a board has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardBudget {
    /// The board's name.
    pub name: String,
    /// Flash in bytes, or what holds blobs instead.
    pub flash_bytes: u64,
    /// RAM in bytes.
    pub ram_bytes: u64,
    /// Kernel families that may run on it.
    pub families: Vec<Family>,
}

/// A blob held against a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoardVerdict {
    /// The board's name.
    pub board: String,
    /// Length of the blob.
    pub flash_needed: u64,
    /// The board's flash.
    pub flash_bytes: u64,
    /// The largest arena that one of the board's kernel families needs.
    pub ram_needed: u64,
    /// The board's RAM.
    pub ram_bytes: u64,
    /// Whether both are enough. Firmware needs its share of flash and RAM beside it.
    pub fits: bool,
}

impl BoardBudget {
    /// Holds a blob against the board.
    pub fn judge(&self, blob: &BlobDescription) -> BoardVerdict {
        let runs = |name: &str| self.families.iter().any(|family| family.name() == name);
        let arenas = blob.arena.families.iter().filter(|arena| runs(arena.family));
        let ram_needed = arenas.map(|arena| arena.total_bytes as u64).max().unwrap_or_default();
        let flash_needed = blob.bytes as u64;
        BoardVerdict {
            board: self.name.clone(),
            flash_needed,
            flash_bytes: self.flash_bytes,
            ram_needed,
            ram_bytes: self.ram_bytes,
            fits: flash_needed <= self.flash_bytes && ram_needed <= self.ram_bytes,
        }
    }
}
