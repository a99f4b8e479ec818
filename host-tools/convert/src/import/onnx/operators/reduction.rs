//! `ReduceMean`, `ReduceSum` and `ReduceMax`.

use tract_onnx::pb::NodeProto;

use crate::graph::{Activation, Operator};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, axis_of_rank, node_name};

/// Lowers a reduction; the axes are an attribute or, in newer operator sets, an input.
///
/// # Errors
/// If the axes are computed, or a maximum goes over other than the spatial axes.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let listed = match lowering.optional_input(node, 1) {
        Some(axes) => Some(lowering.integers(axes)?),
        None => node.integer_list("axes")?,
    };
    let mut axes = match listed {
        Some(list) if !list.is_empty() => {
            list.iter().map(|&axis| axis_of_rank(axis, shape.len())).collect::<Result<Vec<_>, _>>()?
        }
        _ if node.integer("noop_with_empty_axes")?.unwrap_or(0) != 0 => {
            lowering.bind_output(node, x);
            return Ok(());
        }
        _ => (0..shape.len()).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    let keep_dims = node.integer("keepdims")?.unwrap_or(1) != 0;
    let result = match node.op_type.as_str() {
        "ReduceMean" => lowering.emit(&name, Operator::Mean { axes, keep_dims }, vec![x])?,
        "ReduceSum" => lowering.emit(&name, Operator::Sum { axes, keep_dims }, vec![x])?,
        _ => {
            let output = lowering.shape_of(&node.output[0])?;
            let image = match (axes.as_slice(), shape.len()) {
                ([2, 3], 4) | ([2], 3) => lowering.channels_last(&name, x)?,
                ([1, 2], 4) => x,
                _ => {
                    return Err(Refusal::unsupported(
                        format!("the maximum goes over the axes {axes:?} of {shape:?}"),
                        "take the maximum over the rows and columns of an image",
                    ));
                }
            };
            let (h, w) = (lowering.shape(image)[1], lowering.shape(image)[2]);
            let operator = Operator::MaxPool2d {
                kernel: [h, w],
                stride: [1, 1],
                padding: Default::default(),
                activation: Activation::None,
            };
            let result = lowering.emit(&name, operator, vec![image])?;
            lowering.emit_reshape(&format!("{name}.squeeze"), result, output)?
        }
    };
    lowering.bind_output(node, result);
    Ok(())
}
