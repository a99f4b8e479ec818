//! How trained networks and their data leave the training framework.

pub mod onnx;
