//! conv2d, also 1-D and grouped.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::{Clamp, Convolution};

use crate::graph::{Activation, DataType, Node, Padding};
use crate::pack::activation::clamp;
use crate::pack::channels::{self, Channel};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::packing::{self, Kernel};

/// How a kernel slides over an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: Padding,
}

impl Geometry {
    /// The attributes of a layer whose weights and channel blocks start at `offsets`.
    pub fn attributes(
        self,
        kernel: [usize; 2],
        groups: usize,
        clamp: Clamp,
        [weights_offset, channels_offset]: [u32; 2],
    ) -> Convolution {
        Convolution {
            kernel_h: kernel[0] as u32,
            kernel_w: kernel[1] as u32,
            stride_h: self.stride[0] as u32,
            stride_w: self.stride[1] as u32,
            dilation_h: self.dilation[0] as u32,
            dilation_w: self.dilation[1] as u32,
            padding_top: self.padding.top as u32,
            padding_left: self.padding.left as u32,
            groups: groups as u32,
            clamp,
            weights_offset,
            channels_offset,
        }
    }
}

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    geometry: Geometry,
    groups: usize,
    activation: Activation,
) -> Result<(), Refusal> {
    let (x, weights, bias) = (node.inputs[0], node.inputs[1], node.inputs[2]);
    let &[channels, kernel_h, kernel_w, channels_in] = lowering.graph.shape(weights) else {
        return Err(Refusal::defect("its weights do not have rank 4"));
    };
    let length = kernel_h * kernel_w * channels_in;
    let kernel = Kernel { groups, channels, rows: kernel_h, row: kernel_w * channels_in };
    let (packed, blocks, quantization) = match lowering.same_type(node, &[x, weights])? {
        DataType::I8 => {
            let (input, output) = (lowering.affine(x)?, lowering.affine(node.output)?);
            let (values, scales) = lowering.weights_int8(weights, 0)?;
            let rows = values.chunks_exact(length).zip(scales).zip(lowering.bias_int8(bias)?);
            let requantization = rows.map(|((row, scale), &bias)| {
                let multiplier = Multiplier::of(channels::factor(input, scale, output)?)?;
                Ok(Channel::new(row.iter().copied(), bias, input, multiplier))
            });
            let requantization = requantization.collect::<Result<Vec<_>, Refusal>>()?;
            let packed = lowering.weights.add_blocks(packing::cells(values, kernel));
            (packed, lowering.weights.add_blocks(channels::blocks(&requantization, groups)), Some(output))
        }
        _ => {
            let values = lowering.constant_float32(weights)?;
            let bias = lowering.constant_float32(bias)?;
            let packed = lowering.weights.add_blocks(packing::rows_float32(values, kernel));
            (packed, lowering.weights.add_blocks(channels::blocks_float32(bias, groups)), None)
        }
    };
    let weight_bytes = packed.length + blocks.length;
    let offsets = [packed.offset, blocks.offset];
    let attributes =
        geometry.attributes([kernel_h, kernel_w], groups, clamp(activation, quantization), offsets);
    let (x, output) = (lowering.variable(x)?, lowering.define(node.output)?);
    lowering.push(Operator::Conv2d, &[x], output, &attributes);
    let outputs = lowering.graph.tensor(node.output).element_count();
    lowering.cost(outputs as u64 * length as u64, weight_bytes);
    Ok(())
}
