//! The driver against a simulated chip.

use core::task::{Context, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;
use std::vec::Vec;

use critical_section as _;
use embassy_net_driver::{Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embedded_hal::delay::DelayNs;

use crate::simulated::Simulated;
use crate::{Buffers, Counters, Error, Interrupt, Lan9118, State};

/// Time that does not pass.
struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}

/// A task that counts how often it is woken.
#[derive(Default)]
struct Task(AtomicU32);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn buffers() -> &'static mut Buffers {
    Box::leak(Box::default())
}

struct Bench {
    chip: Simulated,
    driver: Lan9118<Simulated>,
    interrupt: Interrupt<Simulated>,
    state: &'static State,
    task: Arc<Task>,
}

impl Bench {
    fn new() -> Self {
        let chip = Simulated::new();
        let state = Box::leak(Box::new(State::new()));
        let driver =
            Lan9118::new(chip.clone(), None, state, buffers(), &mut NoDelay).expect("the chip answers");
        let interrupt = Interrupt::new(chip.clone(), state);
        Bench { chip, driver, interrupt, state, task: Arc::default() }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let waker = Waker::from(self.task.clone());
        let (token, _) = self.driver.receive(&mut Context::from_waker(&waker))?;
        Some(token.consume(|frame| frame.to_vec()))
    }

    fn transmit(&mut self, frame: &[u8]) -> bool {
        let waker = Waker::from(self.task.clone());
        let Some(token) = self.driver.transmit(&mut Context::from_waker(&waker)) else { return false };
        token.consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
        true
    }

    /// Runs the interrupt if the chip asks for it, and says how often the task was woken since.
    fn interrupt(&mut self) -> u32 {
        if self.chip.interrupts() {
            self.interrupt.handle();
            assert!(!self.chip.interrupts(), "the line stays active");
        }
        self.task.0.swap(0, Ordering::Relaxed)
    }
}

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + length) as u8).collect()
}

#[test]
fn a_chip_that_does_not_answer_is_named() {
    let start = |change: fn(&mut crate::simulated::Inside)| {
        let chip = Simulated::new();
        change(&mut chip.0.borrow_mut());
        let state = Box::leak(Box::new(State::new()));
        Lan9118::new(chip, None, state, buffers(), &mut NoDelay).err().expect("it does not answer")
    };
    assert_eq!(start(|chip| chip.byte_test = 0x4321_8765), Error::NoChip(0x4321_8765));
    assert_eq!(start(|chip| chip.id = 0x9220_0000), Error::UnknownChip(0x9220));
    assert_eq!(start(|chip| chip.reset_reads = None), Error::ResetTimedOut);
}

#[test]
fn the_address_comes_from_the_eeprom_or_from_the_caller() {
    let bench = Bench::new();
    assert_eq!(bench.driver.hardware_address(), HardwareAddress::Ethernet([1, 2, 3, 4, 5, 6]));
    let address = [0x02, 0xAB, 0xCD, 0xEF, 0x12, 0x34];
    let chip = Simulated::new();
    let state = Box::leak(Box::new(State::new()));
    let driver =
        Lan9118::new(chip.clone(), Some(address), state, buffers(), &mut NoDelay).expect("it answers");
    assert_eq!(driver.hardware_address(), HardwareAddress::Ethernet(address));
    assert_eq!(chip.0.borrow().mac[2..4], [0x3412, 0xEFCD_AB02]);
    // Receiver and transmitter are on, both at once, as was negotiated.
    assert_eq!(chip.0.borrow().mac[1], 1 << 20 | 1 << 3 | 1 << 2);
}

#[test]
fn frames_of_every_length_pass_both_ways() {
    let mut bench = Bench::new();
    for length in (14..=1514).step_by(7).chain([1511, 1512, 1513, 1514]) {
        bench.chip.arrive(&frame(length), false);
        assert_eq!(bench.receive(), Some(frame(length)), "{length} bytes received");
        assert!(bench.transmit(&frame(length)));
        assert_eq!(bench.chip.0.borrow().sent.last(), Some(&frame(length)), "{length} bytes sent");
    }
    assert_eq!(bench.receive(), None);
    let counters = bench.state.counters();
    assert_eq!((counters.received, counters.transmitted), (219, 219));
}

