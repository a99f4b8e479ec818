//! Golden vectors: a model passes its own, and one changed byte that a run reads makes it fail.

use bytemuck::{bytes_of, cast_slice};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_kernel_tests::blob_builder::{BlobBuilder, golden_header};
use dunlin_kernel_tests::case::{Attributes, Case, Filter};
use dunlin_kernel_tests::{cases, program};
use dunlin_runtime::format::{GOLDEN_STORED, GOLDEN_SYNTHETIC, Operator, VectorHeader, section};
use dunlin_runtime::{Family, GoldenFailure, Model, Session, Trace, synthesize};

const SEED: u32 = 0x5eed;

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

/// A golden section with a synthetic vector and one that is stored, as the model computes them.
fn golden(builder: &BlobBuilder) -> Vec<u8> {
    let blob = builder.build();
    let model = Model::open(&blob).unwrap();
    let mut arena = AlignedBytes::filled(model.arena_bytes(Family::Portable), 0);
    let mut session = Session::with_family(&model, &mut arena, Family::Portable).unwrap();
    let mut section = bytes_of(&golden_header(2)).to_vec();
    for kind in [GOLDEN_SYNTHETIC, GOLDEN_STORED] {
        let (mut seed, mut inputs) = (SEED + kind, Vec::new());
        for index in 0..model.program().header().input_count.into() {
            let tensor = model.program().input(index).unwrap();
            let input = session.input_bytes(index).unwrap();
            seed = synthesize(tensor, seed, input);
            inputs.extend(padded(input));
        }
        let mut trace = Trace::default();
        session.run_with(&mut trace).unwrap();
        let header = VectorHeader { kind, seed: SEED + kind, trace: trace.0, reserved: 0 };
        section.extend(bytes_of(&header));
        if kind == GOLDEN_STORED {
            section.extend(inputs);
        }
        for index in 0..model.program().header().output_count.into() {
            section.extend(padded(session.output_bytes(index).unwrap()));
        }
    }
    section
}

fn self_test(blob: &[u8], family: Family) -> Result<u32, GoldenFailure> {
    let model = Model::open(blob).expect("the structure is unharmed");
    let mut arena = AlignedBytes::filled(model.arena_bytes(family), 0x5a);
    Session::with_family(&model, &mut arena, family).unwrap().self_test()
}

fn with_golden(cases: &[Case]) -> BlobBuilder {
    let mut builder = program::builder(cases);
    builder.golden = Some(golden(&builder));
    builder
}

/// `blob` with one bit of byte `index` of a section changed.
fn damaged(blob: &AlignedBytes, kind: u32, index: usize) -> AlignedBytes {
    let start = Model::open(blob).unwrap().header().section(kind).unwrap().offset as usize;
    let mut damaged = blob.clone();
    damaged[start + index] ^= 0x40;
    damaged
}

/// A fully connected layer whose scales let every bit of a weight through.
fn sensitive_layer() -> Case {
    let mut case = cases::int8(Operator::FullyConnected, 1).remove(0);
    let Attributes::FullyConnected(record, Filter::Int8 { weights, bias, multiplier, shift }) =
        &mut case.attributes
    else {
        panic!("the filter is int8")
    };
    (record.clamp.low, record.clamp.high) = (-128i32 as u32, 127);
    case.output.quantization.zero_point = 0;
    weights.fill(0);
    bias.fill(0);
    multiplier.fill(1 << 30);
    shift.fill(-12);
    case
}

#[test]
fn models_pass_their_golden_vectors_with_every_family() {
    let blob =
        with_golden(&[cases::int8(Operator::Conv2d, 2), cases::int8(Operator::Lookup, 2)].concat()).build();
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        assert_eq!(self_test(&blob, family), Ok(2), "{}", family.name());
    }
    let without = program::blob(&cases::int8(Operator::Lookup, 1));
    assert_eq!(self_test(&without, Family::Portable), Ok(0));
}

#[test]
fn a_changed_table_fails() {
    let cases = cases::int8(Operator::Lookup, 1);
    let blob = with_golden(&cases).build();
    // The entries that the synthetic input meets; another one cannot be noticed.
    let model = Model::open(&blob).unwrap();
    let mut input = vec![0u8; cases[0].output.elements()];
    synthesize(model.program().input(0).unwrap(), SEED, &mut input);
    for &value in cast_slice::<u8, i8>(&input) {
        let entry = (i32::from(value) + 128) as usize;
        let failure = self_test(&damaged(&blob, section::WEIGHTS, entry), Family::Portable);
        assert_eq!(failure, Err(GoldenFailure::Output { vector: 0, output: 0 }));
    }
}

#[test]
fn a_changed_weight_fails_with_every_family() {
    let blob = with_golden(&[sensitive_layer()]).build();
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        assert_eq!(self_test(&blob, family), Ok(2));
        // The weight of the first output for the first input.
        let failure = self_test(&damaged(&blob, section::WEIGHTS, 0), family);
        assert_eq!(failure, Err(GoldenFailure::Output { vector: 0, output: 0 }));
    }
}

#[test]
fn what_no_output_shows_the_trace_shows() {
    let mut builder = program::builder(&cases::int8(Operator::Lookup, 2));
    // The first of two tables computes something that nobody reads.
    let hidden = builder.outputs.remove(0);
    builder.golden = Some(golden(&builder));
    let blob = builder.build();
    assert_eq!(self_test(&blob, Family::Portable), Ok(2));
    let model = Model::open(&blob).unwrap();
    let mut input = vec![0u8; builder.tensors[usize::from(hidden)].elements().unwrap()];
    synthesize(model.program().input(0).unwrap(), SEED, &mut input);
    let failure =
        self_test(&damaged(&blob, section::WEIGHTS, usize::from(input[0] ^ 0x80)), Family::Portable);
    assert_eq!(failure, Err(GoldenFailure::Trace { vector: 0 }));
}

#[test]
fn malformed_sections_are_refused() {
    let builder = with_golden(&cases::int8(Operator::Lookup, 1));
    let golden = builder.golden.clone().unwrap();
    let refused = |golden: Vec<u8>| {
        let blob = BlobBuilder { golden: Some(golden), ..builder.clone() }.build();
        assert_eq!(self_test(&blob, Family::Portable), Err(GoldenFailure::Malformed));
    };
    refused(golden[..8].to_vec());
    refused(golden[..20].to_vec());
    refused(golden[..golden.len() - 4].to_vec());
    refused([golden.clone(), vec![0; 4]].concat());
    let mut unknown_kind = golden;
    unknown_kind[16] = 9;
    refused(unknown_kind);
}
