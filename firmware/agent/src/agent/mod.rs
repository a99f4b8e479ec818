//! The state machine.

mod connection;
mod delivery;
mod download;
mod known;
mod orders;
mod publishing;
mod trial;
mod updates;

use dunlin_protocol::message::{Happening, Prediction, Report, Stored, UpdateState};
use dunlin_protocol::{Body, Digest, Kind, List, ModelId, TrustedKeys, decode};
use dunlin_store::{SlotId, State};

use crate::event::{Completion, Inference, OutboxStatus};
use crate::telemetry::{Context, Telemetry};
use crate::{Action, Boot, Event, Profile};
use connection::Connection;
use delivery::Delivery;
use known::{Known, happening, stored_release};
use orders::{Orders, Pending};
use publishing::{Publishing, Sent};
use updates::{Surroundings, Updates};

pub(crate) use known::{reason, stored_release as release_in};
pub(crate) use updates::crash_verdict;

/// After a failure of the flash, reports and events are tried again so much later, in milliseconds.
const STORE_PAUSE: u64 = 10_000;
/// At most one event says in this time that the clock was set, in milliseconds.
const CLOCK_EVENTS: u64 = 600_000;

/// The brain of a device: no IO, no clock, no allocation, no panic.
pub struct Agent {
    profile: Profile,
    known: Known,
    arena_bytes: u32,
    slot_bytes: u32,
    boot: dunlin_protocol::Boot,
    cause: dunlin_protocol::message::ResetCause,
    connection: Connection,
    publishing: Publishing,
    updates: Updates,
    orders: Orders,
    delivery: Delivery,
    telemetry: Telemetry,
    prediction: Option<Prediction>,
    serving: Option<SlotId>,
    clock: Option<Clock>,
    marks: (u32, u32),
    /// Events that are to be pushed.
    started: bool,
    clock_set: Option<i64>,
    last_clock_event: Option<u64>,
    /// Until then nothing is pushed.
    store_pause: u64,
    /// The action that is being carried out.
    running: Running,
    /// Items of the outbox and work take turns.
    item_next: bool,
    /// A reason that the outbox has.
    clear_reason: Option<u32>,
    /// When it was last told something.
    now: u64,
}

/// What the next [`Event::Done`] is about.
enum Running {
    Nothing,
    Order,
    UpdateFirst(Option<Option<SlotId>>),
    Update,
    Connect,
    Subscribe,
    Publish(Sent),
    PushReason(u32),
    ClearReason,
    PushStarted,
    PushClock,
    PushRefusal,
    PushReport,
    Acknowledge,
    Inspect,
    Item,
    Other,
}

#[derive(Clone, Copy)]
struct Clock {
    value: u64,
    at: u64,
}

impl Agent {
    /// What [`poll_action`](Self::poll_action) needs: the longest report.
    pub const BUFFER_BYTES: usize = Report::MAX_BODY;

    /// An agent of a device that has just started, with what its store holds after the boot was counted.
    pub fn new(
        profile: Profile,
        arena_bytes: u32,
        slot_bytes: u32,
        state: &State,
        status: OutboxStatus,
        boot: Boot,
        now: u64,
    ) -> Agent {
        let known = Known::new(&profile, state);
        let mut telemetry = Telemetry::new(profile.telemetry_period, now);
        if let Some(configuration) = known::stored_configuration(state) {
            telemetry.configure(&configuration);
        }
        Agent {
            boot: dunlin_protocol::Boot { nonce: profile.nonce, count: known.boots },
            cause: boot.cause,
            connection: Connection::new(boot.seed, now),
            publishing: Publishing::new(),
            updates: Updates::new(stored_release(state), &known),
            orders: Orders::new(),
            delivery: Delivery::new(status),
            telemetry,
            prediction: None,
            serving: None,
            clock: None,
            marks: (0, 0),
            started: true,
            clock_set: None,
            last_clock_event: None,
            store_pause: 0,
            running: Running::Nothing,
            item_next: false,
            clear_reason: None,
            now,
            profile,
            known,
            arena_bytes,
            slot_bytes,
        }
    }

    /// Who the device is.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The keys that are trusted now.
    pub fn keys(&self) -> &TrustedKeys {
        &self.known.keys
    }

    /// The slot that serves.
    pub fn serving(&self) -> Option<SlotId> {
        self.serving
    }

    /// The model that serves.
    pub fn model(&self) -> Option<ModelId> {
        self.serving.and_then(|slot| self.known.digest(slot)).map(|digest| digest.model())
    }

