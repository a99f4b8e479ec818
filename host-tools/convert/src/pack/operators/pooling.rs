//! average_pool2d and max_pool2d.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Pool;

use super::lookup::requantized;
use crate::graph::{Activation, Node, Padding};
use crate::pack::activation::clamp;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;

/// How a window slides over an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
}

pub(super) fn lower_average(
    lowering: &mut Lowering,
    node: &Node,
    window: Window,
    count_padding: bool,
    activation: Activation,
) -> Result<(), Refusal> {
    lower(lowering, node, Operator::AveragePool2d, window, count_padding, activation)
}

pub(super) fn lower_max(
    lowering: &mut Lowering,
    node: &Node,
    window: Window,
    activation: Activation,
) -> Result<(), Refusal> {
    lower(lowering, node, Operator::MaxPool2d, window, false, activation)
}

fn lower(
    lowering: &mut Lowering,
    node: &Node,
    operator: Operator,
    Window { kernel, stride, padding }: Window,
    count_padding: bool,
    activation: Activation,
) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let x = requantized(lowering, x, quantization)?;
    let attributes = Pool {
        kernel_h: kernel[0] as u32,
        kernel_w: kernel[1] as u32,
        stride_h: stride[0] as u32,
        stride_w: stride[1] as u32,
        padding_top: padding.top as u32,
        padding_left: padding.left as u32,
        clamp: clamp(activation, quantization),
        count_padding: count_padding.into(),
    };
    lowering.push(operator, &[x], output, &attributes);
    Ok(())
}
