//! fully_connected.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::FullyConnected;

use crate::graph::{Activation, DataType, Node};
use crate::pack::activation::{bounds_int8, clamp};
use crate::pack::channels::{self, Channel};
use crate::pack::error::Refusal;
use crate::pack::exact_multiplier::{self, Range};
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::packing::{self, Kernel};
use crate::pack::view::Affine;

pub(super) fn lower(lowering: &mut Lowering, node: &Node, activation: Activation) -> Result<(), Refusal> {
    let (x, weights, bias) = (node.inputs[0], node.inputs[1], node.inputs[2]);
    let &[outputs, inputs] = lowering.graph.shape(weights) else {
        return Err(Refusal::defect("its weights do not have rank 2"));
    };
    let kernel = Kernel { groups: 1, channels: outputs, rows: 1, row: inputs };
    let (packed, blocks, quantization) = match lowering.same_type(node, &[x, weights])? {
        DataType::I8 => {
            let (input, output) = (lowering.affine(x)?, lowering.affine(node.output)?);
            let (values, scales) = lowering.weights_int8(weights, 0)?;
            let bounds = bounds_int8(activation.bounds(), output);
            let mut inexact = 0;
            let rows = values.chunks_exact(inputs).zip(scales).zip(lowering.bias_int8(bias)?);
            let requantization = rows.map(|((row, scale), &bias)| {
                let factor = channels::factor(input, scale, output)?;
                let nearest = Multiplier::of(factor)?;
                let exact = exact_multiplier::exact(nearest, factor, range(row, bias, input, output, bounds));
                inexact += usize::from(exact.is_none());
                Ok(Channel::new(row.iter().copied(), bias, input, exact.unwrap_or(nearest)))
            });
            let requantization = requantization.collect::<Result<Vec<_>, Refusal>>()?;
            if inexact > 0 {
                lowering.note(format!(
                    "no multiplier of {inexact} of {outputs} channels rounds all sums as LiteRT does; outputs next to a tie may differ"
                ));
            }
            let packed = lowering.weights.add_blocks(packing::cells(values, kernel));
            (packed, lowering.weights.add_blocks(channels::blocks(&requantization, 1)), Some(output))
        }
        _ => {
            let values = lowering.constant_float32(weights)?;
            let bias = lowering.constant_float32(bias)?;
            let packed = lowering.weights.add_blocks(packing::rows_float32(values, kernel));
            (packed, lowering.weights.add_blocks(channels::blocks_float32(bias, 1)), None)
        }
    };
    let weight_bytes = packed.length + blocks.length;
    let attributes = FullyConnected {
        clamp: clamp(activation, quantization),
        weights_offset: packed.offset,
        channels_offset: blocks.offset,
    };
    let (x, output) = (lowering.variable(x)?, lowering.define(node.output)?);
    lowering.push(Operator::FullyConnected, &[x], output, &attributes);
    let elements = lowering.graph.tensor(node.output).element_count();
    lowering.cost(elements as u64 * inputs as u64, weight_bytes);
    Ok(())
}

/// The sums that a channel can reach with any int8 input, and the outputs that it can show.
fn range(weights: &[i8], bias: i32, input: Affine, output: Affine, (low, high): (i32, i32)) -> Range {
    let (lowest, highest) = (-128 - i64::from(input.zero_point), 127 - i64::from(input.zero_point));
    let (mut least_sum, mut greatest_sum) = (i64::from(bias), i64::from(bias));
    for &weight in weights {
        let ends = [i64::from(weight) * lowest, i64::from(weight) * highest];
        least_sum += ends[0].min(ends[1]);
        greatest_sum += ends[0].max(ends[1]);
    }
    Range { least_sum, greatest_sum, low: low - output.zero_point, high: high - output.zero_point }
}