    /// The digest that a slot's model must have, or that of the release being installed into it.
    pub fn digest(&self, slot: SlotId) -> Option<Digest> {
        let installing = self.known.installing.filter(|_| slot == self.known.inactive());
        self.known.digest(slot).or(installing)
    }

    /// How far the update under way is, or how the last one ended.
    pub fn update(&self) -> Option<UpdateState> {
        self.updates.status(&self.known, self.now).map(|(_, state)| state)
    }

    /// Whether messages can be published.
    pub fn is_connected(&self) -> bool {
        self.connection.is_ready()
    }

    /// This boot.
    pub fn boot(&self) -> dunlin_protocol::Boot {
        self.boot
    }

    /// Whether the configuration wants logs.
    pub fn wants_logs(&self) -> bool {
        self.telemetry.logs
    }

    /// The release that [`Action::BeginInstall`] means.
    pub fn beginning(&self) -> Option<&dunlin_protocol::message::Release> {
        self.updates.beginning()
    }

    /// Takes note of something that happened at `now`, in milliseconds of uptime.
    pub fn handle(&mut self, event: Event<'_>, now: u64) {
        self.now = now;
        match event {
            Event::Tick => {}
            Event::Connected => self.connection.connected(now),
            Event::Disconnected => self.connection.disconnected(now),
            Event::Message(kind, payload) => self.message(kind, payload, now),
            Event::Done(completion) => self.done(&completion, now),
            Event::Inference(inference) => self.inference(&inference, now),
            Event::Compared { agreed } => self.updates.compared(agreed),
            Event::Clock(clock) => self.set_clock(clock, now),
            Event::Marks { stack, arena } => {
                self.marks = (self.marks.0.max(stack), self.marks.1.max(arena));
            }
        }
    }

