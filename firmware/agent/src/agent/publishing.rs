//! Messages to the fleet: which is next, and what it says.

use dunlin_protocol::message::{Birth, Event, Happening, Outbox, Subject, Update, UpdateState, Will};
use dunlin_protocol::{HIGHEST_MAJOR, Kind, LOWEST_MAJOR, Message, encode};
use dunlin_store::SlotId;

use super::Agent;
use crate::event::OutboxStatus;

/// A message that could not be handed over is tried again so much later, in milliseconds.
const HOLD: u64 = 1_000;
/// Numbers of an update are sent again so often, in milliseconds.
const PROGRESS: u64 = 10_000;

/// What is to be published.
pub(super) struct Publishing {
    birth: bool,
    /// Update messages of this boot.
    revision: u32,
    /// Nothing is sent before.
    hold: u64,
    progress_at: u64,
}

/// A message, to be marked as sent when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Birth,
    Answer,
    Update,
    Outbox,
    Applied,
    Request,
    Prediction,
}

impl Publishing {
    pub(super) const fn new() -> Publishing {
        Publishing { birth: false, revision: 0, hold: 0, progress_at: 0 }
    }

    pub(super) fn hold(&self) -> u64 {
        self.hold
    }

    pub(super) fn progress_at(&self) -> u64 {
        self.progress_at
    }

    pub(super) fn connected(&mut self, now: u64) {
        (self.birth, self.hold) = (true, now);
    }

    pub(super) fn failed(&mut self, now: u64) {
        self.hold = now.saturating_add(HOLD);
    }
}

impl Agent {
    /// Whether [`next_message`](Self::next_message) has one, whatever the time is.
    pub(super) fn has_messages(&self) -> bool {
        self.publishing.birth
            || self.orders.birth
            || self.updates.ended
            || !self.updates.answers.is_empty()
            || self.updates.changed
            || self.delivery.wants_announcement()
            || !self.orders.answers.is_empty()
            || self.updates.request().is_some()
            || self.prediction.is_some()
    }

    pub(super) fn next_message(&mut self, now: u64) -> Option<Sent> {
        if core::mem::take(&mut self.orders.birth) {
            self.publishing.birth = true;
            self.updates.changed = true;
            self.delivery.announce();
        }
        if core::mem::take(&mut self.updates.ended) {
            // What the device has accepted is different now, and a release that was deferred may be offered again.
            self.publishing.birth = true;
        }
        if self.updates.changed && self.updates.status(&self.known, now).is_none() {
            self.updates.changed = false;
        }
        let progress = self.updates.is_under_way() && now >= self.publishing.progress_at;
        Some(if self.publishing.birth {
            Sent::Birth
        } else if !self.updates.answers.is_empty() {
            Sent::Answer
        } else if self.updates.changed || progress {
            Sent::Update
        } else if self.delivery.wants_announcement() {
            Sent::Outbox
        } else if !self.orders.answers.is_empty() {
            Sent::Applied
        } else if self.updates.request().is_some() {
            Sent::Request
        } else if self.prediction.is_some() {
            Sent::Prediction
        } else {
            return None;
        })
    }

