//! What an agent is told.

use dunlin_protocol::Kind;
use dunlin_protocol::message::{Rejection, ResetCause};
use dunlin_store::{Progress, Received, State};

use crate::Values;

/// Something that happened. Times are milliseconds of uptime, and given beside it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Time has passed.
    Tick,
    /// The broker accepted the connection.
    Connected,
    /// The connection is gone, or could not be made.
    Disconnected,
    /// A message of `down` came. Actions that follow may refer to it: carry them out before the next event.
    Message(Kind, &'a [u8]),
    /// The last action is done.
    Done(Completion<'a>),
    /// The model that serves has run.
    Inference(Inference<'a>),
    /// Both models have run on a sample, and gave the same class or not.
    Compared {
        /// Whether they did.
        agreed: bool,
    },
    /// The most stack and arena that were used so far, in bytes.
    Marks {
        /// Stack, 0 if unknown.
        stack: u32,
        /// Arena.
        arena: u32,
    },
    /// The wall clock is known, or was set, in milliseconds since 1970-01-01 UTC.
    Clock(u64),
}

/// How a device came up.
#[derive(Debug, Clone, Copy)]
pub struct Boot {
    /// Why it was reset.
    pub cause: ResetCause,
    /// Random bits, for the time between reconnects; another value on each device.
    pub seed: u64,
}

/// One inference of the model that serves.
#[derive(Debug, Clone, Copy)]
pub struct Inference<'a> {
    /// From sample to result, in µs.
    pub latency: u32,
    /// The first input and the first output; `None` if the model failed.
    pub values: Option<(Values<'a>, Values<'a>)>,
    /// Elements of inputs that quantization clamped.
    pub saturated: u32,
    /// Whether the outputs are those of a softmax.
    pub is_classifier: bool,
    /// The reference section of the blob, or nothing.
    pub reference: &'a [u8],
}

/// What became of an action.
#[derive(Debug, Clone, Copy)]
pub enum Completion<'a> {
    /// It is done.
    Ok,
    /// It is begun, and wants more slices.
    Working,
    /// A message could not be handed over.
    NotSent,
    /// The flash failed.
    Failed,
    /// The release cannot be installed here, or the models not run side by side.
    Refused(Rejection),
    /// The state of the store has changed.
    State(&'a State),
    /// What is in the outbox.
    Outbox(OutboxStatus),
    /// What the installation needs next.
    Install(Progress, Counts),
    /// What became of a block.
    Block(Received),
    /// A block, or the index, does not have its hash, or nothing asked for it.
    BadBlock,
    /// The index does not have its digest.
    BadIndex,
    /// The digest over the blob in a slot.
    Digest([u8; 32]),
    /// What is in a slot may run, with this arena in bytes; or why not.
    Content(Result<u32, Rejection>),
    /// A golden vector passed, and whether there are more.
    Vector(Result<bool, Rejection>),
    /// The sequence that a report or event got.
    Pushed(u64),
    /// The item that was sent; none if all were.
    Item(Option<u64>),
}

/// What is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxStatus {
    /// The lowest sequence that is held, or `next`.
    pub oldest: u64,
    /// The sequence that is given next.
    pub next: u64,
    /// The highest one that was acknowledged.
    pub acknowledged: u64,
    /// Reports that gave way since provisioning.
    pub dropped_reports: u64,
    /// Events that gave way since provisioning.
    pub dropped_events: u64,
}

/// Blocks of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those that are in the slot.
    pub held: u32,
    /// Those of them that were copied from the other slot.
    pub reused: u32,
}
