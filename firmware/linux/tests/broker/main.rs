//! `dunlind` and a real Mosquitto.

mod access;
mod daemon;
mod packets;
mod storage;
mod systemd;
