//! How long the flash lasts.
//!
//! Erasing is what wears NOR flash out: sectors of microcontrollers are specified for 10,000 erasures, those of serial chips for
//! 100,000. Each log uses its sectors in turn, so that all of them wear alike.
//!
//! With a report of 400 bytes every 5 minutes in 8 sectors of 4 KiB, each sector is erased 4 times a day: 6.8 years at 10,000
//! erasures, 68 at 100,000. A report every minute makes it a fifth of that. The journal writes one state (up to 1.2 KiB, usually
//! below 300 bytes) per start and some five per update.

/// What is written into one log, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Length of an item in bytes.
    pub item_bytes: u32,
    /// Items per day.
    pub items_per_day: f64,
    /// Acknowledgements per day that the fleet sends. Only every 16th item that they cover costs a record.
    pub acknowledged_per_day: f64,
}

/// Bytes that a record has beside its content: its header and, on average, half a unit of eight bytes.
const RECORD_OVERHEAD: f64 = 20.0;
/// Bytes of an opening or a checkpoint of the outbox in the flash.
const CHECKPOINT: f64 = 48.0;

/// How often each sector of a log is erased per day, for sectors of this length in bytes and of this number.
pub fn erasures_per_day(traffic: Traffic, sector_bytes: u32, sectors: u32) -> f64 {
    let item = f64::from(traffic.item_bytes) + RECORD_OVERHEAD;
    // One checkpoint opens the sector, room for one stays reserved, and on average half an item does not fit any more.
    let room = f64::from(sector_bytes) - 2.0 * CHECKPOINT - item / 2.0;
    let stride = crate::outbox::ACKNOWLEDGEMENT_STRIDE as f64;
    let checkpoints = (traffic.items_per_day / stride).min(traffic.acknowledged_per_day);
    let written = traffic.items_per_day * item + checkpoints * CHECKPOINT;
    written / room.max(item) / f64::from(sectors.max(1))
}

/// Years until a sector has been erased as often as its maker guarantees.
pub fn years(erasures_per_day: f64, endurance: u32) -> f64 {
    f64::from(endurance) / erasures_per_day / 365.25
}
