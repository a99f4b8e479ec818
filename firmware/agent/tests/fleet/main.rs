//! Devices against a small fleet in memory: real flash contents, real signatures, real models, a virtual clock.

mod authority;
mod board;
mod cuts;
mod models;
mod network;
mod orders;
mod service;
mod storm;
mod telemetry;
mod updates;
mod world;
