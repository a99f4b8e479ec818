//! From cases to a blob: each case is one step, its inputs are inputs of the model and its output is an output of it.

use bytemuck::{bytes_of, cast_slice};
use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::{Convolution, FullyConnected, Lookup, ResizeNearest};

use crate::aligned_bytes::AlignedBytes;
use crate::blob_builder::BlobBuilder;
use crate::case::{Attributes, Case, Filter};
use crate::packing::{self, Extents};

/// A blob that runs all `cases`.
pub fn blob(cases: &[Case]) -> AlignedBytes {
    builder(cases).build()
}

/// As [`blob`], to be changed before it is built.
pub fn builder(cases: &[Case]) -> BlobBuilder {
    let mut builder = BlobBuilder::default();
    for case in cases {
        append(&mut builder, case);
    }
    builder
}

fn append(builder: &mut BlobBuilder, case: &Case) {
    let mut inputs = Vec::new();
    for input in &case.inputs {
        let constant = input.constant.then(|| input.values.bytes());
        let tensor = builder.tensor(input.values.data_type(), input.dims, input.quantization, constant);
        inputs.push(tensor);
        if !input.constant {
            builder.inputs.push(tensor);
        }
    }
    let output = if case.in_place {
        builder.tensor_over(inputs[0], case.output.quantization)
    } else {
        builder.tensor(case.output.data_type, case.output.dims, case.output.quantization, None)
    };
    builder.outputs.push(output);
    let attributes = attributes(builder, case);
    builder.step(case.operator, &inputs, output, &attributes);
}

fn attributes(builder: &mut BlobBuilder, case: &Case) -> Vec<u8> {
    match &case.attributes {
        Attributes::Convolution(record, filter) => {
            let groups = record.groups as usize;
            let extents = Extents {
                groups,
                channels_out: case.output.dims[3] as usize / groups,
                kernel_h: record.kernel_h as usize,
                kernel_w: record.kernel_w as usize,
                channels_in: case.inputs[0].dims[3] as usize / groups,
            };
            let depthwise = case.operator == Operator::DepthwiseConv2d;
            let zero_point = case.inputs[0].quantization.zero_point;
            let (weights_offset, channels_offset) = store(builder, filter, extents, zero_point, depthwise);
            bytes_of(&Convolution { weights_offset, channels_offset, ..*record }).to_vec()
        }
        Attributes::FullyConnected(record, filter) => {
            let extents = Extents {
                groups: 1,
                channels_out: case.output.dims[3] as usize,
                kernel_h: 1,
                kernel_w: 1,
                channels_in: case.inputs[0].dims[3] as usize,
            };
            let zero_point = case.inputs[0].quantization.zero_point;
            let (weights_offset, channels_offset) = store(builder, filter, extents, zero_point, false);
            bytes_of(&FullyConnected { weights_offset, channels_offset, ..*record }).to_vec()
        }
        Attributes::Addition(record) => bytes_of(record).to_vec(),
        Attributes::Multiplication(record) => bytes_of(record).to_vec(),
        Attributes::Pool(record) => bytes_of(record).to_vec(),
        Attributes::Concat(record) => bytes_of(record).to_vec(),
        Attributes::Pad(record) => bytes_of(record).to_vec(),
        Attributes::Softmax(record) => bytes_of(record).to_vec(),
        Attributes::Lookup(table) => {
            let table_offset = builder.weights(cast_slice(&table[..]));
            bytes_of(&Lookup { table_offset }).to_vec()
        }
        Attributes::Unary(record) => bytes_of(record).to_vec(),
        Attributes::Reduction(record) => bytes_of(record).to_vec(),
        Attributes::ResizeNearest(rows, columns) => {
            let (rows_offset, columns_offset) =
                (builder.weights(cast_slice(rows)), builder.weights(cast_slice(columns)));
            bytes_of(&ResizeNearest { rows_offset, columns_offset }).to_vec()
        }
        Attributes::Slice(record) => bytes_of(record).to_vec(),
        Attributes::Transpose(record) => bytes_of(record).to_vec(),
        Attributes::None => Vec::new(),
    }
}

/// Packs a filter into the weights section; returns the offsets of weights and channel blocks.
fn store(
    builder: &mut BlobBuilder,
    filter: &Filter,
    extents: Extents,
    input_zero_point: i32,
    depthwise: bool,
) -> (u32, u32) {
    // The channels of a depthwise convolution are packed as those of one group.
    let channels = extents.groups * extents.channels_out;
    let taps = extents.kernel_h * extents.kernel_w;
    let one_group = Extents { groups: 1, channels_out: channels, channels_in: 1, ..extents };
    let by_blocks = if depthwise { one_group } else { extents };
    match filter {
        Filter::Int8 { weights, bias, multiplier, shift } => {
            let packed = if depthwise {
                cast_slice(&packing::lines(channels, taps, weights)).to_vec()
            } else {
                cast_slice(&packing::cells(extents, weights)).to_vec()
            };
            let blocks =
                packing::channel_blocks(by_blocks, weights, bias, input_zero_point, multiplier, shift);
            (builder.weights(&packed), builder.weights(cast_slice(&blocks)))
        }
        Filter::Float32 { weights, bias } => {
            let packed = if depthwise {
                packing::lines(channels, taps, weights)
            } else {
                packing::rows(extents, weights)
            };
            let blocks = packing::float_channel_blocks(by_blocks, bias);
            (builder.weights(cast_slice(&packed)), builder.weights(cast_slice(&blocks)))
        }
    }
}
