//! The watchdog, which is fed only while everything makes progress.

use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;

use embassy_time::Timer;
use mps2_an386::watchdog::Watchdog;

/// After twice this time without food the board is reset.
const PERIOD: Duration = Duration::from_secs(8);

/// Who has made progress since the watchdog was fed: a bit each.
static PROGRESS: AtomicU8 = AtomicU8::new(0);
const EVERYBODY: u8 = Progress::Agent as u8 | Progress::Application as u8;

/// Who makes progress.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Progress {
    /// The agent had a turn.
    Agent = 1,
    /// The application looked for a sample.
    Application = 2,
}

/// Notes that somebody made progress.
pub fn note(who: Progress) {
    PROGRESS.fetch_or(who as u8, Ordering::Relaxed);
}

/// Feeds the watchdog when everybody has made progress.
#[embassy_executor::task]
pub async fn run() {
    let Some(mut watchdog) = Watchdog::start(PERIOD) else { return };
    loop {
        if PROGRESS.load(Ordering::Relaxed) == EVERYBODY {
            PROGRESS.store(0, Ordering::Relaxed);
            watchdog.feed();
        }
        Timer::after_secs(1).await;
    }
}
