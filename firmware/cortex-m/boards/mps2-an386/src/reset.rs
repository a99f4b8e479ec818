//! Why the processor was reset, kept in memory that a reset leaves alone.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SCB;
use dunlin_image::Fault;

/// Why the processor was reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, defmt::Format)]
#[repr(u32)]
pub enum Cause {
    /// Power came, or the memory does not hold what another cause would have left.
    PowerOn = 0,
    /// The watchdog was not fed.
    Watchdog = 1,
    /// The program panicked.
    Panic = 2,
    /// A fault of the processor, or an interrupt that nobody handles.
    HardFault = 3,
    /// The program asked for it.
    Software = 4,
}

/// What is known about the last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, defmt::Format)]
pub struct Reset {
    /// Why it was.
    pub cause: Cause,
    /// The line of a panic, the address of a fault; 0 with other causes.
    pub place: u32,
    /// Resets since power came.
    pub count: u32,
}

/// What tells a record from memory after power-on.
const MAGIC: u32 = 0xD0_11_9E_5E;

/// Cause, place, count, and the sum of them and the magic number.
#[unsafe(link_section = ".uninit.reset")]
static RECORD: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

/// The last reset; call it once after a start. A reset that follows without a cause being noted counts as the power.
pub fn take_last() -> Reset {
    let [cause, place, count, _] = load();
    if !is_whole() {
        return Reset { cause: Cause::PowerOn, place: 0, count: 0 };
    }
    store(Cause::PowerOn as u32, 0, count);
    let cause = match cause {
        1 => Cause::Watchdog,
        2 => Cause::Panic,
        3 => Cause::HardFault,
        4 => Cause::Software,
        _ => Cause::PowerOn,
    };
    Reset { cause, place, count }
}

/// Notes the cause of a reset that is to come. It may be called from anywhere.
pub fn note(cause: Cause, place: u32) {
    let [_, _, count, _] = load();
    store(cause as u32, place, if is_whole() { count.wrapping_add(1) } else { 1 });
}

/// Resets the processor and says why.
pub fn because(cause: Cause, place: u32) -> ! {
    note(cause, place);
    SCB::sys_reset()
}

/// Resets the processor after a fault; for `dunlin_image::on_fault`.
pub fn after_fault(fault: Fault) -> ! {
    match fault {
        Fault::Panic(line) => because(Cause::Panic, line),
        Fault::Hard(address) => because(Cause::HardFault, address),
    }
}

fn load() -> [u32; 4] {
    let [cause, place, count, sum] = &RECORD;
    [cause, place, count, sum].map(|word| word.load(Ordering::SeqCst))
}

fn store(cause: u32, place: u32, count: u32) {
    for (word, value) in RECORD.iter().zip([cause, place, count, sum(cause, place, count)]) {
        word.store(value, Ordering::SeqCst);
    }
}

fn is_whole() -> bool {
    let [cause, place, count, found] = load();
    found == sum(cause, place, count)
}

const fn sum(cause: u32, place: u32, count: u32) -> u32 {
    MAGIC.wrapping_add(cause).wrapping_add(place.rotate_left(8)).wrapping_add(count.rotate_left(16))
}
