//! The CMSDK APB timers: 25 MHz, count down (Arm DDI 0479, 4.4).

/// Ticks of a timer in a second.
pub const HERTZ: u32 = 25_000_000;

/// The registers of a timer, by their offset in words.
const CONTROL: usize = 0;
const VALUE: usize = 1;
const RELOAD: usize = 2;
#[cfg(feature = "device")]
const INTERRUPT_CLEAR: usize = 3;
const ENABLE: u32 = 1;
#[cfg(feature = "device")]
const INTERRUPT_ENABLE: u32 = 1 << 3;

/// Timer 0 counts all the time.
const COUNTER: Timer = Timer(0x4000_0000 as *mut u32);
/// Timer 1 wakes up.
#[cfg(feature = "device")]
const ALARM: Timer = Timer(0x4000_1000 as *mut u32);

struct Timer(*mut u32);

impl Timer {
    fn read(&self, register: usize) -> u32 {
        // SAFETY: the registers are there, and reading them has no effect.
        unsafe { self.0.add(register).read_volatile() }
    }

    fn write(&self, register: usize, value: u32) {
        // SAFETY: the registers are there, and a timer reaches no memory.
        unsafe { self.0.add(register).write_volatile(value) }
    }
}

/// Starts the counter.
pub fn start() {
    COUNTER.write(RELOAD, u32::MAX);
    COUNTER.write(VALUE, u32::MAX);
    COUNTER.write(CONTROL, ENABLE);
}

/// Ticks of the counter since the start, modulo 2^32.
pub fn ticks() -> u32 {
    !COUNTER.read(VALUE)
}

/// Raises the alarm's interrupt once, after this many ticks, at least one. It replaces an alarm that was set before.
#[cfg(feature = "device")]
pub fn set_alarm(ticks: u32) {
    ALARM.write(CONTROL, 0);
    // A timer that has nothing to reload stops.
    ALARM.write(RELOAD, 0);
    ALARM.write(VALUE, ticks.max(1));
    ALARM.write(CONTROL, ENABLE | INTERRUPT_ENABLE);
}

/// Takes back the alarm's interrupt.
#[cfg(feature = "device")]
pub fn clear_alarm() {
    ALARM.write(INTERRUPT_CLEAR, 1);
}
