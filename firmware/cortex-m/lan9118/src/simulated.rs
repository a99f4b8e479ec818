//! A chip in memory, by its data sheet: registers, both FIFOs with their limits, MAC and PHY.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

use crate::registers::{Register, Registers};

/// Bytes of received frames that fit.
pub const RECEIVE_BYTES: usize = 12_480;
/// Bytes of frames to be transmitted that fit.
pub const TRANSMIT_BYTES: usize = 2_560;

/// Everything that is inside.
#[derive(Debug, Default)]
pub struct Inside {
    /// How often the reset bit still reads as set; `None` for ever.
    pub reset_reads: Option<u32>,
    pub byte_test: u32,
    pub id: u32,
    pub mac: [u32; 16],
    pub phy: [u32; 32],
    pub interrupt_status: u32,
    pub interrupt_enable: u32,
    pub levels: u32,
    pub hardware: u32,
    /// Frames that left the chip.
    pub sent: Vec<Vec<u8>>,
    /// A frame that arrives when the interrupt status is read.
    pub late_frame: Option<Vec<u8>>,
    /// Whether frames leave the transmit FIFO at once.
    pub wire_is_free: bool,
    mac_data: u32,
    dropped: u32,
    received: VecDeque<u32>,
    statuses: VecDeque<u32>,
    transmitted: VecDeque<u32>,
    waiting: VecDeque<Vec<u8>>,
    transmit_statuses: VecDeque<u32>,
}

/// The chip; a clone reaches the same one.
#[derive(Debug, Clone)]
pub struct Simulated(pub Rc<RefCell<Inside>>);

impl Simulated {
    /// A chip after power-on, with an address from its EEPROM and a link to a partner that can do everything.
    pub fn new() -> Self {
        let mut inside = Inside {
            reset_reads: Some(3),
            byte_test: 0x8765_4321,
            id: 0x0118_0001,
            wire_is_free: true,
            ..Inside::default()
        };
        inside.mac[2] = 0x0605;
        inside.mac[3] = 0x0403_0201;
        inside.phy[1] = 1 << 2;
        inside.phy[5] = 0x01E1;
        Simulated(Rc::new(RefCell::new(inside)))
    }

    /// A frame comes in from the wire, with its check sequence and this status.
    pub fn arrive(&self, frame: &[u8], error: bool) {
        let mut inside = self.0.borrow_mut();
        let length = frame.len() + 4;
        if inside.received.len() * 4 + length.next_multiple_of(4) > RECEIVE_BYTES {
            inside.dropped += 1;
            return;
        }
        let mut bytes = frame.to_vec();
        bytes.extend([0xFC; 4]);
        bytes.resize(length.next_multiple_of(4), 0);
        inside.received.extend(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
        inside.statuses.push_back((length as u32) << 16 | u32::from(error) << 15);
        inside.interrupt_status |= 1 << 3;
    }

    /// The wire takes the frames that wait in the transmit FIFO.
    pub fn drain(&self, error: bool) {
        let mut inside = self.0.borrow_mut();
        while let Some(frame) = inside.waiting.pop_front() {
            inside.sent.push(frame);
            inside.transmit_statuses.push_back(u32::from(error) << 15);
        }
        inside.interrupt_status |= 1 << 9;
    }

    /// Whether the interrupt line is active.
    pub fn interrupts(&self) -> bool {
        let inside = self.0.borrow();
        // The PHY's interrupt stays until its source is read.
        let phy = u32::from(inside.phy[29] & inside.phy[30] != 0) << 18;
        (inside.interrupt_status | phy) & inside.interrupt_enable != 0
    }
}

impl Inside {
    fn transmit_used(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|frame| 8 + frame.len().next_multiple_of(4)).sum();
        waiting + self.transmitted.len() * 4
    }

