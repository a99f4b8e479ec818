//! The interrupts that the board uses, and who handles them.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

use crate::reset::{self, Cause};
use crate::{clock, ethernet};

/// An interrupt by its number (Arm application note 386, interrupts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    /// Timer 1.
    Alarm = 9,
    /// The Ethernet controller.
    Ethernet = 13,
}

// SAFETY: the numbers are those of the board, each one another.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Lets an interrupt happen.
pub fn enable(interrupt: Interrupt) {
    // SAFETY: no critical section is built on masking single interrupts.
    unsafe { NVIC::unmask(interrupt) }
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    match u16::try_from(number) {
        Ok(number) if number == Interrupt::Alarm as u16 => clock::on_alarm(),
        Ok(number) if number == Interrupt::Ethernet as u16 => ethernet::on_interrupt(),
        _ => reset::because(Cause::HardFault, number as u32),
    }
}
