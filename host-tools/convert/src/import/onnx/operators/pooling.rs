//! `AveragePool`, `MaxPool` and their global forms.

use tract_onnx::pb::NodeProto;

use super::window::Window;
use crate::graph::{Activation, Operator, TensorId};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};

/// Lowers `AveragePool`.
///
/// # Errors
/// If the window is dilated, or the mean over a window that overhangs in `ceil_mode` counts padding.
pub fn lower_average(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let (x, window) = read(lowering, node)?;
    let count_include_pad = node.integer("count_include_pad")?.unwrap_or(0) != 0;
    if count_include_pad && window.overhangs {
        return Err(Refusal::unsupported(
            "ceil_mode with count_include_pad divides by a number of pixels that differs at the border",
            "set ceil_mode or count_include_pad to false",
        ));
    }
    let Window { kernel, stride, padding, .. } = window;
    let activation = Activation::None;
    let operator = Operator::AveragePool2d { kernel, stride, padding, count_include_pad, activation };
    surround(lowering, node, x, operator)
}

/// Lowers `MaxPool`.
///
/// # Errors
/// If the window is dilated or the indices are asked for.
pub fn lower_max(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let (x, window) = read(lowering, node)?;
    if node.output.get(1).is_some_and(|output| !output.is_empty()) {
        return Err(Refusal::unsupported(
            "the indices of the maxima are asked for",
            "use only the first output",
        ));
    }
    let Window { kernel, stride, padding, .. } = window;
    surround(lowering, node, x, Operator::MaxPool2d { kernel, stride, padding, activation: Activation::None })
}

/// Lowers `GlobalAveragePool` as a mean over the spatial axes.
///
/// # Errors
/// If there are no spatial axes.
pub fn lower_global_average(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let rank = lowering.shape(x).len();
    if rank < 3 {
        return Err(Refusal::malformed("there are no spatial axes"));
    }
    let operator = Operator::Mean { axes: (2..rank).collect(), keep_dims: true };
    let result = lowering.emit(&node_name(node), operator, vec![x])?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `GlobalMaxPool` as one window over the whole image.
///
/// # Errors
/// If there are three spatial axes or none.
pub fn lower_global_max(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let kernel = match lowering.shape(x)[..] {
        [_, _, w] => [1, w],
        [_, _, h, w] => [h, w],
        _ => return Err(Refusal::malformed("there must be one or two spatial axes")),
    };
    let operator = Operator::MaxPool2d {
        kernel,
        stride: [1, 1],
        padding: Default::default(),
        activation: Activation::None,
    };
    surround(lowering, node, x, operator)
}

fn read(lowering: &mut Lowering, node: &NodeProto) -> Result<(TensorId, Window), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let kernel =
        node.size_list("kernel_shape")?.ok_or_else(|| Refusal::malformed("kernel_shape is missing"))?;
    if shape.len() < 3 || kernel.len() != shape.len() - 2 {
        return Err(Refusal::malformed(format!("kernel {kernel:?} on {shape:?}")));
    }
    let window = Window::read(node, &kernel, &shape[2..])?;
    if window.dilation != [1, 1] {
        return Err(Refusal::unsupported("the pooling window is dilated", "use a pooling without dilation"));
    }
    Ok((x, window))
}

fn surround(
    lowering: &mut Lowering,
    node: &NodeProto,
    x: TensorId,
    operator: Operator,
) -> Result<(), Refusal> {
    let name = node_name(node);
    let rank = lowering.shape(x).len();
    let image = lowering.channels_last(&name, x)?;
    let result = lowering.emit(&name, operator, vec![image])?;
    let result = lowering.channels_first(&name, result, rank)?;
    lowering.bind_output(node, result);
    Ok(())
}
