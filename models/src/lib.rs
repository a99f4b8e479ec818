//! Sample models of Dunlin, the data that they learn from and the pipelines that train them.
//!
//! [`samples`] gives the models that ship with the project, as ONNX with calibration and test inputs. Reading
//! them needs nothing but this crate's few default dependencies. With the feature `train`, `train::run`
//! makes them again: from a seed, with a record of everything that went in and came out.
//!
//! ```
//! let digits = dunlin_models::sample("digits").expect("is shipped");
//! assert_eq!(digits.labels.len(), 10);
//! let record = digits.experiment().expect("the record is valid");
//! assert!(record.metrics["accuracy"] > 0.95);
//! ```

pub mod data;
pub mod experiment;
pub mod random;
mod samples;

#[cfg(feature = "train")]
mod digest;
#[cfg(feature = "train")]
mod error;
#[cfg(feature = "train")]
pub mod export;
#[cfg(feature = "train")]
mod network;
#[cfg(feature = "train")]
pub mod pipeline;
#[cfg(feature = "train")]
pub mod train;

#[cfg(feature = "train")]
pub use error::TrainError;
pub use samples::{Sample, Task, sample, samples};
