//! Element-wise functions of two operands, and the clamps that ONNX spells as such.

use tract_onnx::pb::NodeProto;

use crate::graph::{Activation, BinaryFunction, Operator, TensorId, UnaryFunction};
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};

/// Lowers `Add`, `Sub`, `Mul`, and the variadic `Sum`.
///
/// # Errors
/// If the operands do not broadcast.
pub fn lower(lowering: &mut Lowering, node: &NodeProto, function: BinaryFunction) -> Result<(), Refusal> {
    let name = node_name(node);
    let mut result = lowering.tensor(lowering.input(node, 0)?)?;
    for index in 1..node.input.len() {
        let operand = lowering.tensor(lowering.input(node, index)?)?;
        let name = if index == 1 { name.clone() } else { format!("{name}.{index}") };
        result = emit(lowering, &name, function, result, operand)?;
    }
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers the division by a constant as a multiplication by its reciprocal.
///
/// # Errors
/// If the divisor is computed or 0.
pub fn lower_div(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let divisor = lowering.input(node, 1)?;
    if lowering.constant(divisor).is_none() {
        return Err(Refusal::unsupported(
            format!("the divisor `{divisor}` is computed"),
            "divide by a constant, or multiply by a precomputed factor",
        ));
    }
    let (values, shape) = lowering.floats(divisor)?;
    if values.contains(&0.0) {
        return Err(Refusal::unsupported(
            format!("the divisor `{divisor}` holds 0"),
            "divide by something else",
        ));
    }
    let reciprocals = values.iter().map(|value| 1.0 / value).collect();
    let reciprocal = lowering.graph.add_constant(format!("{name}.reciprocal"), shape, reciprocals);
    let result = emit(lowering, &name, BinaryFunction::Mul, x, reciprocal)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Pow` with the exponents that are other operators in disguise.
///
/// # Errors
/// If the exponent is none of ½, 1, 2 and 3.
pub fn lower_pow(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let exponent = lowering.scalar(lowering.input(node, 1)?)?;
    let result = if exponent == 0.5 {
        lowering.emit_unary(&name, UnaryFunction::Sqrt, x)?
    } else if exponent == 1.0 {
        x
    } else if exponent == 2.0 {
        emit(lowering, &name, BinaryFunction::Mul, x, x)?
    } else if exponent == 3.0 {
        let square = emit(lowering, &format!("{name}.square"), BinaryFunction::Mul, x, x)?;
        emit(lowering, &name, BinaryFunction::Mul, square, x)?
    } else {
        return Err(Refusal::unsupported(
            format!("the exponent is {exponent}"),
            "use one of the exponents 0.5, 1, 2 and 3",
        ));
    };
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Min` and `Max` with a constant number as clamps.
///
/// # Errors
/// If two computed operands are compared.
pub fn lower_extremum(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let unsupported = || {
        Refusal::unsupported(
            "two computed tensors, or a tensor and a constant of several values, are compared",
            "compare with one constant number",
        )
    };
    let operands = [lowering.input(node, 0)?, lowering.input(node, 1)?];
    if node.input.len() != 2 {
        return Err(unsupported());
    }
    let is_bound = |name: &str| lowering.constant(name).is_some_and(|constant| constant.len() == 1);
    let (x, bound) = match operands {
        [x, bound] if is_bound(bound) => (x, bound),
        [bound, x] if is_bound(bound) => (x, bound),
        _ => return Err(unsupported()),
    };
    let bound = lowering.scalar(bound)?;
    let x = lowering.tensor(x)?;
    let function = if node.op_type == "Max" {
        UnaryFunction::Clip { min: bound, max: f32::INFINITY }
    } else {
        UnaryFunction::Clip { min: f32::NEG_INFINITY, max: bound }
    };
    let result = lowering.emit_unary(&node_name(node), function, x)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Expand` of an activation: adding zeros broadcasts.
///
/// # Errors
/// If the shapes do not broadcast.
pub fn lower_expand(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.check_activation(&node.output[0])?;
    let result = if lowering.shape(x) == shape {
        x
    } else {
        let count = shape.iter().product();
        let zeros = lowering.graph.add_constant(format!("{name}.zeros"), shape, vec![0.0; count]);
        emit(lowering, &name, BinaryFunction::Add, x, zeros)?
    };
    lowering.bind_output(node, result);
    Ok(())
}

/// Appends a function of two operands; the one of lower rank gets leading axes of extent 1.
///
/// # Errors
/// If the operands do not broadcast.
pub fn emit(
    lowering: &mut Lowering,
    name: &str,
    function: BinaryFunction,
    a: TensorId,
    b: TensorId,
) -> Result<TensorId, Refusal> {
    let rank = lowering.shape(a).len().max(lowering.shape(b).len());
    let a = lift(lowering, name, a, rank)?;
    let b = lift(lowering, name, b, rank)?;
    lowering.emit(name, Operator::Binary { function, activation: Activation::None }, vec![a, b])
}

fn lift(lowering: &mut Lowering, name: &str, x: TensorId, rank: usize) -> Result<TensorId, Refusal> {
    let shape = lowering.shape(x);
    let lifted = [vec![1; rank - shape.len()], shape].concat();
    if let (true, Some(values)) = (lifted.len() != lowering.shape(x).len(), lowering.graph.float_constant(x))
    {
        let values = values.to_vec();
        let name = lowering.graph.tensor(x).name.clone();
        return Ok(lowering.graph.add_constant(name, lifted, values));
    }
    lowering.emit_reshape(&format!("{name}.lift"), x, lifted)
}
