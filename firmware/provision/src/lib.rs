//! What a device is given once: its name, its nonce, its broker and the keys that it trusts.
//!
//! `dunlin device provision` writes it as a text file (`device.toml`), `dunlind` reads it, and `dunlin flash` carries it into the flash
//! of a microcontroller. Nothing in the file is secret: passwords and private keys are named by their paths.

mod broker;
mod file;
mod hexadecimal;
mod public_key;

pub use broker::{Broker, BrokerUrl, UrlError};
pub use file::{Provision, ProvisionError};
pub use hexadecimal::{from_hexadecimal, to_hexadecimal};
pub use public_key::{KeyTextError, PublicKey, parse_roles, role_names};
