//! Functions of one element: `unary` for float32, `lookup` for int8.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::{Unary, UnaryFunction as Number};

use super::{lookup, unary_table};
use crate::graph::{DataType, Node, UnaryFunction};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;

pub(super) fn lower(lowering: &mut Lowering, node: &Node, function: UnaryFunction) -> Result<(), Refusal> {
    let x = node.inputs[0];
    let data_type = lowering.same_type(node, &node.inputs)?;
    let input = lowering.variable(x)?;
    if data_type == DataType::I8 {
        let table = unary_table::table(function, lowering.affine(x)?, lowering.affine(node.output)?)?;
        let output = lowering.define(node.output)?;
        lookup::push(lowering, input, output, &table);
        return Ok(());
    }
    let (function, a, b) = match function {
        UnaryFunction::Relu => (Number::Clip, 0.0, f32::INFINITY),
        UnaryFunction::Clip { min, max } => (Number::Clip, min, max),
        UnaryFunction::LeakyRelu { alpha } => (Number::LeakyRelu, alpha, 0.0),
        UnaryFunction::Elu { alpha } => (Number::Elu, alpha, 0.0),
        UnaryFunction::Sigmoid => (Number::Sigmoid, 0.0, 0.0),
        UnaryFunction::Tanh => (Number::Tanh, 0.0, 0.0),
        UnaryFunction::HardSwish => (Number::HardSwish, 0.0, 0.0),
        UnaryFunction::HardSigmoid { alpha, beta } => (Number::HardSigmoid, alpha, beta),
        UnaryFunction::Exp => (Number::Exp, 0.0, 0.0),
        UnaryFunction::Log => (Number::Log, 0.0, 0.0),
        UnaryFunction::Sqrt => (Number::Sqrt, 0.0, 0.0),
        UnaryFunction::Abs => (Number::Abs, 0.0, 0.0),
        UnaryFunction::Neg => (Number::Neg, 0.0, 0.0),
    };
    let output = lowering.define(node.output)?;
    lowering.push(Operator::Unary, &[input], output, &Unary { function: function as u32, a, b });
    Ok(())
}
