//! The command line, `dunlind`, an emulated board and a real Mosquitto together.

#![cfg(unix)]

mod board;
mod field;
mod inputs;
mod storage;
mod updates;
mod watching;
