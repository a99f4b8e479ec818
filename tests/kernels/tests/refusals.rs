//! What `Model::open` and `Session` refuse: each field that a blob can have wrong, and the error that names it.

use bytemuck::{bytes_of, from_bytes_mut};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_kernel_tests::blob_builder::{BlobBuilder, seal};
use dunlin_kernel_tests::case::Quantization;
use dunlin_kernel_tests::{cases, program};
use dunlin_runtime::format::attributes::{Clamp, Convolution, Lookup, Softmax, Transpose};
use dunlin_runtime::format::{
    ChannelBlock, DataType, HEADER_BYTES, Header, MAX_SECTIONS, Operator, ProgramHeader, section,
};
use dunlin_runtime::{Defect, Error, Family, Model, Session};

/// One lookup of four elements.
fn lookup() -> BlobBuilder {
    let mut builder = BlobBuilder::default();
    let table_offset = builder.weights(&[0; 256]);
    let dims = [1, 1, 1, 4];
    let input = builder.tensor(DataType::Int8, dims, Quantization::NONE, None);
    let output = builder.tensor(DataType::Int8, dims, Quantization::NONE, None);
    (builder.inputs, builder.outputs) = (vec![input], vec![output]);
    builder.step(Operator::Lookup, &[input], output, bytes_of(&Lookup { table_offset }));
    builder
}

/// One convolution with a kernel of 3 × 3, from 4 × 4 × 8 to 4 × 4 × 8.
fn convolution(change: impl Fn(&mut Convolution, &mut ChannelBlock)) -> BlobBuilder {
    let mut builder = BlobBuilder::default();
    let mut block = ChannelBlock::default();
    let mut record = Convolution {
        kernel_h: 3,
        kernel_w: 3,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        padding_top: 1,
        padding_left: 1,
        groups: 1,
        clamp: Clamp::int8(-128, 127),
        weights_offset: builder.weights(&[0; 9 * 8 * 8]),
        channels_offset: 9 * 8 * 8,
    };
    change(&mut record, &mut block);
    builder.weights(bytes_of(&block));
    let dims = [1, 4, 4, 8];
    let input = builder.tensor(DataType::Int8, dims, Quantization::NONE, None);
    let output = builder.tensor(DataType::Int8, dims, Quantization::NONE, None);
    (builder.inputs, builder.outputs) = (vec![input], vec![output]);
    builder.step(Operator::Conv2d, &[input], output, bytes_of(&record));
    builder
}

/// The error that a blob is refused with; its scratch is beyond doubt.
fn refusal(builder: &BlobBuilder) -> Error {
    Model::open(&builder.build_with_arena([1 << 20; 8])).expect_err("the blob is malformed")
}

fn defect(builder: &BlobBuilder) -> Defect {
    match refusal(builder) {
        Error::MalformedStep { step: 0, defect } => defect,
        error => panic!("{error}"),
    }
}

/// The error after `change` of the header of a good blob.
fn header_refusal(change: impl Fn(&mut Header)) -> Error {
    let mut blob = lookup().build();
    change(from_bytes_mut(&mut blob[..HEADER_BYTES]));
    Model::open(&blob).expect_err("the header is malformed")
}

#[test]
fn headers() {
    assert_eq!(header_refusal(|header| header.magic[0] = 0), Error::NotABlob);
    assert_eq!(header_refusal(|header| header.version = 2), Error::UnsupportedVersion(2));
    for change in [
        |header: &mut Header| header.header_bytes = 128,
        |header: &mut Header| header.total_bytes -= 8,
        |header: &mut Header| header.total_bytes = 16,
        |header: &mut Header| header.total_bytes -= 16,
        |header: &mut Header| header.section_count = MAX_SECTIONS as u32 + 1,
        |header: &mut Header| header.section_count = 1,
        |header: &mut Header| header.section_count += 1,
        |header: &mut Header| header.sections[0].offset = 0,
        |header: &mut Header| header.sections[0].offset += 16,
        |header: &mut Header| header.sections[0].length += 16,
        |header: &mut Header| header.sections[1].offset -= 16,
        |header: &mut Header| header.sections[1].length = u32::MAX,
        |header: &mut Header| header.sections[11].length = 1,
        |header: &mut Header| header.sections.swap(0, 1),
        |header: &mut Header| header.sections[1].kind = section::WEIGHTS,
    ] {
        assert_eq!(header_refusal(change), Error::MalformedHeader);
    }
    let missing = |kind| Error::MalformedSection(kind);
    assert_eq!(header_refusal(|header| header.sections[1].kind = 99), missing(section::PROGRAM));
}

