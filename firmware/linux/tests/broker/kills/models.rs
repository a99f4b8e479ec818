//! Models that can be told apart by what they give.

use bytemuck::{bytes_of, cast_slice};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_kernel_tests::blob_builder::{BlobBuilder, golden_header, seal};
use dunlin_kernel_tests::case::Quantization;
use dunlin_protocol::message::{BlockSize, Needs, Release, Shadow, Target, Trial};
use dunlin_protocol::{Digest, Name, Version, write_index};
use dunlin_runtime::format::attributes::Lookup;
use dunlin_runtime::format::{DataType, GOLDEN_SYNTHETIC, Operator, VectorHeader};
use dunlin_runtime::{Family, Model, Session, Trace, synthesize};

use crate::daemon::key;

/// Elements of samples and results.
const ELEMENTS: u32 = 4;
/// Test vectors: enough for a self-test that takes a while.
const VECTORS: u32 = 1000;
/// Bytes behind which the table stands.
const BALLAST: usize = 48 * 1024;

/// A model that adds a number to each element, and its release.
pub struct Offer {
    /// What it adds, in steps of 1.
    pub adds: i8,
    pub blob: Vec<u8>,
    pub index: Vec<u8>,
    pub release: Release,
}

impl Offer {
    /// The one with this number, which is its sequence too.
    pub fn new(number: u32) -> Offer {
        // Neighbours differ in what they give and in some of their blocks.
        let adds = (number % 50) as i8 + 1;
        let blob = blob(adds, number);
        let mut index = vec![0; blob.len()];
        let index = write_index(&blob, BlockSize::KiB1, &mut index).unwrap().to_vec();
        let release = release(number, &blob, &index);
        Offer { adds, blob, index, release }
    }
}

fn blob(adds: i8, seed: u32) -> Vec<u8> {
    let mut builder = BlobBuilder::default();
    let quantization = Quantization { scale: 1.0, zero_point: 0 };
    let dims = [1, 1, 1, ELEMENTS];
    let input = builder.tensor(DataType::Int8, dims, quantization, None);
    let output = builder.tensor(DataType::Int8, dims, quantization, None);
    let noise = |place: usize| {
        // Every other block is that of all versions.
        let seed = if (place / 1024).is_multiple_of(2) { 0 } else { seed };
        ((place as u32).wrapping_mul(0x9E37_79B9) ^ seed.wrapping_mul(0x85EB_CA6B)).to_le_bytes()[3]
    };
    builder.weights.extend((0..BALLAST).map(noise));
    let table: Vec<i8> = (i8::MIN..=i8::MAX).map(|value| value.saturating_add(adds)).collect();
    let table_offset = builder.weights(cast_slice(&table));
    builder.step(Operator::Lookup, &[input], output, bytes_of(&Lookup { table_offset }));
    (builder.inputs, builder.outputs) = (vec![input], vec![output]);
    builder.golden = Some(golden(&builder));
    let mut blob = builder.build().to_vec();
    seal(&mut blob);
    let signature = key().sign_content(blob.first_chunk().unwrap());
    blob[192..256].copy_from_slice(&signature);
    blob
}

fn golden(builder: &BlobBuilder) -> Vec<u8> {
    let blob = builder.build();
    let model = Model::open(&blob).unwrap();
    let mut arena = AlignedBytes::filled(model.arena_bytes(Family::Portable), 0);
    let mut session = Session::with_family(&model, &mut arena, Family::Portable).unwrap();
    let mut section = bytes_of(&golden_header(VECTORS)).to_vec();
    for seed in 1..=VECTORS {
        synthesize(model.program().input(0).unwrap(), seed, session.input_bytes(0).unwrap());
        let mut trace = Trace::default();
        session.run_with(&mut trace).unwrap();
        section.extend(bytes_of(&VectorHeader { kind: GOLDEN_SYNTHETIC, seed, trace: trace.0, reserved: 0 }));
        section.extend(session.output_bytes(0).unwrap());
    }
    section
}

fn release(number: u32, blob: &[u8], index: &[u8]) -> Release {
    let aligned = AlignedBytes::copy(blob);
    let model = Model::open(&aligned).unwrap();
    let header = model.program().header();
    let (input_schema, output_schema) = dunlin_agent::schemas(&model);
    Release {
        fleet: Name::new("demo").unwrap(),
        target: Target::Everyone,
        sequence: number.into(),
        digest: Digest(model.header().digest),
        blob_bytes: blob.len() as u32,
        block: BlockSize::KiB1,
        index_digest: Digest::of(index),
        needs: Needs {
            operator_set: header.operator_set,
            packing: header.packing,
            runtime: Version::default(),
            arena_bytes: header.arena_bytes,
            input_schema,
            output_schema,
        },
        // One kill is one reset.
        trial: Trial {
            inferences: 10,
            seconds: 1,
            deadline: 0,
            errors: 0,
            latency: 0,
            over_budget: 0,
            resets: 3,
        },
        // The two never agree; that they are compared is what counts here.
        shadow: (number > 1).then_some(Shadow { samples: 50, agreement: 0 }),
    }
}
