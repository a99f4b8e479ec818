//! Naive implementations that the real ones are held against.

pub mod float;
pub mod integer;