    /// A word for the transmit FIFO: two commands, then as many words as the second says.
    fn take_word(&mut self, word: u32) {
        assert!(self.transmit_used() + 4 <= TRANSMIT_BYTES, "the transmit FIFO overflows");
        self.transmitted.push_back(word);
        let (Some(first), Some(second)) = (self.transmitted.front(), self.transmitted.get(1)) else { return };
        let length = (second & 0x7FF) as usize;
        if self.transmitted.len() < 2 + length.div_ceil(4) {
            return;
        }
        assert_eq!(*first, 0x3000 | length as u32, "first command word");
        let bytes = self.transmitted.drain(..).skip(2).flat_map(u32::to_le_bytes);
        let mut frame: Vec<u8> = bytes.collect();
        frame.truncate(length);
        self.waiting.push_back(frame);
    }

    fn command(&mut self, command: u32) {
        assert_ne!(command & 1 << 31, 0, "a command without the busy bit does nothing");
        let register = (command & 0xFF) as usize;
        if command & 1 << 30 != 0 {
            self.mac_data = self.mac[register];
            return;
        }
        self.mac[register] = self.mac_data;
        if register == 6 {
            assert_eq!(self.mac_data >> 11 & 0x1F, 1, "address of the PHY");
            let phy = (self.mac_data >> 6 & 0x1F) as usize;
            if self.mac_data & 2 != 0 {
                self.phy[phy] = self.mac[7];
            } else {
                self.mac[7] = self.phy[phy];
                if phy == 29 {
                    self.phy[29] = 0;
                }
            }
            self.mac[6] &= !1;
        }
    }
}

impl Registers for Simulated {
    fn read(&mut self, register: Register) -> u32 {
        if register == Register::InterruptStatus {
            let late = self.0.borrow_mut().late_frame.take();
            if let Some(frame) = late {
                self.arrive(&frame, false);
            }
        }
        let mut inside = self.0.borrow_mut();
        match register {
            Register::ReceiveData => inside.received.pop_front().expect("the receive FIFO is not empty"),
            Register::ReceiveStatus => inside.statuses.pop_front().expect("a status is there"),
            Register::TransmitStatus => inside.transmit_statuses.pop_front().expect("a status is there"),
            Register::Identification => inside.id,
            Register::InterruptStatus => {
                let phy = u32::from(inside.phy[29] & inside.phy[30] != 0) << 18;
                inside.interrupt_status | phy
            }
            Register::InterruptEnable => inside.interrupt_enable,
            Register::ByteTest => inside.byte_test,
            Register::HardwareConfiguration => match &mut inside.reset_reads {
                None => 1,
                Some(0) => inside.hardware,
                Some(left) => {
                    *left -= 1;
                    1
                }
            },
            Register::ReceiveFifo => ((inside.statuses.len() << 16) | (inside.received.len() * 4)) as u32,
            Register::TransmitFifo => {
                (inside.transmit_statuses.len() << 16 | (TRANSMIT_BYTES - inside.transmit_used())) as u32
            }
            Register::PowerManagement => 1,
            Register::ReceiveDropped => core::mem::take(&mut inside.dropped),
            Register::MacCommand => 0,
            Register::MacData => inside.mac_data,
            _ => panic!("{register:?} is not read"),
        }
    }

    fn write(&mut self, register: Register, value: u32) {
        let mut inside = self.0.borrow_mut();
        match register {
            Register::TransmitData => {
                inside.take_word(value);
                let free = inside.wire_is_free;
                drop(inside);
                if free {
                    self.drain(false);
                }
            }
            Register::InterruptStatus => inside.interrupt_status &= !value,
            Register::InterruptEnable => inside.interrupt_enable = value,
            Register::FifoLevels => inside.levels = value,
            // The reset bit clears itself.
            Register::HardwareConfiguration => inside.hardware = value & !1,
            Register::MacCommand => inside.command(value),
            Register::MacData => inside.mac_data = value,
            _ => {}
        }
    }
}
