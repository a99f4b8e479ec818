//! Why a device did not start, or did not predict.

use core::fmt;

use super::Memory;

/// Why there is no prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PredictError {
    /// No model serves: none is installed, or it is still being checked after the start.
    NoModel,
    /// The model has this many inputs, and not one.
    Inputs(usize),
    /// The sample has another number of elements than the input.
    Length {
        /// Elements of the sample.
        found: usize,
        /// Elements of the model's input.
        expected: usize,
    },
    /// The sample is quantized in another way than the input.
    Quantization,
    /// The runtime refused.
    Runtime(dunlin_runtime::Error),
}

/// Why a device did not start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StartError<E> {
    /// The store could not be opened.
    Store(dunlin_store::Error<E>),
    /// The buffer has this many bytes, fewer than [`Memory::BUFFER_BYTES`].
    Buffer(usize),
}

impl From<dunlin_runtime::Error> for PredictError {
    fn from(error: dunlin_runtime::Error) -> PredictError {
        PredictError::Runtime(error)
    }
}

impl fmt::Display for PredictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PredictError::NoModel => write!(f, "no model serves yet"),
            PredictError::Inputs(count) => write!(f, "the model has {count} inputs, samples are for one"),
            PredictError::Length { found, expected } => {
                write!(f, "the sample has {found} elements, the model takes {expected}")
            }
            PredictError::Quantization => {
                write!(f, "the sample is quantized in another way than the model's input: give real values")
            }
            PredictError::Runtime(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PredictError {}

impl<E: fmt::Debug> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => error.fmt(f),
            StartError::Buffer(found) => {
                write!(f, "the message buffer has {found} bytes: give it {}", Memory::BUFFER_BYTES)
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StartError<E> {}
