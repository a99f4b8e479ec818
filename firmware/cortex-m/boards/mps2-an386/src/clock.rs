//! The clock of embassy: microseconds since the start, from timer 0; timer 1 wakes tasks.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

use crate::interrupts::{self, Interrupt};
use crate::timer;

const TICKS_PER_MICROSECOND: u64 = timer::HERTZ as u64 / TICK_HZ;
const _: () = assert!(TICKS_PER_MICROSECOND * TICK_HZ == timer::HERTZ as u64);
/// The longest alarm in microseconds. Somebody looks at the counter, which wraps after 171 s, at least this often.
const LONGEST: u64 = 60_000_000;

struct Clock {
    count: CriticalSectionMutex<Cell<Count>>,
    queue: CriticalSectionMutex<RefCell<Queue>>,
}

/// What the counter showed last, and how often it had wrapped.
#[derive(Clone, Copy)]
struct Count {
    low: u32,
    wraps: u32,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    count: CriticalSectionMutex::new(Cell::new(Count { low: 0, wraps: 0 })),
    queue: CriticalSectionMutex::new(RefCell::new(Queue::new())),
});

/// Starts the clock. Nothing waits before.
pub fn start() {
    timer::start();
    interrupts::enable(Interrupt::Alarm);
    CLOCK.alarm();
}

/// The alarm's interrupt.
pub(crate) fn on_alarm() {
    timer::clear_alarm();
    CLOCK.alarm();
}

impl Clock {
    /// Wakes those whose time has come, and sets the alarm for the next one.
    fn alarm(&self) {
        self.queue.lock(|queue| self.set_alarm(&mut queue.borrow_mut()));
    }

    fn set_alarm(&self, queue: &mut Queue) {
        loop {
            let next = queue.next_expiration(self.now());
            // It may have passed in the meantime.
            let Some(wait) = next.checked_sub(self.now()).filter(|wait| *wait > 0) else { continue };
            return timer::set_alarm((wait.min(LONGEST) * TICKS_PER_MICROSECOND) as u32);
        }
    }
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        let ticks = self.count.lock(|count| {
            let Count { low: before, mut wraps } = count.get();
            let low = timer::ticks();
            if low < before {
                wraps = wraps.wrapping_add(1);
            }
            count.set(Count { low, wraps });
            u64::from(wraps) << 32 | u64::from(low)
        });
        ticks / TICKS_PER_MICROSECOND
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        self.queue.lock(|queue| {
            let mut queue = queue.borrow_mut();
            if queue.schedule_wake(at, waker) {
                self.set_alarm(&mut queue);
            }
        });
    }
}