    /// Kind and payload of a message.
    pub(super) fn write<'b>(&self, sent: &Sent, now: u64, buffer: &'b mut [u8]) -> (Kind, &'b [u8]) {
        let boot = self.boot;
        match sent {
            Sent::Birth => (Kind::Birth, encoded(&self.birth(now), buffer)),
            Sent::Answer => {
                let answer = self.updates.answers.front().copied();
                (Kind::Update, self.update_message(answer, buffer))
            }
            Sent::Update => {
                let status = self.updates.status(&self.known, now);
                let status = status.map(|(subject, state)| (Some(subject), state));
                (Kind::Update, self.update_message(status, buffer))
            }
            Sent::Outbox => {
                let OutboxStatus { oldest, next, dropped_reports, dropped_events, .. } = self.delivery.status;
                let outbox = Outbox { boot, oldest, next, dropped_reports, dropped_events };
                (Kind::Outbox, encoded(&outbox, buffer))
            }
            Sent::Applied => {
                let payload = self.orders.answers.front().map_or(&[][..], |applied| encoded(applied, buffer));
                (Kind::Applied, payload)
            }
            Sent::Request => {
                let request = self.updates.request();
                (Kind::BlockRequest, request.map_or(&[][..], |request| encoded(&request, buffer)))
            }
            Sent::Prediction => {
                let payload =
                    self.prediction.as_ref().map_or(&[][..], |prediction| encoded(prediction, buffer));
                (Kind::Prediction, payload)
            }
        }
    }

    /// The message was handed over.
    pub(super) fn published(&mut self, sent: Sent, now: u64) {
        match sent {
            Sent::Birth => self.publishing.birth = false,
            Sent::Answer => {
                self.updates.answers.pop_front();
                self.publishing.revision = self.publishing.revision.saturating_add(1);
            }
            Sent::Update => {
                self.updates.changed = false;
                self.publishing.progress_at = now.saturating_add(PROGRESS);
                self.publishing.revision = self.publishing.revision.saturating_add(1);
            }
            Sent::Outbox => self.delivery.announced(),
            Sent::Applied => {
                self.orders.answers.pop_front();
            }
            Sent::Request => self.updates.requested(now),
            Sent::Prediction => self.prediction = None,
        }
    }

    /// The payload of the last will.
    pub(super) fn will<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        encoded(&Will { boot: self.boot, connection: self.connection.number() }, buffer)
    }

    /// The payload of an event that is pushed now.
    pub(super) fn event<'b>(&self, what: Happening, now: u64, buffer: &'b mut [u8]) -> &'b [u8] {
        let (boot, sequence) = (self.boot, self.delivery.status.next);
        encoded(&Event { boot, sequence, uptime: now, clock: self.wall_clock(now), what }, buffer)
    }

    fn update_message<'b>(
        &self,
        status: Option<(Option<Subject>, UpdateState)>,
        buffer: &'b mut [u8],
    ) -> &'b [u8] {
        let revision = self.publishing.revision.saturating_add(1);
        let Some((subject, state)) = status else { return &[] };
        encoded(&Update { boot: self.boot, revision, subject, state }, buffer)
    }

    fn birth(&self, now: u64) -> Birth {
        let profile = &self.profile;
        let damaged = self.updates.damaged;
        let slots = [SlotId::A, SlotId::B].map(|slot| self.known.slot_status(slot, damaged));
        Birth {
            boot: self.boot,
            connection: self.connection.number(),
            lowest_major: LOWEST_MAJOR,
            highest_major: HIGHEST_MAJOR,
            board: profile.board.clone(),
            firmware: profile.firmware.clone(),
            runtime: profile.runtime,
            operator_set: profile.operator_set,
            packing: profile.packing,
            family: profile.family as u8,
            arena_bytes: self.arena_bytes,
            stack_bytes: profile.stack_bytes,
            slot_bytes: self.slot_bytes,
            largest_block: profile.largest_block,
            largest_packet: profile.largest_packet,
            slots,
            release: self.known.confirmed,
            configuration: self.known.configuration,
            command: self.known.command,
            keys: self.known.keys.status(),
            groups: profile.groups.clone(),
            input_schema: profile.input_schema,
            output_schema: profile.output_schema,
            last_reset: self.cause,
            uptime: now,
            clock: self.wall_clock(now),
            decommissioned: self.known.decommissioned,
        }
    }
}

/// The payload of a message. Buffers are long enough for all of them, which [`Device::start`](crate::Device::start) checks.
pub(super) fn encoded<'a, 'b, M: Message<'a>>(message: &M, buffer: &'b mut [u8]) -> &'b [u8] {
    encode(message, buffer).unwrap_or(&[])
}
