//! What a device remembers, and the changes that it may make.

mod encoding;

use heapless::Vec;

use crate::{BlockSize, Refusal, SlotId};

pub(crate) use encoding::STATE_BYTES;

/// The longest release message that is kept, in bytes.
pub const RELEASE_BYTES: usize = 512;
/// The longest configuration that is kept, in bytes.
pub const CONFIGURATION_BYTES: usize = 192;
/// The longest reason that is kept, in bytes.
pub const REASON_BYTES: usize = 80;
/// How many causes of resets are counted.
pub const RESETS: usize = 8;
/// How many public keys are kept.
pub const KEYS: usize = 4;
/// How many reasons are kept.
const REASONS: usize = 4;

/// The model that a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// Sequence of the release that brought it.
    pub sequence: u64,
    /// Digest of its blob.
    pub digest: [u8; 32],
    /// Length of its blob in bytes.
    pub length: u32,
    /// Length of the blocks in its index.
    pub block_size: BlockSize,
}

/// A release that is being installed or on trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The model that it installs.
    pub model: Model,
    /// SHA-256 of the block index.
    pub index_digest: [u8; 32],
    /// The signed message, as it came.
    pub message: Vec<u8, RELEASE_BYTES>,
}

/// A model on trial: it serves, but the one before is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// How many crashes are forgiven from now on.
    pub crashes_left: u8,
    /// How often the device has started since the trial began, crashes included.
    pub boots: u16,
    /// How far it was when this was last kept.
    pub progress: Progress,
}

/// What a model on trial has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Inferences that succeeded.
    pub inferences: u32,
    /// Inferences that failed.
    pub errors: u32,
    /// Inferences over the latency budget.
    pub over_budget: u32,
    /// Seconds that the device was up.
    pub seconds: u32,
}

/// A public key that is trusted, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: [u8; 32],
    /// What it may sign: bits that the protocol defines.
    pub roles: u8,
}

/// The last accepted configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Its id; ids only go up.
    pub id: u64,
    /// The message.
    pub message: Vec<u8, CONFIGURATION_BYTES>,
}

/// Something that the fleet has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Number of the reason, counted from 1 on.
    pub id: u32,
    /// What to tell.
    pub message: Vec<u8, REASON_BYTES>,
}

/// Why the device has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootCause {
    /// Power came, or somebody pressed reset: says nothing about the model.
    Power,
    /// The firmware asked for it.
    Requested,
    /// A watchdog, a fault or a panic: counts against a model on trial.
    Crash,
}

/// What a start means for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booted {
    /// The confirmed model serves, or none is installed.
    Normal,
    /// The model on trial serves.
    OnTrial,
    /// The model on trial crashed once too often: the one before serves again.
    Returned,
}

/// What a device remembers. Each change is one record of the journal: after a cut it is there as a whole, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    boots: u32,
    active: Option<SlotId>,
    /// Models of slots A and B.
    models: [Option<Model>; 2],
    trial: Option<Trial>,
    confirmed: u64,
    release: Option<Release>,
    configuration: Option<Configuration>,
    command: u64,
    decommissioned: bool,
    reasons: Vec<Reason, REASONS>,
    last_reason: u32,
    keys: Option<Vec<Key, KEYS>>,
    verdict: Vec<u8, REASON_BYTES>,
    resets: [u32; RESETS],
}

impl State {
    /// How often the device has started.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// The slot whose model serves.
    pub fn active(&self) -> Option<SlotId> {
        self.active
    }

    /// The slot that is not active: the one that a release is installed into.
    pub fn inactive(&self) -> SlotId {
        self.active.map_or(SlotId::A, SlotId::other)
    }

    /// The slot with the model to return to.
    pub fn previous(&self) -> Option<SlotId> {
        let other = self.active?.other();
        self.model(other).map(|_| other)
    }

    /// The model that a slot holds. None while something is being installed into it.
    pub fn model(&self, slot: SlotId) -> Option<&Model> {
        let [a, b] = &self.models;
        match slot {
            SlotId::A => a.as_ref(),
            SlotId::B => b.as_ref(),
        }
    }

    /// The trial, if one is running.
    pub fn trial(&self) -> Option<Trial> {
        self.trial
    }

    /// The highest release sequence that was confirmed; 0 when none was.
    pub fn confirmed_sequence(&self) -> u64 {
        self.confirmed
    }

