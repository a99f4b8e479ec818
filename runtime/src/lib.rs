//! Executes Dunlin model blobs without allocating and without panicking, from a Cortex-M0 to a server.
//!
//! ```
//! use dunlin_runtime::{Model, Session};
//!
//! # fn classify(blob: &[u8], arena: &mut [u8], sample: &[i8]) -> Result<usize, dunlin_runtime::Error> {
//! let model = Model::open(blob)?; // checks the whole structure once; the blob is used in place
//! let mut session = Session::new(&model, arena)?;
//! session.input(0)?.copy_from_slice(sample);
//! session.run()?;
//! let scores = session.output(0)?;
//! # Ok(scores.iter().enumerate().max_by_key(|(_, score)| **score).map_or(0, |(class, _)| class))
//! # }
//! ```
//!
//! A blob is what `dunlin convert` writes; `docs/format.md` specifies it and `docs/numerics.md` says what every operator
//! computes, to the bit. After [`Model::open`] has succeeded, running the model cannot read or write outside of the blob and
//! the arena, whatever the blob's bytes are.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("blobs are used in place and are little-endian");

mod blob;
mod engine;
mod error;
mod family;
pub mod fixed_point;
pub mod format;
mod kernels;
mod model;
mod observer;
mod program;
mod self_test;
mod session;

pub use blob::{Aligned, BLOB_ALIGNMENT};
pub use engine::{needs, overlap};
pub use error::{Defect, Error};
pub use family::Family;
pub use kernels::{Needs, Overlap};
pub use model::Model;
#[cfg(feature = "digest")]
pub use model::content_digest;
pub use observer::{NoObserver, Observer, StepReport, Trace, trace};
pub use program::{Operation, Program};
pub use self_test::{GoldenFailure, SelfTest, synthesize};
pub use session::Session;

pub use kernels::{dequantize, quantize};
