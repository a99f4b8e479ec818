//! A device: the agent, and everything of its actions that is the same on all platforms.

mod action;
mod check;
mod error;
mod predict;

use dunlin_protocol::message::{Happening, Lines, Log, ResetCause};
use dunlin_protocol::{Kind, encode};
use dunlin_runtime::SelfTest;
use dunlin_store::{BootCause, Booted, Cursor, Install, Layout, REASON_BYTES, SlotDigest, SlotId, Store};
use embedded_storage_async::nor_flash::NorFlash;

use crate::agent::{crash_verdict, reason, release_in};
use crate::event::OutboxStatus;
use crate::{Agent, Boot, Event, Platform, Profile};

pub use check::schemas;
pub use error::{PredictError, StartError};
pub use predict::Predicted;

/// At most so many actions in one call of [`Device::poll`].
const ACTIONS: u32 = 32;

/// Memory that a device works in.
pub struct Memory<'m> {
    /// Where models run, from a multiple of 16 on: [`dunlin_runtime::Aligned`]. Its length is what releases are measured against.
    pub arena: &'m mut [u8],
    /// For messages: [`Memory::BUFFER_BYTES`].
    pub buffer: &'m mut [u8],
}

impl Memory<'_> {
    /// Length of the buffer: the longest report.
    pub const BUFFER_BYTES: usize = Agent::BUFFER_BYTES;
}

/// A device over a flash `F`.
///
/// Futures that it returns wait for the flash and the platform alone; one that is dropped before its end is like a power cut.
pub struct Device<'m, F, P> {
    agent: Agent,
    store: Store<F>,
    platform: P,
    memory: Memory<'m>,
    install: Option<Install>,
    digest: Option<SlotDigest>,
    self_test: SelfTest,
    /// The slot whose model runs beside the one that serves.
    shadow: Option<SlotId>,
    /// The slot that is being copied to memory, and how many bytes are.
    copied: Option<(SlotId, u32)>,
    cursor: Cursor,
    /// The most that a model used of the arena.
    arena_used: u32,
    lost_lines: u32,
}

/// When [`Device::poll`] wants to be called again, at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once: there is more work. Let the watchdog and other tasks have their turn in between.
    Now,
    /// At this uptime in milliseconds, or after the next event.
    At(u64),
}

