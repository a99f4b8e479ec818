//! TIMER0 of the nRF51: 16 MHz, 32 bits (nRF51 Series Reference Manual 3.0, chapter 19).

const TASKS_START: *mut u32 = 0x4000_8000 as *mut u32;
const TASKS_CAPTURE_0: *mut u32 = 0x4000_8040 as *mut u32;
const BIT_MODE: *mut u32 = 0x4000_8508 as *mut u32;
const PRESCALER: *mut u32 = 0x4000_8510 as *mut u32;
const CAPTURED_0: *mut u32 = 0x4000_8540 as *mut u32;
const BITS_32: u32 = 3;

/// Starts the timer.
pub fn start() {
    // SAFETY: these are the registers of a timer that nothing else uses.
    unsafe {
        BIT_MODE.write_volatile(BITS_32);
        PRESCALER.write_volatile(0);
        TASKS_START.write_volatile(1);
    }
}

/// Ticks since the start, modulo 2^32.
pub fn ticks() -> u32 {
    // SAFETY: capturing copies the counter into a register that nothing else uses.
    unsafe {
        TASKS_CAPTURE_0.write_volatile(1);
        CAPTURED_0.read_volatile()
    }
}
