//! The command line, `dunlind` and a real Mosquitto together.

#![cfg(unix)]

mod field;
mod updates;
mod watching;