#[test]
fn lengths_and_addresses() {
    let blob = lookup().build();
    for length in [0, 4, HEADER_BYTES - 1] {
        let expected = Error::Truncated { found: length, expected: HEADER_BYTES };
        assert_eq!(Model::open(&blob[..length]).unwrap_err(), expected);
    }
    let short = blob.len() - 1;
    let expected = Error::Truncated { found: short, expected: blob.len() };
    assert_eq!(Model::open(&blob[..short]).unwrap_err(), expected);

    let mut elsewhere = AlignedBytes::filled(blob.len() + 32, 0);
    elsewhere[4..][..blob.len()].copy_from_slice(&blob);
    assert_eq!(Model::open(&elsewhere[4..]).unwrap_err(), Error::MisalignedBlob);
    // What follows a blob, in a flash slot for example, is not a part of it.
    elsewhere[..blob.len()].copy_from_slice(&blob);
    assert_eq!(Model::open(&elsewhere).unwrap().bytes(), &blob[..]);
}

#[test]
fn program_headers() {
    let refused = |change: &dyn Fn(&mut ProgramHeader)| {
        let mut blob = lookup().build();
        let header: &mut Header = from_bytes_mut(&mut blob[..HEADER_BYTES]);
        let program = header.sections[1].offset as usize;
        change(from_bytes_mut(&mut blob[program..][..size_of::<ProgramHeader>()]));
        Model::open(&blob).expect_err("the program header is malformed")
    };
    let unsupported = Error::UnsupportedOperatorSet { needed: 2, available: 1 };
    assert_eq!(refused(&|program| program.operator_set = 2), unsupported);
    assert_eq!(refused(&|program| program.packing = 7), Error::UnsupportedPacking(7));
    let changes: [&dyn Fn(&mut ProgramHeader); 14] = [
        &|program| program.operator_set = 0,
        &|program| program.tensor_count += 1,
        &|program| program.tensor_count = 1,
        &|program| program.step_count += 1,
        &|program| program.step_count = u16::MAX,
        &|program| program.operand_count += 1,
        &|program| program.operand_count = 1,
        &|program| program.input_count = 0,
        &|program| program.output_count = 0,
        &|program| program.attribute_bytes += 2,
        &|program| program.attribute_bytes = u32::MAX,
        &|program| program.activation_bytes += 1,
        &|program| program.arena_bytes[7] += 8,
        &|program| program.reserved[2] = 1,
    ];
    for (index, change) in changes.iter().enumerate() {
        assert_eq!(refused(change), Error::MalformedSection(section::PROGRAM), "change {index}");
    }
}

#[test]
fn tensors() {
    type Change = fn(&mut dunlin_runtime::format::TensorRecord);
    let changes: [Change; 16] = [
        |tensor| tensor.data_type = 3,
        |tensor| tensor.rank = 5,
        |tensor| (tensor.rank, tensor.dims) = (0, [1, 1, 1, 4]),
        |tensor| tensor.storage = 2,
        |tensor| tensor.reserved = 1,
        |tensor| tensor.offset = 2,
        |tensor| tensor.offset = 32,
        |tensor| tensor.offset = u32::MAX - 3,
        |tensor| tensor.dims[2] = 0,
        |tensor| tensor.dims = [1 << 16, 1 << 16, 1, 4],
        |tensor| tensor.scale = 0.0,
        |tensor| tensor.scale = -1.0,
        |tensor| tensor.scale = f32::NAN,
        |tensor| tensor.scale = f32::INFINITY,
        |tensor| tensor.zero_point = 128,
        |tensor| tensor.zero_point = -129,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut builder = lookup();
        change(&mut builder.tensors[1]);
        assert_eq!(refusal(&builder), Error::MalformedTensor(1), "change {index}");
    }
    // Models neither read their inputs from flash nor write their outputs there.
    for tensor in [0, 1] {
        let mut builder = lookup();
        builder.tensors[tensor].storage = 1;
        assert_eq!(refusal(&builder), Error::MalformedTensor(tensor as u16));
    }
}

