//! `Conv`: one- and two-dimensional, grouped, depthwise.

use tract_onnx::pb::NodeProto;

use super::window::Window;
use crate::graph::{Activation, Operator};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};

/// Lowers `Conv`, surrounded by the change of layout that NHWC needs.
///
/// # Errors
/// If the weights are not constant or there are three spatial axes.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let x_shape = lowering.shape(x);
    let (weights, weight_shape) = lowering.weights(lowering.input(node, 1)?)?;
    if weight_shape.len() < 3 || x_shape.len() != weight_shape.len() {
        return Err(Refusal::malformed(format!("weights {weight_shape:?} on {x_shape:?}")));
    }
    let (cout, per_group) = (weight_shape[0], weight_shape[1]);
    let window = Window::read(node, &weight_shape[2..], &x_shape[2..])?;
    let Window { kernel: [kh, kw], stride, dilation, padding, .. } = window;
    let groups = usize::try_from(node.integer("group")?.unwrap_or(1))
        .ok()
        .filter(|&groups| groups > 0)
        .ok_or_else(|| Refusal::malformed("group must be at least 1"))?;
    let bias = match lowering.optional_input(node, 2) {
        Some(bias) => lowering.floats(bias)?.0,
        None => vec![0.0; cout],
    };
    if bias.len() != cout || x_shape[1] != per_group * groups || cout % groups != 0 {
        return Err(Refusal::malformed(format!(
            "weights {weight_shape:?} and {} biases in {groups} groups on {x_shape:?}",
            bias.len()
        )));
    }
    let bias = lowering.graph.add_constant(format!("{name}.bias"), vec![cout], bias);
    let activation = Activation::None;
    let taps = kh * kw;
    let depthwise = groups > 1 && per_group == 1 && cout == groups;
    let (operator, weights) = if depthwise {
        let indices = (0..taps).flat_map(|tap| (0..cout).map(move |channel| channel * taps + tap));
        let tap_major = weights.in_order(indices);
        let weights =
            lowering.graph.add_constant(format!("{name}.weights"), vec![1, kh, kw, cout], tap_major);
        (Operator::DepthwiseConv2d { stride, dilation, padding, activation }, weights)
    } else {
        let filter = per_group * taps;
        let starts = (0..cout).flat_map(|output| (0..taps).map(move |tap| output * filter + tap));
        let indices = starts.flat_map(|start| (0..per_group).map(move |channel| start + channel * taps));
        let channels_last = weights.in_order(indices);
        let shape = vec![cout, kh, kw, per_group];
        let weights = lowering.graph.add_constant(format!("{name}.weights"), shape, channels_last);
        (Operator::Conv2d { stride, dilation, padding, groups, activation }, weights)
    };
    let image = lowering.channels_last(&name, x)?;
    let result = lowering.emit(&name, operator, vec![image, weights, bias])?;
    let result = lowering.channels_first(&name, result, x_shape.len())?;
    lowering.bind_output(node, result);
    Ok(())
}