impl<'m, F: NorFlash, P: Platform<F>> Device<'m, F, P> {
    /// Opens the store, counts the boot and makes an agent. The model is checked slice by slice in [`poll`](Self::poll), and serves then.
    ///
    /// A flash that takes no writes stops nothing but updates and telemetry: the device serves what it has.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        profile: Profile,
        flash: F,
        layout: Layout,
        platform: P,
        memory: Memory<'m>,
        boot: Boot,
        now: u64,
    ) -> Result<Self, StartError<F::Error>> {
        if memory.buffer.len() < Memory::BUFFER_BYTES {
            return Err(StartError::Buffer(memory.buffer.len()));
        }
        let mut store = Store::open(flash, layout).await.map_err(StartError::Store)?;
        count_boot(&mut store, boot.cause).await;
        let status = outbox_status(&mut store, memory.buffer).await.unwrap_or_else(|| OutboxStatus {
            oldest: store.next_sequence(),
            next: store.next_sequence(),
            acknowledged: store.acknowledged(),
            ..OutboxStatus::default()
        });
        let arena_bytes = u32::try_from(memory.arena.len()).unwrap_or(u32::MAX);
        let slot_bytes = store.layout().slot(SlotId::A).length;
        let agent = Agent::new(profile, arena_bytes, slot_bytes, store.state(), status, boot, now);
        Ok(Device {
            agent,
            store,
            platform,
            memory,
            install: None,
            digest: None,
            self_test: SelfTest::default(),
            shadow: None,
            copied: None,
            cursor: Cursor::default(),
            arena_used: 0,
            lost_lines: 0,
        })
    }

    /// Does what is to be done, at most one slice of long work. See [`Next`].
    pub async fn poll(&mut self, now: u64) -> Next {
        let marks = Event::Marks { stack: self.platform.stack_high_water(), arena: self.arena_used };
        self.agent.handle(marks, now);
        self.carry_out(&[], now).await
    }

    /// The broker accepted the connection.
    pub fn connected(&mut self, now: u64) {
        self.agent.handle(Event::Connected, now);
    }

    /// The connection is gone, or could not be made.
    pub fn disconnected(&mut self, now: u64) {
        self.agent.handle(Event::Disconnected, now);
    }

    /// A message came; the platform has parsed its [`Topic`](dunlin_protocol::Topic) and found it to be for this device. Blocks and
    /// orders are in the flash when the call returns, so that the payload's buffer is free again.
    pub async fn received(&mut self, kind: Kind, payload: &[u8], now: u64) -> Next {
        self.agent.handle(Event::Message(kind, payload), now);
        self.carry_out(payload, now).await
    }

    /// Sets the wall clock: milliseconds since 1970-01-01 UTC. No decision depends on it.
    pub fn set_clock(&mut self, clock: u64, now: u64) {
        self.agent.handle(Event::Clock(clock), now);
    }

    /// Sends log lines, if the configuration wants them; lines that cannot be sent are counted.
    pub async fn log(&mut self, lines: Lines<'_>) {
        if !self.agent.wants_logs() {
            return;
        }
        let log = Log { boot: self.agent.boot(), lost: self.lost_lines, lines };
        let mut is_sent = false;
        if self.agent.is_connected()
            && let Ok(payload) = encode(&log, self.memory.buffer)
        {
            let Profile { fleet, device, .. } = self.agent.profile();
            is_sent = self.platform.publish(fleet, device, Kind::Log, payload).await.is_ok();
        }
        if !is_sent {
            self.lost_lines = self.lost_lines.saturating_add(1);
        }
    }

    /// The agent, to be looked at.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The store, to be looked at.
    pub fn store(&self) -> &Store<F> {
        &self.store
    }

    /// The platform.
    pub fn platform(&mut self) -> &mut P {
        &mut self.platform
    }

    /// Gives back what it was started with.
    pub fn into_parts(self) -> (F, P, Memory<'m>) {
        (self.store.into_flash(), self.platform, self.memory)
    }

    async fn carry_out(&mut self, payload: &[u8], now: u64) -> Next {
        for _ in 0..ACTIONS {
            match self.act(payload, now).await {
                None => {
                    let deadline = self.agent.next_deadline().unwrap_or(u64::MAX);
                    return Next::At(deadline.max(now.saturating_add(1)));
                }
                Some(is_slice) if is_slice => return Next::Now,
                Some(_) => {}
            }
        }
        Next::Now
    }
}

/// Counts the start. When that is one crash too many, the previous model returns in the same record.
async fn count_boot<F: NorFlash>(store: &mut Store<F>, cause: ResetCause) {
    let verdict: Option<Happening> = release_in(store.state()).as_ref().map(crash_verdict);
    let mut buffer = [0; REASON_BYTES];
    let told = verdict.map_or(&[][..], |verdict| reason(&verdict, &mut buffer));
    // A flash that takes no writes does not count; it does not install anything either.
    let _ = store
        .update(|state| {
            state.count_reset(cause as u8);
            if state.begin_boot(boot_cause(cause), told) == Booted::Returned {
                state.set_verdict(told);
            }
            Ok(())
        })
        .await;
}

/// Which resets count against a model on trial. A cause that the hardware does not tell may be the model.
const fn boot_cause(cause: ResetCause) -> BootCause {
    match cause {
        ResetCause::PowerOn | ResetCause::Pin | ResetCause::Brownout => BootCause::Power,
        ResetCause::Requested => BootCause::Requested,
        ResetCause::Unknown | ResetCause::Watchdog | ResetCause::Panic | ResetCause::Fault => {
            BootCause::Crash
        }
    }
}

/// What is in the outbox. `None` if the flash cannot be read.
async fn outbox_status<F: NorFlash>(store: &mut Store<F>, buffer: &mut [u8]) -> Option<OutboxStatus> {
    use dunlin_store::ItemKind;
    let next = store.next_sequence();
    let oldest = store.next_item(&mut Cursor::default(), buffer).await.ok()?.map(|item| item.sequence);
    Some(OutboxStatus {
        oldest: oldest.unwrap_or(next),
        next,
        acknowledged: store.acknowledged(),
        dropped_reports: store.dropped(ItemKind::Report),
        dropped_events: store.dropped(ItemKind::Event),
    })
}
