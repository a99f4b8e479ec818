//! Suites and subjects of the Dunlin tests.

pub mod data;
pub mod onnx_model;
pub mod reference;
pub mod single_operator;

pub use dunlin_kernel_tests::random;
