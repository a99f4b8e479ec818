//! How each operator of the graph becomes steps of the program, one file for each family.

mod arithmetic;
mod concat;
mod convolution;
mod depthwise;
mod fully_connected;
mod lookup;
mod pad;
mod pooling;
mod quantization;
mod reduction;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod transpose;
mod unary;
mod unary_table;

use super::error::Refusal;
use super::lowering::Lowering;
use crate::graph::{Node, Operator};

/// Adds the steps of a node.
///
/// # Errors
/// If the runtime cannot execute the node.
pub(super) fn lower(lowering: &mut Lowering, node: &Node) -> Result<(), Refusal> {
    match &node.operator {
        Operator::Conv2d { stride, dilation, padding, groups, activation } => {
            let geometry = convolution::Geometry { stride: *stride, dilation: *dilation, padding: *padding };
            convolution::lower(lowering, node, geometry, *groups, *activation)
        }
        Operator::DepthwiseConv2d { stride, dilation, padding, activation } => {
            let geometry = convolution::Geometry { stride: *stride, dilation: *dilation, padding: *padding };
            depthwise::lower(lowering, node, geometry, *activation)
        }
        Operator::FullyConnected { activation } => fully_connected::lower(lowering, node, *activation),
        Operator::Binary { function, activation } => {
            arithmetic::lower(lowering, node, *function, *activation)
        }
        Operator::Unary { function } => unary::lower(lowering, node, *function),
        Operator::AveragePool2d { kernel, stride, padding, count_include_pad, activation } => {
            let window = pooling::Window { kernel: *kernel, stride: *stride, padding: *padding };
            pooling::lower_average(lowering, node, window, *count_include_pad, *activation)
        }
        Operator::MaxPool2d { kernel, stride, padding, activation } => {
            let window = pooling::Window { kernel: *kernel, stride: *stride, padding: *padding };
            pooling::lower_max(lowering, node, window, *activation)
        }
        Operator::Concat { axis } => concat::lower(lowering, node, *axis),
        Operator::Reshape => reshape::lower(lowering, node),
        Operator::Transpose { permutation } => transpose::lower(lowering, node, permutation),
        Operator::Pad { before, value, .. } => pad::lower(lowering, node, before, *value),
        Operator::Softmax { beta } => softmax::lower(lowering, node, *beta),
        Operator::Mean { axes, .. } => reduction::lower_mean(lowering, node, axes),
        Operator::Sum { axes, .. } => reduction::lower_sum(lowering, node, axes),
        Operator::ResizeNearest { source_rows, source_columns } => {
            resize::lower(lowering, node, source_rows, source_columns)
        }
        Operator::Slice { starts, strides } => slice::lower(lowering, node, starts, strides),
        Operator::Quantize => quantization::lower_quantize(lowering, node),
        Operator::Dequantize => quantization::lower_dequantize(lowering, node),
    }
}
