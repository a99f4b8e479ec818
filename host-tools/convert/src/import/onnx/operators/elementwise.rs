//! Element-wise functions of one operand.

use tract_onnx::pb::NodeProto;

use super::arithmetic;
use crate::graph::{BinaryFunction, UnaryFunction};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};

/// Lowers a function without parameters.
///
/// # Errors
/// If the input is missing.
pub fn lower(lowering: &mut Lowering, node: &NodeProto, function: UnaryFunction) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let result = lowering.emit_unary(&node_name(node), function, x)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Clip`, whose bounds are attributes before operator set 11 and inputs from then on.
///
/// # Errors
/// If a bound is computed.
pub fn lower_clip(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let bound = |index: usize, attribute: &str| match lowering.optional_input(node, index) {
        Some(name) => lowering.scalar(name).map(Some),
        None => node.float(attribute),
    };
    let min = bound(1, "min")?.filter(|&min| min > f32::MIN).unwrap_or(f32::NEG_INFINITY);
    let max = bound(2, "max")?.filter(|&max| max < f32::MAX).unwrap_or(f32::INFINITY);
    if min.is_nan() || max.is_nan() || min > max {
        return Err(Refusal::malformed(format!("bounds {min} and {max}")));
    }
    lower(lowering, node, UnaryFunction::Clip { min, max })
}

/// Lowers `LeakyRelu`.
///
/// # Errors
/// If the attribute has another type.
pub fn lower_leaky_relu(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let alpha = node.float("alpha")?.unwrap_or(0.01);
    lower(lowering, node, UnaryFunction::LeakyRelu { alpha })
}

/// Lowers `Elu`.
///
/// # Errors
/// If the attribute has another type.
pub fn lower_elu(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    lower(lowering, node, UnaryFunction::Elu { alpha })
}

/// Lowers `HardSigmoid`.
///
/// # Errors
/// If an attribute has another type.
pub fn lower_hard_sigmoid(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let alpha = node.float("alpha")?.unwrap_or(0.2);
    let beta = node.float("beta")?.unwrap_or(0.5);
    lower(lowering, node, UnaryFunction::HardSigmoid { alpha, beta })
}

/// Lowers `PRelu`: a leaky relu where all slopes are equal, else max(x, 0) + slope · min(x, 0).
///
/// # Errors
/// If the slopes are computed.
pub fn lower_prelu(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let (slopes, mut shape) = lowering.floats(lowering.input(node, 1)?)?;
    if let Some(&alpha) = slopes.first()
        && slopes.iter().all(|&slope| slope == alpha)
    {
        return lower(lowering, node, UnaryFunction::LeakyRelu { alpha });
    }
    // The slopes broadcast to the channels, which come second, in files of old exporters without trailing axes.
    let x_shape = lowering.shape(x);
    if shape.len() == 1 && x_shape.len() > 2 && x_shape[1] == shape[0] {
        shape.resize(x_shape.len() - 1, 1);
    }
    let slopes = lowering.graph.add_constant(format!("{name}.slopes"), shape, slopes);
    let positive = lowering.emit_unary(&format!("{name}.positive"), UnaryFunction::Relu, x)?;
    let clip = UnaryFunction::Clip { min: f32::NEG_INFINITY, max: 0.0 };
    let negative = lowering.emit_unary(&format!("{name}.negative"), clip, x)?;
    let scaled =
        arithmetic::emit(lowering, &format!("{name}.scaled"), BinaryFunction::Mul, negative, slopes)?;
    let result = arithmetic::emit(lowering, &name, BinaryFunction::Add, positive, scaled)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Swish` (x · sigmoid(alpha · x)).
///
/// # Errors
/// If alpha is not 1.
pub fn lower_swish(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    if node.float("alpha")?.unwrap_or(1.0) != 1.0 {
        return Err(Refusal::unsupported("alpha is not 1", "use alpha = 1"));
    }
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let gate = lowering.emit_unary(&format!("{name}.sigmoid"), UnaryFunction::Sigmoid, x)?;
    let result = arithmetic::emit(lowering, &name, BinaryFunction::Mul, x, gate)?;
    lowering.bind_output(node, result);
    Ok(())
}