    /// The release that is being installed, or is on trial.
    pub fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// The last accepted configuration.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.configuration.as_ref()
    }

    /// Id of the last accepted command; 0 when there was none.
    pub fn command(&self) -> u64 {
        self.command
    }

    /// Whether the device installs nothing any more.
    pub fn is_decommissioned(&self) -> bool {
        self.decommissioned
    }

    /// What the fleet still has to be told, oldest first.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The keys that are trusted, once a command has changed those of the provisioning.
    pub fn keys(&self) -> Option<&[Key]> {
        self.keys.as_deref()
    }

    /// What was told about the last release that ended, well or badly. It stays when its reason is cleared.
    pub fn verdict(&self) -> &[u8] {
        &self.verdict
    }

    /// Counts a start. A crash during a trial takes one of those that are forgiven; when none is left the device returns to
    /// the previous model, with `reason` to report.
    pub fn begin_boot(&mut self, cause: BootCause, reason: &[u8]) -> Booted {
        self.boots = self.boots.saturating_add(1);
        let Some(trial) = &mut self.trial else { return Booted::Normal };
        trial.boots = trial.boots.saturating_add(1);
        if cause == BootCause::Crash {
            match trial.crashes_left.checked_sub(1) {
                Some(left) => trial.crashes_left = left,
                None => {
                    self.leave_trial(reason);
                    return Booted::Returned;
                }
            }
        }
        Booted::OnTrial
    }

    /// Begins to install a release into the inactive slot. What that slot held is no longer a model to return to.
    ///
    /// # Errors
    /// [`Refusal::TrialRunning`], [`Refusal::StaleRelease`] or [`Refusal::Decommissioned`].
    pub fn begin_install(&mut self, release: Release) -> Result<(), Refusal> {
        if self.decommissioned {
            return Err(Refusal::Decommissioned);
        }
        if self.trial.is_some() {
            return Err(Refusal::TrialRunning);
        }
        let (offered, confirmed) = (release.model.sequence, self.confirmed);
        if offered <= confirmed {
            return Err(Refusal::StaleRelease { offered, confirmed });
        }
        self.set_model(self.inactive(), None);
        self.release = Some(release);
        Ok(())
    }

    /// Gives up a release that is being installed, with a reason to report.
    ///
    /// # Errors
    /// [`Refusal::NotInstalling`], or [`Refusal::TrialRunning`]: then [`return_to_previous`](Self::return_to_previous).
    pub fn abandon_install(&mut self, reason: &[u8]) -> Result<(), Refusal> {
        if self.trial.is_some() {
            return Err(Refusal::TrialRunning);
        }
        self.release.take().ok_or(Refusal::NotInstalling)?;
        self.add_reason(reason);
        Ok(())
    }

    /// Lets the release that was installed serve on trial, with this many crashes forgiven. Only the store knows that the
    /// slot is complete, so that only the store calls this.
    pub(crate) fn start_trial(&mut self, crashes_forgiven: u8) -> Result<(), Refusal> {
        if self.trial.is_some() {
            return Err(Refusal::TrialRunning);
        }
        let model = self.release.as_ref().ok_or(Refusal::NotInstalling)?.model;
        let slot = self.inactive();
        self.set_model(slot, Some(model));
        self.active = Some(slot);
        self.trial = Some(Trial { crashes_left: crashes_forgiven, boots: 0, progress: Progress::default() });
        Ok(())
    }

    /// Ends a trial well: the sequence of the release counts from now on.
    ///
    /// # Errors
    /// [`Refusal::NoTrial`].
    pub fn confirm(&mut self) -> Result<(), Refusal> {
        self.trial.take().ok_or(Refusal::NoTrial)?;
        if let Some(release) = self.release.take() {
            self.confirmed = self.confirmed.max(release.model.sequence);
        }
        Ok(())
    }

    /// Ends a trial badly: the previous model serves again, with a reason to report.
    ///
    /// # Errors
    /// [`Refusal::NoTrial`].
    pub fn return_to_previous(&mut self, reason: &[u8]) -> Result<(), Refusal> {
        if self.trial.is_none() {
            return Err(Refusal::NoTrial);
        }
        self.leave_trial(reason);
        Ok(())
    }

    /// How often the device was reset, by cause, as the protocol numbers them.
    pub fn resets(&self) -> &[u32; RESETS] {
        &self.resets
    }

    /// Counts a reset of this cause.
    pub fn count_reset(&mut self, cause: u8) {
        if let Some(count) = self.resets.get_mut(usize::from(cause)) {
            *count = count.saturating_add(1);
        }
    }

    /// Keeps how far a trial is, so that it goes on there after a reset.
    ///
    /// # Errors
    /// [`Refusal::NoTrial`].
    pub fn save_trial(&mut self, progress: Progress) -> Result<(), Refusal> {
        self.trial.as_mut().ok_or(Refusal::NoTrial)?.progress = progress;
        Ok(())
    }

    /// Leaves a confirmed model whose slot is damaged: the other slot's model serves from now on, or none. On trial it is
    /// [`return_to_previous`](Self::return_to_previous).
    ///
    /// # Errors
    /// [`Refusal::TrialRunning`].
    pub fn leave_damaged(&mut self, reason: &[u8]) -> Result<(), Refusal> {
        if self.trial.is_some() {
            return Err(Refusal::TrialRunning);
        }
        if let Some(damaged) = self.active {
            self.active = self.previous();
            self.set_model(damaged, None);
            // What was being installed into the slot that serves from now on is not installed there any more.
            self.release = None;
        }
        self.add_reason(reason);
        Ok(())
    }

    /// Trusts these keys from now on, and no others.
    pub fn set_keys(&mut self, keys: Vec<Key, KEYS>) {
        self.keys = Some(keys);
    }

    /// Keeps what is to be said when the release that ended is offered again, cut to [`REASON_BYTES`].
    pub fn set_verdict(&mut self, verdict: &[u8]) {
        let verdict = verdict.get(..verdict.len().min(REASON_BYTES)).unwrap_or_default();
        self.verdict = Vec::from_slice(verdict).unwrap_or_default();
    }

    /// Accepts a configuration.
    ///
    /// # Errors
    /// [`Refusal::Superseded`].
    pub fn accept_configuration(&mut self, configuration: Configuration) -> Result<(), Refusal> {
        let accepted = self.configuration.as_ref().map_or(0, |last| last.id);
        if configuration.id <= accepted {
            return Err(Refusal::Superseded { offered: configuration.id, accepted });
        }
        self.configuration = Some(configuration);
        Ok(())
    }

    /// Accepts a command: none with this id or a lower one is carried out again.
    ///
    /// # Errors
    /// [`Refusal::Superseded`].
    pub fn accept_command(&mut self, id: u64) -> Result<(), Refusal> {
        if id <= self.command {
            return Err(Refusal::Superseded { offered: id, accepted: self.command });
        }
        self.command = id;
        Ok(())
    }

    /// Installs nothing from now on. A release that is being installed is given up; a model on trial goes on serving.
    pub fn decommission(&mut self) {
        self.decommissioned = true;
        if self.trial.is_none() {
            self.release = None;
        }
    }

    /// Adds a reason to report, cut to [`REASON_BYTES`]. The oldest of four gives way.
    pub fn add_reason(&mut self, message: &[u8]) {
        let message = message.get(..message.len().min(REASON_BYTES)).unwrap_or_default();
        self.last_reason = self.last_reason.saturating_add(1);
        let reason = Reason { id: self.last_reason, message: Vec::from_slice(message).unwrap_or_default() };
        if let Err(reason) = self.reasons.push(reason) {
            self.clear_reasons(self.reasons.first().map_or(0, |oldest| oldest.id));
            let _ = self.reasons.push(reason);
        }
    }

    /// Forgets the reasons up to this id: the fleet knows them, or the outbox does.
    pub fn clear_reasons(&mut self, through: u32) {
        self.reasons.retain(|reason| reason.id > through);
    }

    fn leave_trial(&mut self, reason: &[u8]) {
        let failed = self.active;
        self.active = self.previous();
        self.trial = None;
        self.release = None;
        if let Some(slot) = failed {
            self.set_model(slot, None);
        }
        self.add_reason(reason);
    }

    fn set_model(&mut self, slot: SlotId, model: Option<Model>) {
        let [a, b] = &mut self.models;
        match slot {
            SlotId::A => *a = model,
            SlotId::B => *b = model,
        }
    }
}
