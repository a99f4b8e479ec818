//! Looking at a run operator by operator.

use crate::format::{Operator, TensorRecord};

/// What an observer is told about a step.
#[derive(Debug, Clone, Copy)]
pub struct StepReport<'a> {
    /// Index of the step.
    pub index: usize,
    /// Its operator.
    pub operator: Operator,
    /// Its output.
    pub output: &'a TensorRecord,
    /// The bytes of the output; empty before the step has run.
    pub bytes: &'a [u8],
}

/// Is called around every step of [`Session::run_with`](crate::Session::run_with): for profiles, traces and calibration.
pub trait Observer {
    /// A step is about to run.
    fn begin(&mut self, step: &StepReport<'_>) {
        let _ = step;
    }

    /// A step has run.
    fn end(&mut self, step: &StepReport<'_>);
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn end(&mut self, _: &StepReport<'_>) {}
}

/// FNV-1a, 32 bits, over the outputs of all steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(pub u32);

impl Default for Trace {
    fn default() -> Self {
        Trace(0x811c_9dc5)
    }
}

impl Observer for Trace {
    fn end(&mut self, step: &StepReport<'_>) {
        self.0 = trace(self.0, step.bytes);
    }
}

/// Continues a 32-bit FNV-1a hash with `bytes`.
pub fn trace(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
