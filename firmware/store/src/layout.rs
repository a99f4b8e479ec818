//! Where the parts lie in the flash.

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;

use crate::{LayoutError, Part, flash::MAXIMUM_UNIT};

/// One of the two model slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotId {
    /// The slot at the start of the flash.
    A,
    /// The slot behind it.
    B,
}

impl SlotId {
    /// The slot that this one is not.
    pub const fn other(self) -> SlotId {
        match self {
            SlotId::A => SlotId::B,
            SlotId::B => SlotId::A,
        }
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SlotId::A => "A",
            SlotId::B => "B",
        })
    }
}

/// Contiguous bytes of the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub length: u32,
}

impl Region {
    /// Offset behind the last byte.
    pub const fn end(&self) -> u32 {
        self.start.saturating_add(self.length)
    }
}

/// How much of the flash each part gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Length of each of the two slots in bytes, whole erase sectors. A blob and its block index (16 bytes per block) fit
    /// when both, each rounded up to erase sectors, are not longer.
    pub slot_bytes: u32,
    /// Length of a sector of the three logs in bytes: whole erase sectors of 2 KiB to 256 KiB together.
    pub log_sector_bytes: u32,
    /// Sectors of the journal, at least 2; with 3 it survives the failure of one.
    pub journal_sectors: u32,
    /// Sectors for reports, at least 3, of which one is always free.
    pub report_sectors: u32,
    /// Sectors for events, at least 3, of which one is always free.
    pub event_sectors: u32,
}

impl Default for Sizes {
    /// Slots of 128 KiB, logs in sectors of 4 KiB: 3 of the journal, 8 of reports, 3 of events.
    fn default() -> Self {
        Sizes {
            slot_bytes: 128 * 1024,
            log_sector_bytes: 4096,
            journal_sectors: 3,
            report_sectors: 8,
            event_sectors: 3,
        }
    }
}

/// Where the parts lie: slot A from offset 0 on, slot B, journal, reports, events, each directly behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    sizes: Sizes,
    erase_bytes: u32,
    unit: u32,
}

impl Layout {
    /// Checks the sizes against the geometry of the flash.
    ///
    /// # Errors
    /// [`LayoutError`] says which size does not fit.
    pub fn new<F: NorFlash>(flash: &F, sizes: Sizes) -> Result<Self, LayoutError> {
        for unit in [F::READ_SIZE, F::WRITE_SIZE] {
            if !unit.is_power_of_two() || unit > MAXIMUM_UNIT {
                return Err(LayoutError::UnsupportedUnit(unit));
            }
        }
        let erase_bytes = match u32::try_from(F::ERASE_SIZE) {
            Ok(bytes) if bytes.is_power_of_two() && bytes >= 256 => bytes,
            _ => return Err(LayoutError::UnsupportedErase(F::ERASE_SIZE)),
        };
        let whole = |bytes: u32| bytes != 0 && bytes & (erase_bytes - 1) == 0;
        if !whole(sizes.slot_bytes) {
            return Err(LayoutError::SlotNotWhole(sizes.slot_bytes));
        }
        if !whole(sizes.log_sector_bytes) || !(2048..=262_144).contains(&sizes.log_sector_bytes) {
            return Err(LayoutError::LogSector(sizes.log_sector_bytes));
        }
        let counts = [
            (Part::Journal, sizes.journal_sectors, 2),
            (Part::Reports, sizes.report_sectors, 3),
            (Part::Events, sizes.event_sectors, 3),
        ];
        let mut needed = 2 * u64::from(sizes.slot_bytes);
        for (part, found, least) in counts {
            if found < least || found > 255 {
                return Err(LayoutError::SectorCount { part, found, least });
            }
            needed += u64::from(found) * u64::from(sizes.log_sector_bytes);
        }
        let available = flash.capacity();
        if needed > (available as u64).min(u64::from(u32::MAX)) {
            return Err(LayoutError::FlashTooSmall { needed, available });
        }
        // Records start where both reads and writes may start, and where a word of eight bytes does.
        let unit = F::READ_SIZE.max(F::WRITE_SIZE).max(8) as u32;
        Ok(Layout { sizes, erase_bytes, unit })
    }

    /// Where a slot lies.
    pub const fn slot(&self, slot: SlotId) -> Region {
        let length = self.sizes.slot_bytes;
        let start = match slot {
            SlotId::A => 0,
            SlotId::B => length,
        };
        Region { start, length }
    }

    /// Where the journal lies.
    pub const fn journal(&self) -> Region {
        self.behind(self.slot(SlotId::B), self.sizes.journal_sectors)
    }

    /// Where reports lie.
    pub const fn reports(&self) -> Region {
        self.behind(self.journal(), self.sizes.report_sectors)
    }

    /// Where events lie.
    pub const fn events(&self) -> Region {
        self.behind(self.reports(), self.sizes.event_sectors)
    }

    /// The sizes that the layout was made from.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Length of an erase sector in bytes.
    pub const fn erase_bytes(&self) -> u32 {
        self.erase_bytes
    }

    /// Length of what the parts occupy in bytes.
    pub const fn bytes(&self) -> u32 {
        self.events().end()
    }

    /// Records of the logs start at multiples of this many bytes.
    pub(crate) const fn unit(&self) -> u32 {
        self.unit
    }

    /// `new` has checked that nothing overflows.
    const fn behind(&self, region: Region, sectors: u32) -> Region {
        Region { start: region.end(), length: sectors.saturating_mul(self.sizes.log_sector_bytes) }
    }
}
