//! The driver, as `embassy-net` sees it.

use core::sync::atomic::Ordering;
use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embedded_hal::delay::DelayNs;

use crate::chip::{Chip, FRAME_RECEIVED, LONGEST_FRAME, PHY_EVENT, TRANSMIT_ROOM};
use crate::error::Error;
use crate::registers::{Register, Registers};
use crate::state::State;

/// The driver of one chip.
pub struct Lan9118<R> {
    chip: Chip<R>,
    address: [u8; 6],
    link_is_up: bool,
    state: &'static State,
    buffers: &'static mut Buffers,
}

/// A frame of each direction; a static variable, as it is long for a stack.
pub struct Buffers {
    received: [u8; LONGEST_FRAME + 6],
    transmitted: [u8; LONGEST_FRAME],
}

impl Buffers {
    /// Zeros.
    pub const fn new() -> Self {
        Buffers { received: [0; LONGEST_FRAME + 6], transmitted: [0; LONGEST_FRAME] }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers::new()
    }
}

/// A received frame.
#[derive(Debug)]
pub struct ReceiveToken<'a>(&'a mut [u8]);

/// Room for a frame in the chip.
pub struct TransmitToken<'a, R> {
    chip: &'a mut Chip<R>,
    frame: &'a mut [u8; LONGEST_FRAME],
    state: &'static State,
}

impl<R: Registers> Lan9118<R> {
    /// Resets the chip and starts negotiation. It gets this address, or keeps the one that it has read from its EEPROM.
    ///
    /// # Errors
    /// [`Error`] if there is no such chip, or it does not answer in time.
    pub fn new(
        registers: R,
        address: Option<[u8; 6]>,
        state: &'static State,
        buffers: &'static mut Buffers,
        delay: &mut impl DelayNs,
    ) -> Result<Self, Error> {
        let mut chip = Chip(registers);
        let address = chip.start(address, delay)?;
        let link_is_up = chip.link()?;
        Ok(Lan9118 { chip, address, link_is_up, state, buffers })
    }

    /// The next good frame in the chip, in its buffer.
    fn take_frame(&mut self) -> Option<usize> {
        loop {
            match self.chip.receive(&mut self.buffers.received)? {
                Ok(length) => {
                    self.state.received.fetch_add(1, Ordering::Relaxed);
                    return Some(length);
                }
                Err(()) => _ = self.state.receive_errors.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    /// Has the task woken by the next interrupt. What happened before is to be looked for afterwards.
    fn wait(&mut self, cx: &Context<'_>, interrupts: u32) {
        self.state.waker.register(cx.waker());
        let status = self.chip.0.read(Register::InterruptStatus);
        self.chip.0.write(Register::InterruptStatus, status);
        if status & PHY_EVENT != 0 {
            // A PHY that does not answer has no link.
            self.link_is_up = self.chip.link().unwrap_or(false);
            cx.waker().wake_by_ref();
        }
        self.state.dropped.fetch_add(self.chip.dropped(), Ordering::Relaxed);
        self.chip.0.write(Register::InterruptEnable, interrupts | PHY_EVENT);
    }

    fn has_room(&mut self) -> bool {
        let errors = self.chip.transmit_errors();
        self.state.transmit_errors.fetch_add(errors, Ordering::Relaxed);
        self.chip.has_room()
    }

    /// Whether there is room to transmit; if not, the task is woken when there is.
    fn poll_room(&mut self, cx: &Context<'_>) -> bool {
        self.has_room() || {
            self.wait(cx, FRAME_RECEIVED | TRANSMIT_ROOM);
            self.has_room()
        }
    }
}

impl<R: Registers> Driver for Lan9118<R> {
    type RxToken<'a>
        = ReceiveToken<'a>
    where
        R: 'a;
    type TxToken<'a>
        = TransmitToken<'a, R>
    where
        R: 'a;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(ReceiveToken<'_>, TransmitToken<'_, R>)> {
        if !self.poll_room(cx) {
            return None;
        }
        let mut length = self.take_frame();
        if length.is_none() {
            self.wait(cx, FRAME_RECEIVED);
            length = self.take_frame();
        }
        let length = length?;
        let frame = self.buffers.received.get_mut(..length)?;
        let transmit =
            TransmitToken { chip: &mut self.chip, frame: &mut self.buffers.transmitted, state: self.state };
        Some((ReceiveToken(frame), transmit))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<TransmitToken<'_, R>> {
        self.poll_room(cx).then_some(TransmitToken {
            chip: &mut self.chip,
            frame: &mut self.buffers.transmitted,
            state: self.state,
        })
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        if self.link_is_up { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = LONGEST_FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

impl RxToken for ReceiveToken<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, f: F) -> T {
        f(self.0)
    }
}

impl<R: Registers> TxToken for TransmitToken<'_, R> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        match self.frame.get_mut(..len) {
            Some(frame) => {
                let result = f(frame);
                self.chip.transmit(frame);
                self.state.transmitted.fetch_add(1, Ordering::Relaxed);
                result
            }
            // The capabilities promise no longer frame; one that comes all the same is cut and counted, not sent.
            None => {
                self.state.transmit_errors.fetch_add(1, Ordering::Relaxed);
                f(self.frame)
            }
        }
    }
}
