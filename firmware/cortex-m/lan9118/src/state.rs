//! What driver, interrupt handler and everybody who wants to know share.

use core::sync::atomic::{AtomicU32, Ordering};

use embassy_sync::waitqueue::AtomicWaker;

use crate::registers::{Register, Registers};

/// What driver and interrupt handler share; a static variable.
pub struct State {
    pub(crate) waker: AtomicWaker,
    pub(crate) received: AtomicU32,
    pub(crate) transmitted: AtomicU32,
    pub(crate) receive_errors: AtomicU32,
    pub(crate) transmit_errors: AtomicU32,
    pub(crate) dropped: AtomicU32,
}

/// Frames since the start; every count wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Received without an error.
    pub received: u32,
    /// Handed to the chip.
    pub transmitted: u32,
    /// Received with an error or of an impossible length, and discarded.
    pub receive_errors: u32,
    /// Not transmitted, by the chip's own report.
    pub transmit_errors: u32,
    /// Lost in the chip because its receive FIFO was full. QEMU does not count them.
    pub dropped: u32,
}

impl State {
    /// Nothing was counted yet.
    pub const fn new() -> Self {
        State {
            waker: AtomicWaker::new(),
            received: AtomicU32::new(0),
            transmitted: AtomicU32::new(0),
            receive_errors: AtomicU32::new(0),
            transmit_errors: AtomicU32::new(0),
            dropped: AtomicU32::new(0),
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        Counters {
            received: self.received.load(Ordering::Relaxed),
            transmitted: self.transmitted.load(Ordering::Relaxed),
            receive_errors: self.receive_errors.load(Ordering::Relaxed),
            transmit_errors: self.transmit_errors.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        State::new()
    }
}

/// The side of the driver that runs in the interrupt of the chip.
pub struct Interrupt<R> {
    registers: R,
    state: &'static State,
}

impl<R: Registers> Interrupt<R> {
    /// The interrupt of the chip behind `registers`, which are other ones than the driver's; both reach the same chip.
    pub const fn new(registers: R, state: &'static State) -> Self {
        Interrupt { registers, state }
    }

    /// Switches the chip's interrupts off and wakes the driver, which switches them on again.
    pub fn handle(&mut self) {
        self.registers.write(Register::InterruptEnable, 0);
        self.state.waker.wake();
    }
}
