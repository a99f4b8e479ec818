//! Tasks wake in order and not too early, also when the counter wraps.

use core::cell::Cell;

use dunlin_image::exit;
use embassy_executor::Spawner;
use embassy_futures::join::join3;
use embassy_time::{Duration, Instant, Timer};
use mps2_an386::executor;

use crate::require;

/// Longer than the counter takes to wrap twice.
const END: Duration = Duration::from_secs(400);

pub fn run() -> ! {
    executor::run(|spawner: Spawner| {
        if let Ok(task) = check() {
            spawner.spawn(task);
        }
    })
}

/// Sleeps until `END` in steps, and returns how many microseconds it was late at most.
async fn sleeper(step: Duration, last: &Cell<Instant>) -> u64 {
    let mut latest = 0;
    let mut next = Instant::from_ticks(0) + step;
    while next.as_ticks() < END.as_ticks() {
        Timer::at(next).await;
        let now = Instant::now();
        require(now >= next, "a task was woken too early");
        require(now >= last.get(), "the clock went back");
        last.set(now);
        latest = latest.max((now - next).as_ticks());
        next += step;
    }
    latest
}

#[embassy_executor::task]
async fn check() {
    let last = Cell::new(Instant::now());
    let (short, middle, long) = join3(
        sleeper(Duration::from_millis(7), &last),
        sleeper(Duration::from_micros(1_000_003), &last),
        sleeper(Duration::from_secs(97), &last),
    )
    .await;
    defmt::info!("late by {=u64} us at most", short.max(middle).max(long));
    require(Instant::now().as_secs() >= 392, "the clock lost time");
    exit::with(exit::DONE)
}
