//! The devices that a release is for, and how far each is.

use std::collections::BTreeMap;

use dunlin_protocol::Name;
use dunlin_protocol::message::{Birth, Release, Target, Update, UpdateState, Will};

/// What is known of one device.
#[derive(Debug, Default)]
pub struct Device {
    birth: Option<Birth>,
    online: bool,
    state: Option<UpdateState>,
}

/// What a message changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing of interest.
    None,
    /// The device is there, and lacks the release.
    Offer,
    /// The update has gone on.
    State(UpdateState),
    /// The device has gone.
    Gone,
}

/// The devices that a release is for.
pub struct Targets<'a> {
    release: &'a Release,
    devices: BTreeMap<String, Device>,
}

impl<'a> Targets<'a> {
    /// One device if it is named, otherwise those that make themselves known.
    pub fn new(release: &'a Release) -> Targets<'a> {
        let mut devices = BTreeMap::new();
        if let Target::Device(name) = &release.target {
            devices.insert(name.as_str().to_owned(), Device::default());
        }
        Targets { release, devices }
    }

    /// A device has been born, now or before we came.
    pub fn born(&mut self, name: &Name, birth: Birth) -> Change {
        if !self.release.target.includes(name, &birth.groups) {
            return Change::None;
        }
        let device = self.devices.entry(name.as_str().to_owned()).or_default();
        device.online = true;
        let has_it = birth.release == self.release.sequence
            && birth.slots.iter().any(|slot| slot.digest == Some(self.release.digest));
        device.birth = Some(birth);
        match device.state {
            Some(state) if state.is_final() => Change::None,
            // It confirmed while nobody listened.
            _ if has_it => device.set(UpdateState::Confirmed),
            _ => Change::Offer,
        }
    }

    /// A connection has ended; an earlier one does not count.
    pub fn ended(&mut self, name: &Name, will: &Will) -> Change {
        match self.devices.get_mut(name.as_str()) {
            Some(device) if device.birth.as_ref().is_some_and(|birth| birth.is_ended_by(will)) => {
                device.online = false;
                Change::Gone
            }
            _ => Change::None,
        }
    }

    /// A device says how far an update is.
    pub fn updated(&mut self, name: &Name, update: &Update) -> Change {
        let is_ours = match update.subject {
            Some(subject) => {
                subject.sequence == self.release.sequence && subject.digest == self.release.digest
            }
            // It cannot read the release; ours is the only one that it was just offered.
            None => matches!(update.state, UpdateState::Rejected(_)),
        };
        match self.devices.get_mut(name.as_str()) {
            Some(device) if is_ours => device.set(update.state),
            // What ours waited for is over.
            Some(Device { state: Some(UpdateState::Deferred(_)), .. }) if update.state.is_final() => {
                Change::Offer
            }
            _ => Change::None,
        }
    }

    /// Whether nothing came from any device.
    pub fn is_unheard(&self) -> bool {
        self.devices.values().all(|device| device.birth.is_none() && device.state.is_none())
    }

    /// Whether there are devices, and all have come to an end.
    pub fn all_final(&self) -> bool {
        !self.devices.is_empty() && self.devices.values().all(Device::is_final)
    }

    /// How many there are, and how many have come to an end.
    pub fn counts(&self) -> (usize, usize) {
        (self.devices.len(), self.devices.values().filter(|device| device.is_final()).count())
    }

    /// The devices that did not confirm, each with the reason in words.
    pub fn unfinished(&self) -> Vec<String> {
        let devices = self.devices.iter().filter(|(_, device)| device.state != Some(UpdateState::Confirmed));
        devices
            .map(|(name, device)| match (&device.state, &device.birth) {
                (Some(state), _) if state.is_final() => format!("{name}: {state}"),
                (_, None) => format!("{name}: never heard of"),
                (state, Some(_)) => {
                    let state = state.map_or("has not answered".to_owned(), |state| state.to_string());
                    format!("{name}: {state}{}", if device.online { "" } else { ", and is offline" })
                }
            })
            .collect()
    }
}

impl Device {
    fn is_final(&self) -> bool {
        self.state.is_some_and(|state| state.is_final())
    }

    fn set(&mut self, state: UpdateState) -> Change {
        if self.is_final() || self.state == Some(state) {
            return Change::None;
        }
        self.state = Some(state);
        Change::State(state)
    }
}
