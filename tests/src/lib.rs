//! Suites and subjects of the Dunlin tests.

pub mod data;
pub mod onnx_model;
pub mod random;
pub mod reference;
pub mod single_operator;
