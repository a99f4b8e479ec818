//! The messages, one a file. Times are uptime in milliseconds where nothing else is said; a *clock* is milliseconds since 1970-01-01 UTC,
//! and `None` while the device does not know it.

mod any;
mod applied;
mod birth;
mod block;
mod block_request;
mod command;
mod configuration;
mod distribution;
mod event;
mod latency;
mod log;
mod outbox;
mod prediction;
mod rejection;
mod release;
mod report;
mod reset;
mod rollback;
mod stored;
mod target;
mod update;
mod will;

pub use any::AnyMessage;
pub use applied::{Applied, Order, OrderRefusal, Outcome};
pub use birth::{Birth, KeyStatus, MAX_GROUPS, MAX_KEYS, SlotState, SlotStatus};
pub use block::{Block, BlockData, BlockRefusal, MAX_BLOCK_BYTES};
pub use block_request::{BlockRequest, Part};
pub use command::{Action, Command};
pub use configuration::{Configuration, TELEMETRY_PERIODS};
pub use distribution::{Distributions, MAX_BINS, MAX_DISTRIBUTIONS};
pub use event::{Event, Happening};
pub use latency::{LATENCY_BINS, Latency, LatencyCounter, latency_bin, latency_bin_start};
pub use log::{Lines, Log, MAX_LOG_BYTES};
pub use outbox::Outbox;
pub use prediction::{MAX_OUTPUTS, Prediction};
pub use rejection::Rejection;
pub use release::{BlockSize, Needs, Release, Shadow, Trial};
pub use report::{CONFIDENCE_BINS, Report};
pub use reset::{RESET_CAUSES, ResetCause};
pub use rollback::{Deferral, Rollback};
pub use stored::Stored;
pub use target::Target;
pub use update::{Subject, Update, UpdateState};
pub use will::Will;