#[test]
fn steps() {
    let with = |change: &dyn Fn(&mut BlobBuilder)| {
        let mut builder = lookup();
        change(&mut builder);
        builder
    };
    assert_eq!(defect(&with(&|blob| blob.steps[0].operator = 200)), Defect::UnknownOperator(200));
    assert_eq!(defect(&with(&|blob| blob.steps[0].first_operand = 100)), Defect::Operands);
    assert_eq!(defect(&with(&|blob| blob.steps[0].first_operand = u32::MAX - 2)), Defect::Operands);
    assert_eq!(defect(&with(&|blob| blob.steps[0].input_count = 0)), Defect::Operands);
    assert_eq!(defect(&with(&|blob| blob.steps[0].input_count = 2)), Defect::Operands);
    assert_eq!(defect(&with(&|blob| blob.steps[0].reserved = 1)), Defect::Operands);
    assert_eq!(defect(&with(&|blob| blob.steps[0].attribute_offset = 4)), Defect::Attributes);
    assert_eq!(defect(&with(&|blob| blob.steps[0].attribute_offset = u32::MAX)), Defect::Attributes);
    assert_eq!(defect(&with(&|blob| blob.steps[0].scratch_offset = 16)), Defect::Scratch);
    assert_eq!(defect(&with(&|blob| blob.steps[0].scratch_offset = 1000)), Defect::Scratch);
    assert_eq!(defect(&with(&|blob| blob.attributes[0] = 1)), Defect::Weights);
    assert_eq!(defect(&with(&|blob| blob.tensors[1].dims[3] = 3)), Defect::Shapes);
    // Writing over an input element by element is sound, beside it is not.
    let overlapping = |blob: &mut BlobBuilder| {
        blob.tensors.iter_mut().for_each(|tensor| tensor.dims[3] = 12);
        blob.tensors[1].offset = 4;
    };
    assert_eq!(defect(&with(&overlapping)), Defect::Placement);
}

#[test]
fn convolutions() {
    type Change = fn(&mut Convolution, &mut ChannelBlock);
    let shapes: [Change; 11] = [
        |record, _| record.kernel_h = 0,
        |record, _| record.stride_w = 0,
        |record, _| record.stride_w = 2,
        |record, _| record.dilation_h = 0,
        |record, _| record.padding_top = 3,
        |record, _| record.padding_left = u32::MAX,
        |record, _| record.groups = 0,
        |record, _| record.groups = 3,
        |record, _| record.kernel_h = 1 << 16,
        |record, _| record.dilation_h = (1 << 16) - 1,
        |record, _| (record.kernel_w, record.padding_left) = (u32::MAX, u32::MAX),
    ];
    for (index, change) in shapes.iter().enumerate() {
        assert_eq!(defect(&convolution(change)), Defect::Shapes, "change {index}");
    }
    let weights: [Change; 5] = [
        |record, _| record.weights_offset += 8,
        |record, _| record.weights_offset += 256,
        |record, _| record.weights_offset = u32::MAX - 15,
        |record, _| record.channels_offset += 4,
        |record, _| record.channels_offset += 16,
    ];
    for (index, change) in weights.iter().enumerate() {
        assert_eq!(defect(&convolution(change)), Defect::Weights, "change {index}");
    }
    let requantization: [Change; 3] = [
        |_, block| block.multiplier[7] = -1,
        |_, block| block.shift[0] = 31,
        |_, block| block.shift[3] = -32,
    ];
    for (index, change) in requantization.iter().enumerate() {
        assert_eq!(defect(&convolution(change)), Defect::Requantization, "change {index}");
    }
    Model::open(&convolution(|_, _| ()).build()).expect("nothing was changed");
}

