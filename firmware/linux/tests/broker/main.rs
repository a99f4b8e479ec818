//! `dunlind` and a real Mosquitto.

mod access;
mod daemon;
mod kills;
mod packets;
mod storage;
mod systemd;
