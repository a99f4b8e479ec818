//! The golden vectors of a blob, run on the device itself.

use bytemuck::Pod;

use crate::error::Error;
use crate::format::{
    DataType, GOLDEN_STORED, GOLDEN_SYNTHETIC, GoldenHeader, TensorRecord, VectorHeader, section,
};
use crate::observer::Trace;
use crate::session::Session;

/// Why a model failed its golden vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum GoldenFailure {
    /// The section is not as the format says.
    Malformed,
    /// A run failed.
    Run(Error),
    /// An output differs from the expected one.
    Output {
        /// Index of the vector.
        vector: u32,
        /// Index of the output.
        output: usize,
    },
    /// All outputs are right, but an operator before them computed something else.
    Trace {
        /// Index of the vector.
        vector: u32,
    },
}

impl core::fmt::Display for GoldenFailure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            GoldenFailure::Malformed => write!(f, "the golden section is malformed"),
            GoldenFailure::Run(error) => write!(f, "a golden vector could not run: {error}"),
            GoldenFailure::Output { vector, output } => {
                write!(f, "golden vector {vector}: output {output} is not the expected one")
            }
            GoldenFailure::Trace { vector } => {
                write!(f, "golden vector {vector}: an operator computed something else than expected")
            }
        }
    }
}

impl core::error::Error for GoldenFailure {}

/// How far a self-test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelfTest {
    passed: u32,
    /// Bytes of the vectors that passed.
    done: usize,
}

impl SelfTest {
    /// How many vectors passed.
    pub const fn passed(&self) -> u32 {
        self.passed
    }
}

impl Session<'_> {
    /// Runs all golden vectors of the blob. Returns how many passed; 0 if the blob has none.
    ///
    /// # Errors
    /// The first failure.
    pub fn self_test(&mut self) -> Result<u32, GoldenFailure> {
        let mut progress = SelfTest::default();
        while self.self_test_step(&mut progress)? {}
        Ok(progress.passed)
    }

    /// Runs one golden vector, for devices that have other things to do in between. Returns whether more are left.
    ///
    /// # Errors
    /// Why the vector failed.
    pub fn self_test_step(&mut self, progress: &mut SelfTest) -> Result<bool, GoldenFailure> {
        let Some(section) = self.model().section(section::GOLDEN) else { return Ok(false) };
        let mut rest = section;
        let header: GoldenHeader = take(&mut rest)?;
        rest = rest.get(progress.done..).ok_or(GoldenFailure::Malformed)?;
        if progress.passed < header.count {
            let before = rest.len();
            self.test_vector(progress.passed, header.tolerance, &mut rest)?;
            progress.passed += 1;
            progress.done += before - rest.len();
        }
        let is_left = progress.passed < header.count;
        if is_left || rest.is_empty() { Ok(is_left) } else { Err(GoldenFailure::Malformed) }
    }

    fn test_vector(&mut self, vector: u32, tolerance: f32, rest: &mut &[u8]) -> Result<(), GoldenFailure> {
        let expected: VectorHeader = take(rest)?;
        let model = *self.model();
        let program = model.program();
        let mut seed = expected.seed;
        for index in 0..program.header().input_count.into() {
            let tensor = program.input(index).ok_or(GoldenFailure::Malformed)?;
            let input = self.input_bytes(index).map_err(GoldenFailure::Run)?;
            match expected.kind {
                GOLDEN_SYNTHETIC => seed = synthesize(tensor, seed, input),
                GOLDEN_STORED => {
                    for (byte, stored) in input.iter_mut().zip(take_padded(rest, tensor)?) {
                        *byte = *stored;
                    }
                }
                _ => return Err(GoldenFailure::Malformed),
            }
        }
        let mut trace = Trace::default();
        self.run_with(&mut trace).map_err(GoldenFailure::Run)?;
        for output in 0..program.header().output_count.into() {
            let tensor = program.output(output).ok_or(GoldenFailure::Malformed)?;
            let stored = take_padded(rest, tensor)?;
            let found = self.output_bytes(output).map_err(GoldenFailure::Run)?;
            if !agrees(tensor, found, stored, tolerance) {
                return Err(GoldenFailure::Output { vector, output });
            }
        }
        let integers = program.tensors().iter().all(|tensor| tensor.is(DataType::Int8));
        if integers && trace.0 != expected.trace {
            return Err(GoldenFailure::Trace { vector });
        }
        Ok(())
    }
}

fn agrees(tensor: &TensorRecord, found: &[u8], expected: &[u8], tolerance: f32) -> bool {
    if !tensor.is(DataType::Float32) {
        return found == expected;
    }
    let (found, expected) = (found.as_chunks::<4>().0, expected.as_chunks::<4>().0);
    found.iter().zip(expected).all(|(&found, &expected)| {
        let (found, expected) = (f32::from_le_bytes(found), f32::from_le_bytes(expected));
        // Infinities are equal without having a finite difference.
        found == expected || (found - expected).abs() <= tolerance
    })
}

/// Fills an input with the synthetic vector of `seed`, as the format defines it. Returns the seed for the next input.
pub fn synthesize(tensor: &TensorRecord, seed: u32, input: &mut [u8]) -> u32 {
    let mut state = seed.max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    if tensor.is(DataType::Float32) {
        let low = tensor.scale * (-128 - tensor.zero_point) as f32;
        let high = tensor.scale * (127 - tensor.zero_point) as f32;
        for element in input.as_chunks_mut::<4>().0 {
            let unit = (next() >> 8) as f32 / 16_777_216.0;
            *element = (unit * (high - low) + low).to_le_bytes();
        }
    } else {
        for byte in input {
            *byte = (next() >> 24) as u8;
        }
    }
    state
}

fn take<T: Pod>(rest: &mut &[u8]) -> Result<T, GoldenFailure> {
    let (record, behind) = rest.split_at_checked(size_of::<T>()).ok_or(GoldenFailure::Malformed)?;
    *rest = behind;
    bytemuck::try_pod_read_unaligned(record).map_err(|_| GoldenFailure::Malformed)
}

/// Takes the bytes of `tensor` and the zeros that pad them to a multiple of 4.
fn take_padded<'a>(rest: &mut &'a [u8], tensor: &TensorRecord) -> Result<&'a [u8], GoldenFailure> {
    let bytes = tensor.bytes().ok_or(GoldenFailure::Malformed)?;
    let padded = bytes.checked_next_multiple_of(4).ok_or(GoldenFailure::Malformed)?;
    let (stored, behind) = rest.split_at_checked(padded).ok_or(GoldenFailure::Malformed)?;
    *rest = behind;
    stored.get(..bytes).ok_or(GoldenFailure::Malformed)
}