#[test]
fn scratch() {
    let builder = convolution(|_, _| ());
    let blob = builder.build();
    let mut stated = Model::open(&blob).unwrap().program().header().arena_bytes;
    stated[Family::Portable as usize] -= 16;
    let error = Model::open(&builder.build_with_arena(stated)).unwrap_err();
    assert_eq!(error, Error::MalformedStep { step: 0, defect: Defect::Scratch });

    // A program without steps still has tensors, which every family's arena has to hold.
    let mut passing = lookup();
    (passing.steps, passing.operands, passing.attributes) = (vec![], vec![], vec![]);
    let blob = passing.build();
    let mut stated = Model::open(&blob).unwrap().program().header().arena_bytes;
    stated[Family::best() as usize] -= 16;
    let error = Model::open(&passing.build_with_arena(stated)).unwrap_err();
    assert_eq!(error, Error::MalformedSection(section::PROGRAM));
}

#[test]
fn operators_with_attributes_of_their_own() {
    let with = |operator, attributes: &[u8]| {
        let mut builder = lookup();
        (builder.steps, builder.operands, builder.attributes) = (vec![], vec![], vec![]);
        builder.step(operator, &[0], 1, attributes);
        builder
    };
    let softmax = |multiplier, shift, lowest_difference| {
        with(Operator::Softmax, bytes_of(&Softmax { multiplier, shift, lowest_difference }))
    };
    assert_eq!(defect(&softmax(-1, 0, 0)), Defect::Requantization);
    assert_eq!(defect(&softmax(1 << 30, -1, 0)), Defect::Requantization);
    assert_eq!(defect(&softmax(1 << 30, 0, 1)), Defect::Requantization);
    let transpose = |permutation| with(Operator::Transpose, bytes_of(&Transpose { permutation }));
    assert_eq!(defect(&transpose([0, 1, 2, 4])), Defect::Attributes);
    assert_eq!(defect(&transpose([0, 1, 1, 3])), Defect::Shapes);
    assert_eq!(defect(&transpose([0, 1, 3, 2])), Defect::Shapes);
    assert_eq!(defect(&with(Operator::Quantize, &[])), Defect::DataTypes);
}

#[test]
fn arenas() {
    let cases = cases::int8(Operator::Conv2d, 1);
    let blob = program::blob(&cases);
    let model = Model::open(&blob).unwrap();
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        let needed = model.arena_bytes(family);
        let mut arena = AlignedBytes::filled(needed + 16, 0);
        let refused = |arena: &mut [u8]| Session::with_family(&model, arena, family).err();
        assert_eq!(refused(&mut arena[..needed]), None);
        let expected = Error::ArenaTooSmall { found: needed - 1, needed };
        assert_eq!(refused(&mut arena[..needed - 1]), Some(expected));
        assert_eq!(refused(&mut arena[8..]), Some(Error::MisalignedArena));
    }
    let mut arena = AlignedBytes::filled(1 << 16, 0);
    for family in Family::ALL.into_iter().filter(|family| !family.is_available()) {
        let refused = Session::with_family(&model, &mut arena, family).err();
        assert_eq!(refused, Some(Error::UnavailableFamily(family)));
    }
    let mut session = Session::with_family(&model, &mut arena, Family::Portable).unwrap();
    assert_eq!(session.input(1).unwrap_err(), Error::NoSuchTensor(1));
    assert_eq!(session.input_f32(0).unwrap_err(), Error::WrongDataType);
    assert_eq!(session.output(1).unwrap_err(), Error::NoSuchTensor(1));
    assert_eq!(session.output_f32(0).unwrap_err(), Error::WrongDataType);
}

#[test]
fn digests() {
    let mut blob = lookup().build();
    assert_eq!(Model::open(&blob).unwrap().check_digest(), Err(Error::DigestMismatch));
    seal(&mut blob);
    assert_eq!(Model::open(&blob).unwrap().check_digest(), Ok(()));
    // The signature is not a part of what the digest covers.
    let mut signed = blob.clone();
    signed[Header::SIGNATURE_OFFSET] ^= 1;
    assert_eq!(Model::open(&signed).unwrap().check_digest(), Ok(()));
    let mut damaged = blob;
    damaged[HEADER_BYTES] ^= 1;
    assert_eq!(Model::open(&damaged).unwrap().check_digest(), Err(Error::DigestMismatch));
    seal(&mut damaged);
    assert_eq!(Model::open(&damaged).unwrap().check_digest(), Ok(()));
}
