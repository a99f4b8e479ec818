//! Every cause of a reset, one after the other.

use core::time::Duration;

use dunlin_image::{exit, on_fault};
use embassy_time::{Duration as Time, Instant};
use mps2_an386::reset::{self, Cause, Reset};
use mps2_an386::watchdog::Watchdog;

use crate::require;

const PERIOD: Duration = Duration::from_millis(100);

fn wait(milliseconds: u64) {
    let until = Instant::now() + Time::from_millis(milliseconds);
    while Instant::now() < until {}
}

/// Starts over after each reset. Which one it was says what comes next.
pub fn run() -> ! {
    on_fault(reset::after_fault);
    let Reset { cause, place, count } = reset::take_last();
    defmt::info!("reset {=u32}: {}, place {=u32:#x}", count, cause, place);
    match (count, cause) {
        (0, Cause::PowerOn) => reset::because(Cause::Software, 0),
        (1, Cause::Software) => panic!("asked for"),
        (2, Cause::Panic) => {
            require(place != 0, "the line of the panic is known");
            // No memory is there.
            let nowhere = 0x9000_0000 as *const u32;
            // SAFETY: the access faults, which is what it is for.
            let _ = unsafe { nowhere.read_volatile() };
        }
        (3, Cause::HardFault) => {
            require(place != 0, "the address of the fault is known");
            let Some(mut watchdog) = Watchdog::start(PERIOD) else { exit::with(exit::FAILED) };
            // Longer than it takes to reset, if it was not fed.
            for _ in 0..10 {
                wait(50);
                watchdog.feed();
            }
            defmt::info!("the watchdog is not fed any more");
            // Nothing but the watchdog ends this.
            cortex_m::interrupt::disable();
            loop {
                core::hint::spin_loop();
            }
        }
        (4, Cause::Watchdog) => {
            require(reset::take_last().cause == Cause::PowerOn, "a cause is told once");
            exit::with(exit::DONE)
        }
        _ => {}
    }
    exit::with(exit::FAILED)
}
