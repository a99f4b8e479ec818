//! The state machine.

use crate::{Action, Event, Profile};

/// The brain of a device: no IO, no clock, no allocation, no panic.
pub struct Agent {
    profile: Profile,
}

impl Agent {
    pub(crate) fn skeleton(profile: Profile) -> Agent {
        Agent { profile }
    }

    /// Who the device is.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Takes note of something that happened at `now`, in milliseconds of uptime.
    pub fn handle(&mut self, _event: Event<'_>, _now: u64) {}

    /// What is to be done next; `None` if nothing is until the next event or [`next_deadline`](Self::next_deadline).
    ///
    /// Payloads are written into `buffer`, which needs [`Agent::BUFFER_BYTES`].
    pub fn poll_action<'b>(&mut self, _now: u64, _buffer: &'b mut [u8]) -> Option<Action<'b>> {
        None
    }

    /// When it wants a [`Event::Tick`] at the latest, in milliseconds of uptime.
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }
}
