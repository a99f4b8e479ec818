//! Readers of model files. Each format has a folder of its own and ends in the same [`Graph`].
//!
//! `<format>::import(bytes) -> Result<Graph, ImportError>`

pub mod onnx;
pub mod tflite;

use std::path::Path;

use crate::error::ImportError;
use crate::graph::Graph;

/// Reads a model file; its name says whether it is `.onnx` or `.tflite`. Weights that an ONNX file keeps beside itself
/// are read too.
///
/// # Errors
/// [`ImportError::Io`] if the file cannot be read, [`ImportError::UnknownFormat`] if its name ends otherwise, and what
/// the format's own reader says.
pub fn from_path(path: &Path) -> Result<Graph, ImportError> {
    let read = || std::fs::read(path).map_err(|source| ImportError::Io { path: path.into(), source });
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("onnx") => onnx::import_file(path),
        Some("tflite") => tflite::import(&read()?),
        _ => Err(ImportError::UnknownFormat { path: path.into() }),
    }
}
