//! Devices against a small fleet in memory: real flash contents, real signatures, real models, a virtual clock.

mod authority;
mod board;
mod models;
mod service;
mod updates;
mod world;
