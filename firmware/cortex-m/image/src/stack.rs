//! Marks on the stack: unused words are painted, and the deepest one that changed tells how far the stack grew.

use core::sync::atomic::{AtomicUsize, Ordering};

use cortex_m::register::msp;

/// What an unused word holds.
const PAINT: u32 = 0xC5C5_5C5C;
/// Bytes below the stack pointer that stay unpainted.
const MARGIN: usize = 32;

/// Where the stack pointer was when the stack was painted.
static TOP: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// Lowest address that the stack may use, from the board's `memory.x`.
    static _stack_limit: u32;
}

/// Lowest address that the stack may use.
pub fn limit() -> usize {
    (&raw const _stack_limit).addr()
}

/// Paints the stack below the caller.
#[inline(never)]
pub fn paint() {
    let top = msp::read() as usize;
    TOP.store(top, Ordering::Relaxed);
    for word in words(top - MARGIN) {
        // SAFETY: the word is in the part of the RAM that is reserved for the stack and below everything that is on it.
        unsafe { word.write_volatile(PAINT) };
    }
}

/// Bytes that the stack has grown since, below the one who painted it.
#[inline(never)]
pub fn used() -> u32 {
    let top = TOP.load(Ordering::Relaxed);
    // SAFETY: the word is in the part of the RAM that is reserved for the stack.
    let unused = words(top - MARGIN).take_while(|word| unsafe { word.read_volatile() } == PAINT).count();
    (top - limit() - unused * size_of::<u32>()) as u32
}

/// The words of the stack from its limit up to `top`.
fn words(top: usize) -> impl Iterator<Item = *mut u32> {
    let start = (&raw const _stack_limit).cast_mut();
    (0..(top - limit()) / size_of::<u32>()).map(move |index| start.wrapping_add(index))
}
