//! Configurations and commands.

use dunlin_protocol::message::{
    Action as Order, Applied, Command, Configuration, Happening, Order as Kind, OrderRefusal, Outcome, Target,
};
use dunlin_protocol::{Boot, KeyId, Name, SignatureError, TrustedKey, TrustedKeys};
use heapless::Deque;

use super::known::Known;
use crate::Profile;

/// A device does not reset itself before it was up for so long, in milliseconds.
const REBOOT_INTERVAL: u64 = 60_000;
/// The answer gets so much time to leave before a reset, in milliseconds.
const FAREWELL: u64 = 1_000;

/// Orders on their way through the device.
pub(super) struct Orders {
    /// Accepted by the agent, not yet by the flash.
    pub(super) pending: Option<Pending>,
    /// Answers to be sent.
    pub(super) answers: Deque<Applied, 4>,
    reboot_at: Option<u64>,
    pub(super) identify: Option<u16>,
    /// Birth, update and outbox are to be sent again.
    pub(super) birth: bool,
}

/// An order that holds, to be written to the flash.
pub(super) enum Pending {
    Configuration(Configuration),
    Command { id: u64, action: Order, keys: Option<TrustedKeys>, happening: Option<Happening> },
}

impl Orders {
    pub(super) fn new() -> Orders {
        Orders { pending: None, answers: Deque::new(), reboot_at: None, identify: None, birth: false }
    }

    pub(super) fn configuration(&mut self, payload: &[u8], known: &Known, profile: &Profile, boot: Boot) {
        let order = Kind::Configuration;
        match known.keys.open::<Configuration>(payload) {
            Err(error) => self.unreadable(order, error, known.configuration, boot),
            Ok(configuration) => {
                let (id, accepted) = (configuration.id, known.configuration);
                let Configuration { fleet, target, .. } = &configuration;
                let outcome = match refusal(fleet, target, known, profile) {
                    Some(refusal) => Outcome::Refused(refusal),
                    None if id <= accepted => Outcome::Superseded,
                    None if !configuration.is_in_range() => Outcome::Refused(OrderRefusal::OutOfRange),
                    None => {
                        self.pending = Some(Pending::Configuration(configuration));
                        return;
                    }
                };
                self.answer(Applied { boot, order, id, accepted, outcome });
            }
        }
    }

    pub(super) fn command(&mut self, payload: &[u8], known: &Known, profile: &Profile, boot: Boot) {
        let order = Kind::Command;
        match known.keys.open::<Command>(payload) {
            Err(error) => self.unreadable(order, error, known.command, boot),
            Ok(command) => {
                let (id, accepted) = (command.id, known.command);
                let outcome = match refusal(&command.fleet, &command.target, known, profile) {
                    Some(refusal) => Outcome::Refused(refusal),
                    None if id <= accepted => Outcome::Superseded,
                    None => match prepare(&command, &known.keys) {
                        Err(refusal) => Outcome::Refused(refusal),
                        Ok(pending) => {
                            self.pending = Some(pending);
                            return;
                        }
                    },
                };
                self.answer(Applied { boot, order, id, accepted, outcome });
            }
        }
    }

    /// The flash has the order, or not.
    pub(super) fn written(&mut self, is_written: bool, boot: Boot, accepted: u64, now: u64) {
        let Some(pending) = self.pending.take() else { return };
        let (order, id) = match &pending {
            Pending::Configuration(configuration) => (Kind::Configuration, configuration.id),
            Pending::Command { id, .. } => (Kind::Command, *id),
        };
        if !is_written {
            let outcome = Outcome::Refused(OrderRefusal::Storage);
            self.answer(Applied { boot, order, id, accepted, outcome });
            return;
        }
        if let Pending::Command { action, .. } = pending {
            match action {
                Order::Reboot => {
                    let at = now.saturating_add(FAREWELL).max(REBOOT_INTERVAL);
                    self.reboot_at = Some(self.reboot_at.map_or(at, |earlier| earlier.min(at)));
                }
                Order::Identify { seconds } => self.identify = Some(seconds),
                Order::Birth => self.birth = true,
                Order::TrustKey { .. } | Order::RevokeKey(_) | Order::Decommission => self.birth = true,
            }
        }
        self.answer(Applied { boot, order, id, accepted: id, outcome: Outcome::Applied });
    }

    /// Whether the device is to be reset now; once.
    pub(super) fn reboots(&mut self, now: u64) -> bool {
        let is_due = self.reboot_at.is_some_and(|at| now >= at);
        if is_due {
            self.reboot_at = None;
        }
        is_due
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.reboot_at
    }

    fn unreadable(&mut self, order: Kind, error: SignatureError, accepted: u64, boot: Boot) {
        let outcome = Outcome::Refused(error.into());
        self.answer(Applied { boot, order, id: 0, accepted, outcome });
    }

    /// Queues an answer. The oldest gives way: the fleet learns from the birth what was accepted.
    fn answer(&mut self, applied: Applied) {
        if self.answers.is_full() {
            self.answers.pop_front();
        }
        let _ = self.answers.push_back(applied);
    }
}

fn refusal(fleet: &Name, target: &Target, known: &Known, profile: &Profile) -> Option<OrderRefusal> {
    if *fleet != profile.fleet {
        Some(OrderRefusal::WrongFleet)
    } else if !target.includes(&profile.device, &profile.groups) {
        Some(OrderRefusal::WrongTarget)
    } else if known.decommissioned {
        Some(OrderRefusal::Decommissioned)
    } else {
        None
    }
}

/// What a command changes.
fn prepare(command: &Command, trusted: &TrustedKeys) -> Result<Pending, OrderRefusal> {
    let mut keys = None;
    let mut happening = None;
    match command.action {
        Order::Reboot | Order::Identify { .. } | Order::Birth => {}
        Order::TrustKey { key, roles } => {
            let mut changed = trusted.clone();
            changed.trust(TrustedKey { key, roles })?;
            (keys, happening) = (Some(changed), Some(Happening::KeyTrusted { key: KeyId::of(&key), roles }));
        }
        Order::RevokeKey(id) => {
            let mut changed = trusted.clone();
            changed.revoke(id)?;
            (keys, happening) = (Some(changed), Some(Happening::KeyRevoked(id)));
        }
        Order::Decommission => happening = Some(Happening::Decommissioned),
    }
    Ok(Pending::Command { id: command.id, action: command.action, keys, happening })
}
