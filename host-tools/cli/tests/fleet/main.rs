//! The command line, `dunlind` and a real Mosquitto together.

#![cfg(unix)]

mod field;
mod inputs;
mod updates;
mod watching;
