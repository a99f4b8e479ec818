//! depthwise_conv2d.

use dunlin_runtime::format::Operator;

use super::convolution::Geometry;
use crate::graph::{Activation, DataType, Node};
use crate::pack::activation::clamp;
use crate::pack::channels::{self, Channel};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::packing;

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    geometry: Geometry,
    activation: Activation,
) -> Result<(), Refusal> {
    let (x, weights, bias) = (node.inputs[0], node.inputs[1], node.inputs[2]);
    let &[_, kernel_h, kernel_w, channels] = lowering.graph.shape(weights) else {
        return Err(Refusal::defect("its weights do not have rank 4"));
    };
    let (packed, blocks, quantization) = match lowering.same_type(node, &[x, weights])? {
        DataType::I8 => {
            let (input, output) = (lowering.affine(x)?, lowering.affine(node.output)?);
            let (values, scales) = lowering.weights_int8(weights, 3)?;
            let bias = lowering.bias_int8(bias)?;
            let requantization = (0..channels).zip(scales).zip(bias).map(|((channel, scale), &bias)| {
                let multiplier = Multiplier::of(channels::factor(input, scale, output)?)?;
                let taps = values.iter().skip(channel).step_by(channels).copied();
                Ok(Channel::new(taps, bias, input, multiplier))
            });
            let requantization = requantization.collect::<Result<Vec<_>, Refusal>>()?;
            let packed = lowering.weights.add_blocks(packing::lines(values, channels));
            (packed, lowering.weights.add_blocks(channels::blocks(&requantization, 1)), Some(output))
        }
        _ => {
            let values = lowering.constant_float32(weights)?;
            let bias = lowering.constant_float32(bias)?;
            let packed = lowering.weights.add_blocks(packing::lines(values, channels));
            (packed, lowering.weights.add_blocks(channels::blocks_float32(bias, 1)), None)
        }
    };
    let weight_bytes = packed.length + blocks.length;
    let offsets = [packed.offset, blocks.offset];
    let attributes =
        geometry.attributes([kernel_h, kernel_w], channels, clamp(activation, quantization), offsets);
    let (x, output) = (lowering.variable(x)?, lowering.define(node.output)?);
    lowering.push(Operator::DepthwiseConv2d, &[x], output, &attributes);
    let outputs = lowering.graph.tensor(node.output).element_count();
    lowering.cost(outputs as u64 * (kernel_h * kernel_w) as u64, weight_bytes);
    Ok(())
}