#[test]
fn a_frame_wakes_the_task_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.interrupt(), 0);
    assert_eq!(bench.receive(), None);
    bench.chip.arrive(&frame(60), false);
    assert_eq!(bench.interrupt(), 1);
    // The interrupt stays off until the driver has found nothing.
    bench.chip.arrive(&frame(61), false);
    assert_eq!(bench.interrupt(), 0);
    assert_eq!(bench.receive(), Some(frame(60)));
    assert_eq!(bench.receive(), Some(frame(61)));
    assert_eq!(bench.receive(), None);
    assert!(!bench.chip.interrupts(), "frames that were received would wake the task for ever");
    bench.chip.arrive(&frame(62), false);
    assert_eq!(bench.interrupt(), 1);
}

#[test]
fn a_frame_that_arrives_while_the_driver_falls_asleep_is_not_missed() {
    let mut bench = Bench::new();
    bench.chip.0.borrow_mut().late_frame = Some(frame(60));
    // Its interrupt is acknowledged together with those before: nothing would wake the task.
    assert_eq!(bench.receive(), Some(frame(60)));
}

#[test]
fn broken_frames_are_discarded_and_do_not_put_the_task_to_sleep() {
    let mut bench = Bench::new();
    bench.chip.arrive(&frame(100), true);
    bench.chip.arrive(&frame(1600), false);
    bench.chip.arrive(&frame(5), false);
    bench.chip.arrive(&frame(101), false);
    assert_eq!(bench.receive(), Some(frame(101)));
    assert_eq!(bench.state.counters().receive_errors, 3);
    bench.chip.arrive(&frame(102), true);
    assert_eq!(bench.receive(), None);
    bench.chip.arrive(&frame(103), false);
    assert_eq!(bench.interrupt(), 1);
    assert_eq!(bench.receive(), Some(frame(103)));
}

#[test]
fn what_the_full_fifo_loses_is_counted() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.chip.arrive(&frame(1514), false);
    }
    let mut received = 0;
    while bench.receive().is_some() {
        received += 1;
    }
    // 8 frames of 1,520 bytes fit into 12,480.
    assert_eq!(received, 8);
    let expected = Counters { received: 8, dropped: 2, ..Counters::default() };
    assert_eq!(bench.state.counters(), expected);
}

#[test]
fn a_full_transmit_fifo_is_waited_for() {
    let mut bench = Bench::new();
    bench.chip.0.borrow_mut().wire_is_free = false;
    assert!(bench.transmit(&frame(1514)));
    // 1,036 bytes are left, which would do for a short frame; nobody knows how long the next one is.
    assert!(!bench.transmit(&frame(60)));
    bench.chip.arrive(&frame(77), false);
    assert_eq!(bench.receive(), None, "a reply would have no room");
    bench.task.0.store(0, Ordering::Relaxed);
    bench.chip.drain(true);
    assert_eq!(bench.interrupt(), 1);
    assert_eq!(bench.receive(), Some(frame(77)));
    assert!(bench.transmit(&frame(60)));
    assert_eq!(bench.state.counters().transmit_errors, 1);
}

#[test]
fn a_cable_that_is_pulled_and_put_back_is_noticed() {
    let mut bench = Bench::new();
    let link = |bench: &mut Bench, status: u32| {
        {
            let mut inside = bench.chip.0.borrow_mut();
            inside.phy[1] = status;
            inside.phy[29] = if status == 0 { 1 << 4 } else { 1 << 6 };
        }
        assert_eq!(bench.interrupt(), 1);
        assert_eq!(bench.receive(), None);
        assert_eq!(bench.task.0.swap(0, Ordering::Relaxed), 1, "the stack has to ask for the link");
        assert!(!bench.chip.interrupts(), "the PHY still wants something");
        bench.driver.link_state(&mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(bench.receive(), None);
    assert!(link(&mut bench, 0) == LinkState::Down);
    // The other end can do no more than 10 Mbit/s, one at a time.
    bench.chip.0.borrow_mut().phy[5] = 0x0021;
    assert!(link(&mut bench, 1 << 2) == LinkState::Up);
    assert_eq!(bench.chip.0.borrow().mac[1], 1 << 3 | 1 << 2);
}
