//! A device, a broker, a fleet service and the links between them, on a virtual clock.

use dunlin_agent::{Boot, Device, Memory, Next, PredictError, Predicted, Profile, Values};
use dunlin_kernel_tests::random::Random;
use dunlin_protocol::Kind;
use dunlin_protocol::message::{ResetCause, Update, UpdateState};
use dunlin_runtime::Aligned;
use dunlin_store::simulated::{Cut, run};
use dunlin_store::{Layout, Sizes};

use crate::authority::profile;
use crate::board::{Board, Flash};
use crate::models::ELEMENTS;
use crate::service::Service;

/// Time that a message takes, in milliseconds.
const DELAY: u64 = 20;
pub const ARENA_BYTES: usize = 4096;

/// Something done to a flash.
type Change = Box<dyn FnMut(&mut Flash)>;

/// What the links do to messages, each per mille.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    pub loss: u64,
    pub duplication: u64,
    pub reordering: u64,
    /// Of blocks: a byte is changed.
    pub corruption: u64,
    /// Of blocks: the end is missing.
    pub truncation: u64,
}

pub struct World {
    pub now: u64,
    pub uptime_since: u64,
    pub device: Option<Device<'static, Flash, Board>>,
    pub service: Service,
    pub faults: Faults,
    pub broker_is_up: bool,
    pub profile: Profile,
    pub random: Random,
    /// A sample every so many milliseconds, 0: none.
    pub sampling: u64,
    pub latency: u32,
    pub restarts: u32,
    /// Polls since the last event that were not needed: nothing may spin.
    pub polls: u64,
    next_sample: u64,
    deadline: u64,
    /// Messages on their way: when, whether up, kind, payload.
    flying: Vec<(u64, bool, Kind, Vec<u8>)>,
    pub will: Vec<u8>,
    pub last: Option<Result<Predicted, PredictError>>,
    boots: u64,
    /// When the device tried to connect.
    pub attempts: Vec<u64>,
    /// Done to the flash each time that the power comes back.
    pub on_restart: Option<Change>,
}

/// The will that the device leaves with its next connection.
pub fn next_will(world: &mut World) -> Vec<u8> {
    let attempts = world.attempts.len();
    world.run_until("it connects", |world| world.attempts.len() > attempts);
    world.will.clone()
}

pub fn sizes() -> Sizes {
    Sizes {
        slot_bytes: 8 * 1024,
        log_sector_bytes: 4096,
        journal_sectors: 3,
        report_sectors: 3,
        event_sectors: 3,
    }
}

pub fn empty_flash() -> Flash {
    Flash::new(2 * 8 * 1024 + 9 * 4096)
}

fn memory() -> Memory<'static> {
    let arena: &'static mut Aligned<[u8; ARENA_BYTES]> = Box::leak(Box::new(Aligned([0; ARENA_BYTES])));
    Memory { arena: &mut arena.0, buffer: Box::leak(Box::new([0; Memory::BUFFER_BYTES])) }
}

impl World {
    pub fn new() -> World {
        World::with(empty_flash())
    }

    pub fn with(flash: Flash) -> World {
        World::start(flash, 1)
    }

    /// The device with this number.
    pub fn start(flash: Flash, device: u64) -> World {
        let mut world = World {
            now: 0,
            uptime_since: 0,
            device: None,
            service: Service::default(),
            faults: Faults::default(),
            broker_is_up: true,
            profile: profile(),
            random: Random::new(1),
            sampling: 1000,
            latency: 500,
            restarts: 0,
            polls: 0,
            next_sample: 0,
            deadline: 0,
            flying: Vec::new(),
            last: None,
            boots: device << 32,
            attempts: Vec::new(),
            will: Vec::new(),
            on_restart: None,
        };
        world.boot(flash, memory(), ResetCause::PowerOn);
        world
    }

    fn boot(&mut self, mut flash: Flash, memory: Memory<'static>, cause: ResetCause) {
        if !flash.is_powered() {
            flash.restart();
            if let Some(change) = &mut self.on_restart {
                change(&mut flash);
            }
        }
        self.boots += 1;
        let layout = Layout::new(&flash, sizes()).unwrap();
        let board = Board { latency: self.latency, queue: 8, ..Board::default() };
        let boot = Boot { cause, seed: self.boots.wrapping_mul(0x9E37_79B9_7F4A_7C15) };
        self.uptime_since = self.now;
        self.flying.clear();
        let device = Device::start(self.profile.clone(), flash, layout, board, memory, boot, 0);
        self.device = Some(run(device).unwrap_or_else(|error| panic!("{error}")));
        self.deadline = self.now;
    }

    /// Starts the device again.
    pub fn reset(&mut self, cause: ResetCause) {
        let (flash, _, memory) = self.device.take().unwrap().into_parts();
        self.restarts += 1;
        self.boot(flash, memory, cause);
    }

    /// Cuts the power at an operation from now on.
    pub fn cut(&mut self, cut: Cut) {
        let (mut flash, _, memory) = self.device.take().unwrap().into_parts();
        flash.cut(cut);
        self.boot(flash, memory, ResetCause::PowerOn);
    }

