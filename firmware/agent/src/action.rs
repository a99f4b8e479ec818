//! What an agent wants done.

use dunlin_protocol::Kind;
use dunlin_store::{SlotId, TrialProgress};

/// Something to do. When it is done the agent is told by [`Event::Done`](crate::Event::Done), and only then polled again.
///
/// `reason` is what is to be told about a change, to be kept in the same record of the journal as the change; nothing if empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'b> {
    /// Connect, with this last will.
    Connect {
        /// Payload of the will.
        will: &'b [u8],
    },
    /// Subscribe to what is for this device.
    Subscribe,
    /// Send a message.
    Publish {
        /// Its kind, which says topic, QoS and whether it is retained.
        kind: Kind,
        /// Its payload.
        payload: &'b [u8],
    },
    /// Install the release in the message that was handled last, instead of one that is being installed.
    BeginInstall {
        /// What is told about the release that gives way.
        reason: &'b [u8],
    },
    /// Go on with the installation that the state knows.
    ResumeInstall,
    /// Do a piece of work for the installation.
    StepInstall,
    /// Write the piece of the index in the message that was handled last.
    WriteIndex,
    /// Write the block in the message that was handled last.
    WriteBlock,
    /// Give the installation up.
    AbandonInstall {
        /// Why.
        reason: &'b [u8],
    },
    /// Hash a piece of a slot's blob; from its start if `restart`.
    Digest {
        /// The slot.
        slot: SlotId,
        /// Whether this is the first piece.
        restart: bool,
    },
    /// Look whether what is in a slot may run here.
    CheckContent {
        /// The slot.
        slot: SlotId,
        /// Whether a trusted key must have signed it.
        signed: bool,
    },
    /// Run a golden vector of a slot.
    TestVector {
        /// The slot.
        slot: SlotId,
        /// Whether this is the first one.
        restart: bool,
    },
    /// Serve from a slot, or from none.
    Serve(Option<SlotId>),
    /// Run the model in this slot beside the one that serves, or none.
    Shadow(Option<SlotId>),
    /// Start the trial of what was installed, with so many crashes forgiven.
    StartTrial {
        /// How many.
        crashes_forgiven: u8,
    },
    /// Keep how far the trial is.
    SaveTrial(TrialProgress),
    /// End the trial well.
    Confirm {
        /// What is told.
        reason: &'b [u8],
    },
    /// End the trial, and return to the previous model.
    ReturnToPrevious {
        /// Why.
        reason: &'b [u8],
    },
    /// The slot that serves is damaged: serve from the other one, if it has a model, from now on.
    LeaveDamaged {
        /// What is told.
        reason: &'b [u8],
    },
    /// Accept the configuration in the message that was handled last.
    AcceptConfiguration {
        /// Its id.
        id: u64,
    },
    /// Accept a command, with what it changes for good.
    AcceptCommand {
        /// Its id.
        id: u64,
        /// Whether [`Agent::changed_keys`](crate::Agent::changed_keys) are trusted from now on.
        changes_keys: bool,
        /// Whether the device takes no more updates from now on.
        decommission: bool,
        /// What is told.
        reason: &'b [u8],
    },
    /// Keep an event until the fleet has stored it.
    PushEvent(&'b [u8]),
    /// Keep a report until the fleet has stored it.
    PushReport(&'b [u8]),
    /// Forget the reasons up to this id: the outbox has them.
    ClearReasons(u32),
    /// Forget reports and events up to this sequence: the fleet has stored them.
    Acknowledge(u64),
    /// Look what is in the outbox.
    InspectOutbox,
    /// Send the next item of the outbox, from the oldest on if `restart`.
    SendItem {
        /// Whether to begin with the oldest.
        restart: bool,
    },
    /// Reset the device.
    Reboot,
    /// Make the device find itself.
    Identify {
        /// For how long.
        seconds: u16,
    },
}

impl Action<'_> {
    /// Whether it takes as long as a slice may: after it, others get their turn.
    pub const fn is_slice(&self) -> bool {
        matches!(
            self,
            Action::StepInstall
                | Action::Digest { .. }
                | Action::CheckContent { .. }
                | Action::TestVector { .. }
                | Action::SendItem { .. }
        )
    }
}
