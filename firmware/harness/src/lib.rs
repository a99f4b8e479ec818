//! Exercises one model blob on a device: opens it, checks its digest, runs its golden vectors and then samples from the host,
//! and reports what a person with a board wants to know: outputs, costs per operator, marks of arena and stack.
//!
//! The routine is the same on every target. A bare-metal image and the Linux runner differ in their [`Platform`]: where
//! samples come from, where outputs go, what counts time. The host reads the [`Record`]s with [`Record::next`].
#![no_std]

mod exercise;
mod failure;
mod marks;
mod options;
mod platform;
mod record;
mod watch;
mod zone;

pub use exercise::exercise;
pub use failure::Failure;
pub use options::{Options, UnknownWord};
pub use platform::{Platform, files};
pub use record::{MalformedRecord, Record};
pub use zone::{GUARD_BYTES, Paint, Zone};
