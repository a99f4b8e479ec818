//! The executor of the main thread. Where embassy's own waits for an event, this one waits for an interrupt: QEMU takes the former
//! for a hint and would keep a processor of the host busy.

use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::{asm, interrupt};
use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

/// Whether a task is to run.
static PENDED: AtomicBool = AtomicBool::new(false);

#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    PENDED.store(true, Ordering::Release);
}

/// Runs the tasks that `start` spawns, and sleeps when they wait. Call it once.
pub fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor: &'static raw::Executor = EXECUTOR.init_with(|| raw::Executor::new(core::ptr::null_mut()));
    start(executor.spawner());
    loop {
        PENDED.store(false, Ordering::Release);
        // SAFETY: nobody else polls, and no task can reach the executor.
        unsafe { executor.poll() };
        interrupt::disable();
        if !PENDED.load(Ordering::Acquire) {
            // An interrupt that comes from here on ends the wait, though it is handled only below.
            asm::dsb();
            asm::wfi();
        }
        // SAFETY: interrupts were enabled before.
        unsafe { interrupt::enable() };
    }
}
