//! Readers of model files. Each format has a folder of its own and ends in the same [`Graph`](crate::Graph).
//!
//! `<format>::import(bytes) -> Result<Graph, ImportError>`

pub mod onnx;
pub mod tflite;
