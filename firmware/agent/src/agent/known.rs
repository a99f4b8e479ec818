//! What the agent keeps of the state in flash.

use dunlin_protocol::message::{
    Configuration, Event, Happening, Release, SlotState, SlotStatus, Subject, UpdateState,
};
use dunlin_protocol::{Digest, Envelope, Roles, TrustedKey, TrustedKeys};
use dunlin_store::{REASON_BYTES, SlotId, State, Trial};
use heapless::Vec;

use crate::Profile;

/// A copy of what decisions need, taken after each change.
pub(super) struct Known {
    pub(super) boots: u32,
    pub(super) active: Option<SlotId>,
    /// Digests of the models in slots A and B.
    digests: [Option<Digest>; 2],
    pub(super) confirmed: u64,
    pub(super) configuration: u64,
    pub(super) command: u64,
    pub(super) decommissioned: bool,
    pub(super) trial: Option<Trial>,
    pub(super) keys: TrustedKeys,
    /// The oldest reason that is not in the outbox, and its id.
    pub(super) reason: Option<(u32, Vec<u8, REASON_BYTES>)>,
    /// How the last release ended.
    pub(super) ended: Option<(Subject, UpdateState)>,
    pub(super) resets: [u32; dunlin_protocol::message::RESET_CAUSES],
    /// Digest of the release that is being installed.
    pub(super) installing: Option<Digest>,
}

impl Known {
    pub(super) fn new(profile: &Profile, state: &State) -> Known {
        let mut known = Known {
            boots: 0,
            active: None,
            digests: [None; 2],
            confirmed: 0,
            configuration: 0,
            command: 0,
            decommissioned: false,
            trial: None,
            keys: profile.keys.clone(),
            reason: None,
            ended: None,
            resets: [0; _],
            installing: None,
        };
        known.update(state);
        known
    }

    pub(super) fn update(&mut self, state: &State) {
        let digest = |slot| state.model(slot).map(|model| Digest(model.digest));
        self.boots = state.boots();
        self.active = state.active();
        self.digests = [digest(SlotId::A), digest(SlotId::B)];
        self.confirmed = state.confirmed_sequence();
        self.configuration = state.configuration().map_or(0, |configuration| configuration.id);
        self.command = state.command();
        self.decommissioned = state.is_decommissioned();
        self.trial = state.trial();
        if let Some(stored) = state.keys() {
            let mut keys = TrustedKeys::none();
            for key in stored {
                // They were trusted before.
                let _ = keys.trust(TrustedKey { key: key.key, roles: Roles::from_bits(key.roles) });
            }
            self.keys = keys;
        }
        self.reason = state.reasons().first().map(|reason| (reason.id, reason.message.clone()));
        self.ended = match postcard::from_bytes(state.verdict()) {
            Ok(Happening::Update { sequence, digest, state }) => Some((Subject { sequence, digest }, state)),
            _ => None,
        };
        self.resets = *state.resets();
        self.installing = state.release().map(|release| Digest(release.model.digest));
    }

    /// The digest that the model in a slot must have; that of the release being installed for the other one.
    pub(super) fn digest(&self, slot: SlotId) -> Option<Digest> {
        let [a, b] = self.digests;
        match slot {
            SlotId::A => a,
            SlotId::B => b,
        }
    }

    /// The slot that a release is installed into.
    pub(super) fn inactive(&self) -> SlotId {
        self.active.map_or(SlotId::A, SlotId::other)
    }

    /// What the birth says about a slot.
    pub(super) fn slot_status(&self, slot: SlotId, damaged: Option<SlotId>) -> SlotStatus {
        let digest = self.digest(slot);
        let is_active = self.active == Some(slot);
        let is_installing = self.installing.is_some() && self.trial.is_none() && slot == self.inactive();
        let state = match digest {
            None if damaged == Some(slot) && !is_installing => SlotState::Damaged,
            Some(_) if is_active && self.trial.is_some() => SlotState::Trial,
            Some(_) if is_active => SlotState::Active,
            Some(_) => SlotState::Previous,
            None if is_installing => {
                return SlotStatus { state: SlotState::Incomplete, digest: self.installing };
            }
            None => SlotState::Empty,
        };
        SlotStatus { state, digest }
    }
}

/// The release in a message that was verified when it came.
pub(crate) fn stored_release(state: &State) -> Option<Release> {
    let message = &state.release()?.message;
    Envelope::parse(message).ok()?.read_unverified().ok()
}

/// The configuration that was accepted last.
pub(super) fn stored_configuration(state: &State) -> Option<Configuration> {
    let message = &state.configuration()?.message;
    Envelope::parse(message).ok()?.read_unverified().ok()
}

/// Bytes of a happening as they are kept in flash as a reason; at most [`REASON_BYTES`].
pub(crate) fn reason<'b>(happening: &Happening, buffer: &'b mut [u8]) -> &'b [u8] {
    postcard::to_slice(happening, buffer).map_or(&[], |bytes| &*bytes)
}

/// The happening in a reason.
pub(super) fn happening(reason: &[u8]) -> Option<Happening> {
    postcard::from_bytes(reason).ok()
}

const _: () = {
    use dunlin_protocol::MaxSize;
    assert!(Happening::POSTCARD_MAX_SIZE <= REASON_BYTES);
    assert!(Event::POSTCARD_MAX_SIZE > Happening::POSTCARD_MAX_SIZE);
};
