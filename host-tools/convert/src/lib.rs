//! Model in, blob out.
//!
//! Data goes one way: [`import`] reads a model file into the [`graph::Graph`], the passes rewrite it, and later stages
//! calibrate, quantize, plan and pack it.

pub mod calibrate;
mod convert;
pub mod error;
pub mod fidelity;
pub mod graph;
pub mod import;
pub mod pack;
pub mod passes;
pub mod plan;
pub mod quantize;
pub mod report;
pub mod samples;
mod timing;

pub use convert::{Conversion, ConvertError, GoldenChoice, Request, Scheme, Stage, convert, read_model};
pub use error::{GraphError, ImportError, UnsupportedNode};
pub use graph::Graph;
pub use timing::StageSeconds;
