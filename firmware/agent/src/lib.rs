//! The brain of a device.
//!
//! [`Agent`] is a state machine: [`Agent::handle`] takes an [`Event`], [`Agent::poll_action`] says what is to be done next. It does no IO,
//! has no clock and allocates nothing. [`Device`] carries out everything that is the same on all platforms, over the store and the
//! runtime; what is left to a [`Platform`] is a network, a timer, a reset and, where flash is not mapped, memory for slots.
//!
//! The course of an application:
//!
//! ```text
//! let mut device = Device::start(profile, flash, layout, platform, memory, boot, now).await?;
//! loop {
//!     match what happens first {
//!         the broker answered      => device.connected(now),
//!         the connection broke     => device.disconnected(now),
//!         a message of `down` came => device.received(kind, payload, now).await,
//!         a sample came            => device.predict(sample, &mut outputs, now)…,
//!         `next` is over           => {}
//!     }
//!     next = device.poll(now).await; // a bounded piece of work
//! }
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod action;
mod agent;
mod device;
mod event;
mod platform;
mod profile;
mod provisioning;
mod random;
mod telemetry;
mod values;

pub use action::Action;
pub use agent::Agent;
pub use device::{Device, Memory, Next, PredictError, Predicted, StartError, schemas};
pub use event::{Boot, Completion, Counts, Event, Inference, OutboxStatus};
pub use platform::{NotSent, Platform};
pub use profile::Profile;
pub use provisioning::{Credentials, Provisioning, ProvisioningError};
pub use values::Values;