    pub fn device(&mut self) -> &mut Device<'static, Flash, Board> {
        self.device.as_mut().unwrap()
    }

    pub fn uptime(&self) -> u64 {
        self.now - self.uptime_since
    }

    /// Sends a message to the device.
    pub fn send(&mut self, kind: Kind, payload: Vec<u8>) {
        self.flying.push((self.now + DELAY, false, kind, payload));
    }

    /// Breaks the connection. What is on its way is lost.
    pub fn disconnect(&mut self) {
        let uptime = self.uptime();
        self.device().platform().is_online = false;
        self.device().disconnected(uptime);
        self.flying.clear();
        self.deadline = self.now;
    }

    /// Lets the world run for so many milliseconds.
    pub fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.step(end) {}
    }

    /// Lets the world run until something holds, or panics after a day.
    pub fn run_until(&mut self, what: &str, mut holds: impl FnMut(&mut World) -> bool) {
        let end = self.now + 86_400_000;
        while !holds(self) {
            assert!(self.step(end), "{what}: not within a day; {:?}", self.service.updates.last());
        }
    }

    /// Until the fleet was told how the update ended.
    pub fn run_until_ended(&mut self, sequence: u64) -> UpdateState {
        self.run_until("the update ends", |world| !world.service.ends(sequence).is_empty());
        *self.service.ends(sequence).last().unwrap()
    }

    pub fn last_update(&self) -> Option<&Update> {
        self.service.updates.last()
    }

    /// The next thing that happens until `end`. False when nothing does.
    fn step(&mut self, end: u64) -> bool {
        if !self.device().store().flash().is_powered() {
            self.reset(ResetCause::PowerOn);
        }
        let arrival = self.flying.iter().map(|message| message.0).min().unwrap_or(u64::MAX);
        let sample = if self.sampling == 0 { u64::MAX } else { self.next_sample };
        let next = arrival.min(sample).min(self.deadline).max(self.now);
        if next > end {
            self.now = end;
            return false;
        }
        self.polls = if next > self.now { 0 } else { self.polls + 1 };
        assert!(self.polls < 5000, "the device spins at {}", self.now);
        self.now = next;
        let uptime = self.uptime();
        if arrival <= next {
            let index = self.flying.iter().position(|message| message.0 == arrival).unwrap();
            let (_, up, kind, payload) = self.flying.remove(index);
            if up {
                for (kind, payload) in self.service.receive(kind, &payload) {
                    self.fly(false, kind, payload);
                }
                return true;
            }
            let next = run(self.device().received(kind, &payload, uptime));
            self.after(next);
            return true;
        }
        if sample <= next {
            self.next_sample = next + self.sampling;
            self.predict();
        }
        let next = run(self.device().poll(uptime));
        self.after(next);
        true
    }

    pub fn predict(&mut self) {
        let uptime = self.uptime();
        let sample: [f32; ELEMENTS] = core::array::from_fn(|element| (element as f32 - 4.0) * 2.0);
        let mut outputs = [0.0; ELEMENTS];
        let predicted = self.device().predict(Values::Real(&sample), &mut outputs, uptime);
        self.last = Some(predicted);
    }

    /// What serves: by how many steps it shifts.
    pub fn serving(&mut self) -> Option<i8> {
        self.predict();
        let largest = self.last?.ok()?.largest?.1;
        Some(((largest - 6.0) / crate::models::STEP) as i8)
    }

    /// Does what the device asked its platform for.
    fn after(&mut self, next: Next) {
        let (now, uptime, is_up) = (self.now, self.uptime(), self.broker_is_up);
        self.deadline = match next {
            Next::Now => now,
            Next::At(at) => self.uptime_since.saturating_add(at),
        };
        let device = self.device.as_mut().unwrap();
        if let Some(will) = device.platform().connects.pop() {
            (self.will, _) = (will, self.attempts.push(now));
            device.platform().is_online = is_up;
            if is_up {
                device.connected(uptime);
            } else {
                device.disconnected(uptime);
            }
            self.deadline = now;
        }
        for (kind, payload) in core::mem::take(&mut self.device().platform().published) {
            self.fly(true, kind, payload);
        }
    }

    /// Puts a message on its way, as well as the link allows.
    fn fly(&mut self, up: bool, kind: Kind, mut payload: Vec<u8>) {
        let Faults { loss, duplication, reordering, corruption, truncation } = self.faults;
        let mut happens = |share: u64| self.random.bits() % 1000 < share;
        // QoS 1 arrives, if the connection lives; it may arrive twice.
        if kind.quality_of_service() == 0 && happens(loss) {
            return;
        }
        let copies = if happens(duplication) { 2 } else { 1 };
        let late = if happens(reordering) { 1 } else { 0 };
        if kind == Kind::Block && happens(truncation) {
            payload.truncate((self.random.bits() as usize) % payload.len());
        } else if kind == Kind::Block && happens(corruption) {
            let place = (self.random.bits() as usize) % payload.len();
            payload[place] ^= 1 << (self.random.bits() % 8);
        }
        for copy in 0..copies {
            let at = self.now + DELAY + late * (self.random.bits() % 2000) + copy * 300;
            self.flying.push((at, up, kind, payload.clone()));
        }
    }
}
