//! The CMSDK APB watchdog (Arm DDI 0479, 4.5): resets a processor that does not feed it.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use cortex_m_rt::exception;

use crate::reset::{self, Cause};
use crate::timer::HERTZ;

const BASE: *mut u32 = 0x4000_8000 as *mut u32;
/// Offsets of registers in words.
const LOAD: usize = 0;
const CONTROL: usize = 2;
const INTERRUPT_CLEAR: usize = 3;
const LOCK: usize = 0xC00 / 4;
/// Counts and raises the interrupt; resets when it is raised still.
const ENABLE: u32 = 0b11;
/// Makes the other registers writable.
const UNLOCK: u32 = 0x1ACC_E551;

/// The watchdog, running. It cannot be stopped.
#[derive(Debug)]
pub struct Watchdog(());

impl Watchdog {
    /// Starts the watchdog; `None` from the second call on. When it was not fed for `period`, at most 171 s, nothing runs any more,
    /// and after another `period` the processor is reset.
    pub fn start(period: Duration) -> Option<Watchdog> {
        static STARTED: AtomicBool = AtomicBool::new(false);
        if STARTED.swap(true, Ordering::Relaxed) {
            return None;
        }
        let ticks = period.as_micros().saturating_mul(u128::from(HERTZ / 1_000_000));
        write(LOCK, UNLOCK);
        write(LOAD, u32::try_from(ticks).unwrap_or(u32::MAX).max(1));
        write(CONTROL, ENABLE);
        write(LOCK, 0);
        Some(Watchdog(()))
    }

    /// Starts the period again.
    pub fn feed(&mut self) {
        write(LOCK, UNLOCK);
        write(INTERRUPT_CLEAR, 1);
        write(LOCK, 0);
    }
}

fn write(register: usize, value: u32) {
    // SAFETY: the registers are there, and the watchdog reaches no memory.
    unsafe { BASE.add(register).write_volatile(value) }
}

/// The watchdog was not fed. It may have interrupted anything, so that nothing but the cause is written down.
#[exception]
unsafe fn NonMaskableInt() -> ! {
    reset::note(Cause::Watchdog, 0);
    loop {
        core::hint::spin_loop();
    }
}
