//! A real Mosquitto for tests, on a loopback port of its own, and an authority for its certificates.

mod authority;
mod mosquitto;

pub use authority::{Authority, Identity, Validity};
pub use mosquitto::Mosquitto;

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen; nothing depends on how long it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` gives something.
///
/// # Panics
/// If it does not in two minutes.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
