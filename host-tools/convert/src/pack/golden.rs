//! The golden section: what the program itself computes with the portable kernels.

use dunlin_runtime::format::{
    DataType, GOLDEN_STORED, GOLDEN_SYNTHETIC, GoldenHeader, TensorRecord, VectorHeader,
};
use dunlin_runtime::{Family, Model, Session, Trace, synthesize};

use super::aligned_bytes::AlignedBytes;
use super::error::PackError;
use super::options::Golden;

/// Largest difference of float32 outputs, relative to the largest of them. Kernel families may sum in another order.
const RELATIVE_TOLERANCE: f32 = 1e-4;

/// The section's bytes; empty if there is no vector.
///
/// # Errors
/// [`PackError::GoldenVector`] for a stored vector that does not fit the inputs.
pub(super) fn section(model: &Model, golden: &Golden) -> Result<Vec<u8>, PackError> {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(Family::Portable));
    let mut session = Session::with_family(model, arena.as_mut_slice(), Family::Portable)?;
    let mut vectors = Vec::new();
    let mut largest = 0.0f32;
    let mut count = 0;
    let mut add = |session: &mut Session, stored: Option<&[Vec<u8>]>, seed| {
        vectors.extend(vector(session, stored, seed)?);
        largest = largest.max(largest_float(session)?);
        count += 1;
        Ok::<(), PackError>(())
    };
    match golden {
        Golden::None => {}
        Golden::Synthetic { count: wanted } => {
            for number in 1..=*wanted {
                let seed = fill_synthetic(&mut session, number)?;
                add(&mut session, None, seed)?;
            }
        }
        Golden::Stored(stored) => {
            for (number, inputs) in stored.iter().enumerate() {
                fill_stored(&mut session, inputs)
                    .map_err(|problem| PackError::GoldenVector { vector: number, problem })?;
                add(&mut session, Some(inputs), 0)?;
            }
        }
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let header = GoldenHeader { count, tolerance: RELATIVE_TOLERANCE * largest, reserved: [0; 2] };
    Ok([bytemuck::bytes_of(&header), &vectors].concat())
}

/// Fills all inputs from the seed of a vector, which is returned.
fn fill_synthetic(session: &mut Session, number: u32) -> Result<u32, PackError> {
    // Odd multiples of an odd number: never 0, and far apart.
    let first = number.wrapping_mul(2).wrapping_sub(1).wrapping_mul(0x9E37_79B9);
    let model = *session.model();
    let program = model.program();
    let mut seed = first;
    for index in 0..program.header().input_count.into() {
        if let Some(tensor) = program.input(index) {
            seed = synthesize(tensor, seed, session.input_bytes(index)?);
        }
    }
    Ok(first)
}

fn fill_stored(session: &mut Session, inputs: &[Vec<u8>]) -> Result<(), String> {
    let count = usize::from(session.model().program().header().input_count);
    if inputs.len() != count {
        return Err(format!("{} arrays for {count} model inputs", inputs.len()));
    }
    for (index, content) in inputs.iter().enumerate() {
        let input = session.input_bytes(index).map_err(|error| error.to_string())?;
        if input.len() != content.len() {
            return Err(format!("input {index} has {} bytes, not {}", content.len(), input.len()));
        }
        input.copy_from_slice(content);
    }
    Ok(())
}

/// Runs the model on the inputs that are in place, and writes the vector.
fn vector(session: &mut Session, stored: Option<&[Vec<u8>]>, seed: u32) -> Result<Vec<u8>, PackError> {
    let mut trace = Trace::default();
    session.run_with(&mut trace)?;
    let program = session.model().program();
    let integers = program.tensors().iter().all(|tensor| tensor.is(DataType::Int8));
    let header = VectorHeader {
        kind: if stored.is_some() { GOLDEN_STORED } else { GOLDEN_SYNTHETIC },
        seed,
        trace: if integers { trace.0 } else { 0 },
        reserved: 0,
    };
    let mut bytes = bytemuck::bytes_of(&header).to_vec();
    for content in stored.into_iter().flatten() {
        append_padded(&mut bytes, content);
    }
    for output in 0..program.header().output_count.into() {
        append_padded(&mut bytes, session.output_bytes(output)?);
    }
    Ok(bytes)
}

fn append_padded(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + content.len().next_multiple_of(4) - content.len(), 0);
}

/// The largest finite magnitude of the float32 outputs.
fn largest_float(session: &Session) -> Result<f32, PackError> {
    let program = session.model().program();
    let mut largest = 0.0f32;
    for index in 0..program.header().output_count.into() {
        if program.output(index).is_some_and(|tensor: &TensorRecord| tensor.is(DataType::Float32)) {
            let finite = session.output_f32(index)?.iter().filter(|value| value.is_finite());
            largest = finite.fold(largest, |largest, value| largest.max(value.abs()));
        }
    }
    Ok(largest)
}
