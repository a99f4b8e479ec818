//! When what is in the outbox is sent, and sent again.

use dunlin_protocol::Nonce;
use dunlin_protocol::message::Stored;

use crate::event::OutboxStatus;

/// Without progress for so long everything is sent again, in milliseconds.
const RESEND: u64 = 60_000;

/// Delivery of reports and events.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) status: OutboxStatus,
    sending: Sending,
    /// When an acknowledgement came last, sending began anew, or something came to be waited for.
    progress_at: u64,
    /// Sequence up to which the store is to forget.
    acknowledge: Option<u64>,
    /// The status is to be read from the store.
    inspect: bool,
    /// The fleet waits for a sequence that is no longer held.
    announce: bool,
    /// What the fleet said it has.
    through: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// From the oldest item on.
    Restart,
    /// Behind the one that was sent last.
    Continue,
    /// All were sent.
    Done,
}

impl Delivery {
    pub(super) fn new(status: OutboxStatus) -> Delivery {
        Delivery {
            status,
            sending: Sending::Restart,
            progress_at: 0,
            acknowledge: None,
            inspect: false,
            announce: false,
            through: 0,
        }
    }

    /// A new connection: everything that is held is sent again, behind the message that says what that is.
    pub(super) fn connected(&mut self, now: u64) {
        (self.sending, self.progress_at) = (Sending::Restart, now);
        self.announce();
    }

    pub(super) fn pushed(&mut self, sequence: u64, now: u64) {
        if self.status.acknowledged.saturating_add(1) >= sequence {
            // Nothing else waits, so that the wait begins with this one.
            self.progress_at = now;
        }
        self.status.next = sequence.saturating_add(1);
        if self.sending == Sending::Done {
            self.sending = Sending::Continue;
        }
    }

    /// The fleet says what it has. What it cannot have is ignored.
    pub(super) fn stored(&mut self, stored: &Stored, nonce: Nonce, now: u64) {
        let Stored { nonce: theirs, through } = *stored;
        if theirs != nonce || through >= self.status.next {
            return;
        }
        self.through = through;
        self.inspect = true;
        if through > self.status.acknowledged {
            self.acknowledge = Some(through);
            self.progress_at = now;
        }
    }

    pub(super) fn acknowledge(&mut self) -> Option<u64> {
        self.acknowledge.take()
    }

    pub(super) fn wants_status(&self) -> bool {
        self.inspect
    }

    pub(super) fn inspected(&mut self, status: OutboxStatus) {
        (self.status, self.inspect) = (status, false);
        let waited_for = self.through.saturating_add(1);
        if self.through > 0 && waited_for < status.oldest {
            self.announce = true;
        }
    }

    /// Whether the fleet is to be told what is held.
    pub(super) fn wants_announcement(&self) -> bool {
        self.announce && !self.inspect
    }

    /// The fleet asks for it.
    pub(super) fn announce(&mut self) {
        (self.inspect, self.announce) = (true, true);
    }

    pub(super) fn announced(&mut self) {
        (self.announce, self.through) = (false, 0);
    }

    /// Whether to send the next item, and whether from the oldest on.
    pub(super) fn next(&mut self, now: u64) -> Option<bool> {
        if self.resend_at().is_some_and(|at| now >= at) {
            (self.sending, self.progress_at) = (Sending::Restart, now);
        }
        match self.sending {
            Sending::Restart => Some(true),
            Sending::Continue => Some(false),
            Sending::Done => None,
        }
    }

    /// An item was sent, or there was none left.
    pub(super) fn sent(&mut self, item: Option<u64>) {
        self.sending = match item {
            Some(_) => Sending::Continue,
            None => Sending::Done,
        };
    }

    /// The flash did not give an item: it is tried again with the others.
    pub(super) fn failed(&mut self, now: u64) {
        (self.sending, self.progress_at) = (Sending::Done, now);
    }

    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        match self.sending {
            Sending::Done => self.resend_at(),
            _ => Some(now),
        }
    }

    fn resend_at(&self) -> Option<u64> {
        let holds = self.status.acknowledged.saturating_add(1) < self.status.next;
        (self.sending == Sending::Done && holds).then_some(self.progress_at.saturating_add(RESEND))
    }
}