    /// What is to be done next; `None` if nothing is until the next event or [`next_deadline`](Self::next_deadline).
    ///
    /// Payloads are written into `buffer`, which needs [`BUFFER_BYTES`](Self::BUFFER_BYTES).
    pub fn poll_action<'b>(&mut self, now: u64, buffer: &'b mut [u8]) -> Option<Action<'b>> {
        self.now = now;
        let (running, action) = self.next_action(now, buffer)?;
        self.running = running;
        Some(action)
    }

    /// When it wants to be polled again at the latest, in milliseconds of uptime.
    pub fn next_deadline(&self) -> Option<u64> {
        let now = self.now;
        let pushes = self.known.reason.is_some()
            || self.started
            || self.clock_set.is_some()
            || self.updates.event.is_some();
        let ready = self.connection.is_ready();
        [
            Some(self.telemetry.deadline().max(self.store_pause)),
            pushes.then_some(self.store_pause.max(now)),
            self.connection.deadline().filter(|_| !self.updates.is_checking()),
            self.connection.wants_subscription().then(|| self.publishing.hold().max(now)),
            (ready && self.has_messages()).then(|| self.publishing.hold().max(now)),
            self.delivery.deadline(now).filter(|_| ready).map(|at| at.max(self.publishing.hold())),
            self.orders.deadline(),
            self.updates.deadline(now),
            ready.then(|| self.publishing.progress_at()).filter(|_| self.updates.is_under_way()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn message(&mut self, kind: Kind, payload: &[u8], now: u64) {
        let Agent { profile, known, orders, updates, delivery, boot, .. } = self;
        match kind {
            Kind::Release => {
                let (arena_bytes, slot_bytes) = (self.arena_bytes, self.slot_bytes);
                updates.offer(payload, &Surroundings { known, profile, arena_bytes, slot_bytes, now });
            }
            Kind::Block => updates.block(payload, now),
            Kind::Stored => {
                if let Ok(stored) = decode::<Stored>(payload) {
                    delivery.stored(&stored, profile.nonce, now);
                }
            }
            Kind::Configuration => orders.configuration(payload, known, profile, *boot),
            Kind::Command => orders.command(payload, known, profile, *boot),
            _ => {}
        }
    }

    fn inference(&mut self, inference: &Inference<'_>, now: u64) {
        self.updates.inference(inference.values.map(|_| inference.latency));
        if let Some(budget) = self.updates.budget() {
            self.telemetry.budget = budget;
        }
        let Some(model) = self.model() else { return };
        let is_sampled = self.telemetry.count(model, inference);
        if is_sampled && let Some((_, outputs)) = inference.values {
            let largest = outputs.largest();
            let class =
                largest.filter(|_| inference.is_classifier).and_then(|(index, _)| index.try_into().ok());
            self.prediction = Some(Prediction {
                boot: self.boot,
                number: self.telemetry.inferences,
                uptime: now,
                clock: self.wall_clock(now),
                model,
                class,
                confidence: largest.map_or(0.0, |(_, value)| value),
                outputs: List::from_first(outputs.iter()),
            });
        }
    }

    fn set_clock(&mut self, value: u64, now: u64) {
        if let Some(expected) = self.wall_clock(now) {
            let by = (value as i64).wrapping_sub(expected as i64);
            let is_recent = self.last_clock_event.is_some_and(|at| now.saturating_sub(at) < CLOCK_EVENTS);
            if by.unsigned_abs() >= 1000 && !is_recent {
                self.last_clock_event = Some(now);
                self.clock_set = Some(by);
            }
        }
        self.clock = Some(Clock { value, at: now });
    }

    fn wall_clock(&self, now: u64) -> Option<u64> {
        self.clock.map(|clock| clock.value.saturating_add(now.saturating_sub(clock.at)))
    }

    /// What is counted and said beside the counters.
    fn context(&self, now: u64) -> Context {
        let OutboxStatus { next, dropped_reports, dropped_events, .. } = self.delivery.status;
        Context {
            boot: self.boot,
            sequence: next,
            clock: self.wall_clock(now),
            resets: self.known.resets,
            stack_bytes: self.marks.0,
            arena_bytes: self.marks.1,
            dropped: dropped_reports.saturating_add(dropped_events),
        }
    }

    fn next_action<'b>(&mut self, now: u64, buffer: &'b mut [u8]) -> Option<(Running, Action<'b>)> {
        // What follows from a message goes first: its bytes are gone afterwards.
        if self.orders.pending.is_some() {
            return Some((Running::Order, self.order(buffer)?));
        }
        if self.updates.has_first_action() {
            let action = self.updates.first_action(buffer)?;
            let serve = match action {
                Action::Serve(slot) => Some(slot),
                _ => None,
            };
            return Some((Running::UpdateFirst(serve), action));
        }
        if now >= self.store_pause && self.has_push(now) {
            return self.push(now, buffer);
        }
        if let Some(through) = self.delivery.acknowledge() {
            return Some((Running::Acknowledge, Action::Acknowledge(through)));
        }
        if self.delivery.wants_status() && now >= self.store_pause {
            return Some((Running::Inspect, Action::InspectOutbox));
        }
        if !self.updates.is_checking() && self.connection.begin(now) {
            return Some((Running::Connect, Action::Connect { will: self.will(buffer) }));
        }
        let may_send = now >= self.publishing.hold();
        if may_send && self.connection.wants_subscription() {
            return Some((Running::Subscribe, Action::Subscribe));
        }
        let ready = may_send && self.connection.is_ready();
        if ready && let Some(sent) = self.next_message(now) {
            let (kind, payload) = self.write(&sent, now, buffer);
            return Some((Running::Publish(sent), Action::Publish { kind, payload }));
        }
        if let Some(seconds) = self.orders.identify.take() {
            return Some((Running::Other, Action::Identify { seconds }));
        }
        if self.orders.reboots(now) {
            return Some((Running::Other, Action::Reboot));
        }
        if self.item_next
            && ready
            && let Some(restart) = self.delivery.next(now)
        {
            self.item_next = false;
            return Some((Running::Item, Action::SendItem { restart }));
        }
        let Agent { profile, known, updates, arena_bytes, slot_bytes, .. } = self;
        let around = Surroundings { known, profile, arena_bytes: *arena_bytes, slot_bytes: *slot_bytes, now };
        if let Some(action) = updates.action(&around, buffer) {
            self.item_next = true;
            return Some((Running::Update, action));
        }
        let restart = self.delivery.next(now).filter(|_| ready)?;
        Some((Running::Item, Action::SendItem { restart }))
    }

    /// The order that is to be written to the flash.
    fn order<'b>(&mut self, buffer: &'b mut [u8]) -> Option<Action<'b>> {
        Some(match self.orders.pending.as_ref()? {
            Pending::Configuration(configuration) => Action::AcceptConfiguration { id: configuration.id },
            Pending::Command { id, keys, happening, .. } => Action::AcceptCommand {
                id: *id,
                changes_keys: keys.is_some(),
                decommission: matches!(happening, Some(Happening::Decommissioned)),
                reason: happening.as_ref().map_or(&[], |what| reason(what, buffer)),
            },
        })
    }

    /// The keys that [`Action::AcceptCommand`] is to store.
    pub fn changed_keys(&self) -> Option<&TrustedKeys> {
        match self.orders.pending.as_ref()? {
            Pending::Command { keys, .. } => keys.as_ref(),
            Pending::Configuration(_) => None,
        }
    }

    fn has_push(&self, now: u64) -> bool {
        self.known.reason.is_some()
            || self.started
            || self.clock_set.is_some()
            || self.updates.event.is_some()
            || self.telemetry.is_due(self.model(), now)
    }

    /// The next report or event.
    fn push<'b>(&mut self, now: u64, buffer: &'b mut [u8]) -> Option<(Running, Action<'b>)> {
        // What happened first is told first.
        if let Some(id) = self.clear_reason {
            return Some((Running::ClearReason, Action::ClearReasons(id)));
        }
        let (running, what) = if self.started {
            (Running::PushStarted, Happening::Started(self.cause))
        } else if let Some((id, bytes)) = &self.known.reason {
            match happening(bytes) {
                Some(what) => (Running::PushReason(*id), what),
                None => return Some((Running::ClearReason, Action::ClearReasons(*id))),
            }
        } else if let Some(what) = self.updates.event {
            (Running::PushRefusal, what)
        } else if let Some(by) = self.clock_set {
            (Running::PushClock, Happening::ClockSet { by })
        } else {
            let report = self.telemetry.report(self.model(), &self.context(now), now);
            return Some((Running::PushReport, Action::PushReport(publishing::encoded(&report, buffer))));
        };
        Some((running, Action::PushEvent(self.event(what, now, buffer))))
    }

    fn done(&mut self, completion: &Completion<'_>, now: u64) {
        let running = core::mem::replace(&mut self.running, Running::Nothing);
        let was_decommissioned = self.known.decommissioned;
        if let Completion::State(state) = completion {
            self.known.update(state);
        }
        let failed = matches!(completion, Completion::Failed);
        let Agent { profile, known, arena_bytes, slot_bytes, .. } = self;
        let around = Surroundings { known, profile, arena_bytes: *arena_bytes, slot_bytes: *slot_bytes, now };
        match running {
            Running::Nothing | Running::Other | Running::Connect | Running::Acknowledge => {}
            Running::Order => {
                if let Some(Pending::Configuration(configuration)) = &self.orders.pending
                    && !failed
                {
                    self.telemetry.configure(configuration);
                }
                if known.decommissioned && !was_decommissioned {
                    self.updates.decommissioned(known);
                }
                let accepted = match self.orders.pending {
                    Some(Pending::Configuration(_)) => known.configuration,
                    _ => known.command,
                };
                self.orders.written(!failed, self.boot, accepted, now);
            }
            Running::UpdateFirst(serve) => {
                self.updates.first_done(completion, &around);
                if let Some(slot) = serve
                    && (!failed || slot.is_none())
                {
                    self.serving = slot;
                }
            }
            Running::Update => self.updates.done(completion, &around),
            Running::Subscribe => match completion {
                Completion::Ok => {
                    self.connection.subscribed();
                    self.publishing.connected(now);
                    self.delivery.connected(now);
                    self.updates.reconnected();
                }
                _ => self.publishing.failed(now),
            },
            Running::Publish(sent) => match completion {
                Completion::Ok => self.published(sent, now),
                _ => self.publishing.failed(now),
            },
            Running::PushReason(id) => match completion {
                Completion::Pushed(sequence) => {
                    self.delivery.pushed(*sequence, now);
                    self.clear_reason = Some(id);
                }
                _ => self.store_pause = now.saturating_add(STORE_PAUSE),
            },
            Running::ClearReason if failed => self.store_pause = now.saturating_add(STORE_PAUSE),
            Running::ClearReason => self.clear_reason = None,
            Running::PushStarted | Running::PushClock | Running::PushRefusal => match completion {
                Completion::Pushed(sequence) => {
                    self.delivery.pushed(*sequence, now);
                    match running {
                        Running::PushStarted => self.started = false,
                        Running::PushClock => self.clock_set = None,
                        _ => self.updates.event = None,
                    }
                }
                _ => self.store_pause = now.saturating_add(STORE_PAUSE),
            },
            Running::PushReport => match completion {
                Completion::Pushed(sequence) => {
                    self.delivery.pushed(*sequence, now);
                    let model = self.model();
                    self.telemetry.next_window(model, now);
                }
                // The window goes on, so that nothing is lost but time.
                _ => self.store_pause = now.saturating_add(STORE_PAUSE),
            },
            Running::Inspect => match completion {
                Completion::Outbox(status) => self.delivery.inspected(*status),
                _ => self.store_pause = now.saturating_add(STORE_PAUSE),
            },
            Running::Item => match completion {
                Completion::Item(item) => self.delivery.sent(*item),
                Completion::NotSent => self.publishing.failed(now),
                _ => self.delivery.failed(now),
            },
        }
    }
}
