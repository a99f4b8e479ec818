//! CMSDK APB timer 0: 25 MHz, counts down and starts again (Arm DDI 0479, 4.4).

const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const ENABLE: u32 = 1;

/// Starts the timer.
pub fn start() {
    // SAFETY: these are the registers of a timer that nothing else uses.
    unsafe {
        RELOAD.write_volatile(u32::MAX);
        VALUE.write_volatile(u32::MAX);
        CONTROL.write_volatile(ENABLE);
    }
}

/// Ticks since the start, modulo 2^32.
pub fn ticks() -> u32 {
    // SAFETY: reading the register has no effect.
    !unsafe { VALUE.read_volatile() }
}
