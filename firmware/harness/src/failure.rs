//! Why a model could not be exercised.

use core::fmt;

use dunlin_runtime::{Error, GoldenFailure};

/// Why a model could not be exercised.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure<E> {
    /// The blob or the arena was refused, or a run failed.
    Model(Error),
    /// A golden vector failed.
    Golden(GoldenFailure),
    /// The device has too little free memory, both in bytes.
    Memory {
        /// What is free for an arena.
        free: usize,
        /// What the model needs.
        needed: usize,
    },
    /// The file of samples is empty or no multiple of a sample, both in bytes.
    Samples {
        /// Length of the file.
        file: u32,
        /// Length of all inputs of the model.
        sample: u32,
    },
    /// Data could not be exchanged with the host.
    Platform(E),
}

impl<E> From<Error> for Failure<E> {
    fn from(error: Error) -> Self {
        Failure::Model(error)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Model(error) => write!(f, "{error}"),
            Failure::Golden(failure) => write!(f, "{failure}"),
            Failure::Memory { free, needed } => {
                write!(f, "the device has {free} bytes for an arena, the model needs {needed}")
            }
            Failure::Samples { file, sample } => {
                write!(f, "the inputs have {file} bytes, which is not one or more samples of {sample}")
            }
            Failure::Platform(error) => write!(f, "{error}"),
        }
    }
}
