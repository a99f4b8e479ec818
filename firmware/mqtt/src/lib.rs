//! MQTT 5 connections over TCP or TLS, for everything that has an operating system: daemon, command line, fleet service.
//!
//! A [`Connection`] is one connection. When it ends it says why, and whoever wants another one opens another one: nothing is queued or sent
//! again behind one's back. What must not be lost is kept by the application and sent anew.
//!
//! Below is `rumqttc`, whose traps are closed here: its event loop runs in a task of its own, so that publishing never waits for the one
//! who reads; subscriptions are made on every connection; both packet limits are known before anything is sent, so that no packet ends a
//! connection by its size; a write that hangs ends it in time.

mod connection;
mod date;
mod error;
mod tls;

pub use connection::{Connection, Incoming, Message, Options, Received, Subscription};
pub use date::date_time;
pub use error::{CertificateTime, ConnectError, Lost, PublishError, SetupError};
