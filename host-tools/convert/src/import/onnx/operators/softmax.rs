//! `Softmax` and `LogSoftmax`.

use tract_onnx::pb::NodeProto;

use crate::graph::{Operator, UnaryFunction};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, axis_of_rank, node_name};

/// Lowers `Softmax` and `LogSoftmax`. Before operator set 13 all axes from the named one on are normalised together,
/// from then on the named axis alone.
///
/// # Errors
/// If there is no such axis.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let together = lowering.opset < 13;
    let axis = axis_of_rank(node.integer("axis")?.unwrap_or(if together { 1 } else { -1 }), shape.len())?;
    let operator = Operator::Softmax { beta: 1.0 };
    let last = shape.len() - 1;
    let mut result = if axis == last {
        lowering.emit(&name, operator, vec![x])?
    } else if together {
        let outer = shape[..axis].iter().product();
        let inner = shape[axis..].iter().product();
        let flat = lowering.emit_reshape(&format!("{name}.flatten"), x, vec![outer, inner])?;
        let result = lowering.emit(&name, operator, vec![flat])?;
        lowering.emit_reshape(&format!("{name}.unflatten"), result, shape)?
    } else {
        // The other axes keep their order, so that the change of layout around it can cancel.
        let mut to_last: Vec<usize> = (0..shape.len()).filter(|&other| other != axis).collect();
        to_last.push(axis);
        let mut back = vec![0; shape.len()];
        for (to, &from) in to_last.iter().enumerate() {
            back[from] = to;
        }
        let moved = lowering.emit_transpose(&format!("{name}.to_last"), x, &to_last)?;
        let result = lowering.emit(&name, operator, vec![moved])?;
        lowering.emit_transpose(&format!("{name}.back"), result, &back)?
    };
    if node.op_type == "LogSoftmax" {
        result = lowering.emit_unary(&format!("{name}.log"), UnaryFunction::Log, result)?;
    }
    lowering.bind_output(node, result);
    Ok(())
}
