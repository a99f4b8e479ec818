//! How long the stages of a conversion take.

use std::time::Instant;

use serde::Serialize;

/// Seconds of each stage of a conversion; 0 for a stage that it has not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageSeconds {
    /// Reading the model file.
    pub import: f64,
    /// The passes over the graph.
    pub simplify: f64,
    /// Reading the samples, running the float network over them, and counting what its activations are.
    pub calibrate: f64,
    /// From float weights to integers.
    pub quantize: f64,
    /// Planning memory, packing the blob, and packing the float network for calibration.
    pub pack: f64,
    /// Reading the samples, running the float network and the blob over them, and comparing all layers.
    pub measure: f64,
}

impl StageSeconds {
    /// The stages in their order, with their names.
    pub fn stages(&self) -> [(&'static str, f64); 6] {
        let StageSeconds { import, simplify, calibrate, quantize, pack, measure } = *self;
        [
            ("import", import),
            ("simplify", simplify),
            ("calibrate", calibrate),
            ("quantize", quantize),
            ("pack", pack),
            ("measure", measure),
        ]
    }
}

/// Tells the time between one moment and the next.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { last: Instant::now() }
    }

    /// Seconds since the last lap.
    pub(crate) fn lap(&mut self) -> f64 {
        let now = Instant::now();
        (now - std::mem::replace(&mut self.last, now)).as_secs_f64()
    }
}
