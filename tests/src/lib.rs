//! Suites and subjects of the Dunlin tests.

pub mod data;
pub mod reference;
