//! Driver of the Ethernet controllers LAN9115 to LAN9118 for `embassy-net`.
//!
//! Registers, bits and procedures are those of SMSC's data sheet of the LAN9118 (revision 1.5). The chip is reached through the
//! trait [`Registers`], so that everything above a single access runs on the host against a simulated chip. The driver is woken by
//! the chip's interrupt: [`Interrupt::handle`] switches the chip's interrupts off, and the driver switches them on again
//! when it finds nothing to do.
//!
//! QEMU's model of the chip loses frames that arrive while its receive FIFO (10,560 bytes) is full, and does not count them. A TCP
//! window of a few kilobytes, and work in short slices, keep it from filling.
#![no_std]

#[cfg(test)]
extern crate std;

mod chip;
mod driver;
mod error;
mod phy;
mod registers;
#[cfg(test)]
mod simulated;
mod state;
#[cfg(test)]
mod tests;

pub use driver::{Buffers, Lan9118, ReceiveToken, TransmitToken};
pub use error::Error;
pub use registers::{MappedRegisters, Register, Registers};
pub use state::{Counters, Interrupt, State};
