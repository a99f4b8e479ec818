//! Small models: a table of 256 values, and ballast that fills blocks.

use bytemuck::{bytes_of, cast_slice};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_kernel_tests::blob_builder::{BlobBuilder, golden_header, seal};
use dunlin_kernel_tests::case::Quantization;
use dunlin_runtime::format::attributes::Lookup;
use dunlin_runtime::format::{DataType, GOLDEN_SYNTHETIC, Operator, VectorHeader};
use dunlin_runtime::{Family, Model, Session, Trace, synthesize};

use crate::authority::CONTENT;

/// Elements of samples and results.
pub const ELEMENTS: usize = 8;
/// Step of samples and results.
pub const STEP: f32 = 0.5;

/// A model that adds `shift` steps to each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    pub shift: i8,
    /// Seeds of the blocks behind the table, of 1 KiB each.
    pub ballast: [u8; 4],
    /// Bytes of the arena beyond what is needed.
    pub arena: u32,
    pub golden: Golden,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Golden {
    Right,
    /// Two vectors, of which the second expects something else.
    Wrong,
    None,
}

pub const FIRST: Recipe = Recipe { shift: 1, ballast: [1, 2, 3, 4], arena: 0, golden: Golden::Right };
pub const SECOND: Recipe = Recipe { shift: 2, ballast: [1, 2, 3, 5], ..FIRST };
pub const THIRD: Recipe = Recipe { shift: 3, ballast: [6, 2, 7, 8], ..FIRST };

/// A blob, signed by the content key.
pub fn blob(recipe: Recipe) -> Vec<u8> {
    let mut blob = unsigned(recipe);
    let header = blob.first_chunk().unwrap();
    let signature = CONTENT.sign_content(header);
    blob[192..256].copy_from_slice(&signature);
    blob
}

pub fn unsigned(recipe: Recipe) -> Vec<u8> {
    let mut builder = BlobBuilder::default();
    let quantization = Quantization { scale: STEP, zero_point: 0 };
    let dims = [1, 1, 1, ELEMENTS as u32];
    let input = builder.tensor(DataType::Int8, dims, quantization, None);
    let output = builder.tensor(DataType::Int8, dims, quantization, None);
    let table: Vec<i8> = (-128..=127i8).map(|value| value.saturating_add(recipe.shift)).collect();
    // The ballast comes first, so that blocks of equal seeds are equal whatever the table is.
    for (index, seed) in recipe.ballast.into_iter().enumerate() {
        let length = if index == 0 { 1024 - 256 } else { 1024 };
        builder.weights.extend((0..length).map(|place: usize| seed ^ (place * 7) as u8));
    }
    let table_offset = builder.weights(cast_slice(&table));
    builder.step(Operator::Lookup, &[input], output, bytes_of(&Lookup { table_offset }));
    (builder.inputs, builder.outputs) = (vec![input], vec![output]);
    builder.golden = match recipe.golden {
        Golden::None => None,
        Golden::Right => Some(golden(&builder)),
        Golden::Wrong => {
            let mut golden = golden(&builder);
            *golden.last_mut().unwrap() ^= 1;
            Some(golden)
        }
    };
    let built = builder.build();
    let arena = Model::open(&built).unwrap().program().header().arena_bytes;
    let mut blob = builder.build_with_arena(arena.map(|bytes| bytes + recipe.arena)).to_vec();
    seal(&mut blob);
    blob
}

/// Two synthetic vectors.
fn golden(builder: &BlobBuilder) -> Vec<u8> {
    let blob = builder.build();
    let model = Model::open(&blob).unwrap();
    let mut arena = AlignedBytes::filled(model.arena_bytes(Family::Portable), 0);
    let mut session = Session::with_family(&model, &mut arena, Family::Portable).unwrap();
    let mut section = bytes_of(&golden_header(2)).to_vec();
    for seed in [5, 6] {
        synthesize(model.program().input(0).unwrap(), seed, session.input_bytes(0).unwrap());
        let mut trace = Trace::default();
        session.run_with(&mut trace).unwrap();
        section.extend(bytes_of(&VectorHeader { kind: GOLDEN_SYNTHETIC, seed, trace: trace.0, reserved: 0 }));
        section.extend(session.output_bytes(0).unwrap());
    }
    section
}
