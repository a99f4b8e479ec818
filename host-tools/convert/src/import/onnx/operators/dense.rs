//! `Gemm` and `MatMul` with constant weights: fully connected layers.

use tract_onnx::pb::NodeProto;

use super::arithmetic;
use crate::graph::{Activation, BinaryFunction, Operator};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};
use crate::import::onnx::weights::WeightValues;

/// Lowers `Gemm`: alpha · A′ · B′ + beta · C.
///
/// # Errors
/// If B is not constant.
pub fn lower_gemm(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let mut x = lowering.tensor(lowering.input(node, 0)?)?;
    if node.integer("transA")?.unwrap_or(0) != 0 {
        x = lowering.emit_transpose(&format!("{name}.transpose"), x, &[1, 0])?;
    }
    let (b, b_shape) = constant_weights(lowering, node)?;
    let [rows, columns] = b_shape[..] else {
        return Err(Refusal::malformed(format!("B must have rank 2, not {b_shape:?}")));
    };
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    let beta = node.float("beta")?.unwrap_or(1.0);
    let transposed = node.integer("transB")?.unwrap_or(0) != 0;
    let (outputs, inputs) = if transposed { (rows, columns) } else { (columns, rows) };
    let mut weights = if transposed { b.in_order(0..b.count()) } else { transpose(&b, rows, columns) };
    drop(b);
    for weight in &mut weights {
        *weight *= alpha;
    }

    // C joins the layer if it is the same for every row, else it is added behind.
    let mut bias = vec![0.0; outputs];
    let mut behind = None;
    if let Some(c) = lowering.optional_input(node, 2) {
        match lowering.floats(c) {
            Ok((values, shape))
                if values.len() == 1 || (values.len() == outputs && shape.last() == Some(&outputs)) =>
            {
                for (index, bias) in bias.iter_mut().enumerate() {
                    *bias = beta * values[index % values.len()];
                }
            }
            _ => behind = Some(lowering.tensor(c)?),
        }
    }
    let weights = lowering.graph.add_constant(format!("{name}.weights"), vec![outputs, inputs], weights);
    let bias = lowering.graph.add_constant(format!("{name}.bias"), vec![outputs], bias);
    let operator = Operator::FullyConnected { activation: Activation::None };
    let mut result = lowering.emit(&name, operator, vec![x, weights, bias])?;
    if let Some(mut c) = behind {
        if beta != 1.0 {
            let factor = lowering.graph.add_constant(format!("{name}.beta"), vec![1, 1], vec![beta]);
            c = arithmetic::emit(lowering, &format!("{name}.scale"), BinaryFunction::Mul, c, factor)?;
        }
        result = arithmetic::emit(lowering, &format!("{name}.add"), BinaryFunction::Add, result, c)?;
    }
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `MatMul` of an activation and a constant matrix.
///
/// # Errors
/// If the second operand is not a constant matrix.
pub fn lower_matmul(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let (b, b_shape) = constant_weights(lowering, node)?;
    let (inputs, outputs) = match b_shape[..] {
        [inputs] => (inputs, 1),
        [ref outer @ .., inputs, outputs] if outer.iter().all(|&extent| extent == 1) => (inputs, outputs),
        _ => {
            return Err(Refusal::unsupported(
                format!("the weights {b_shape:?} are a batch of matrices"),
                "use one matrix, or one layer for each matrix",
            ));
        }
    };
    let weights = transpose(&b, inputs, outputs);
    let weights = lowering.graph.add_constant(format!("{name}.weights"), vec![outputs, inputs], weights);
    let bias = lowering.graph.add_constant(format!("{name}.bias"), vec![outputs], vec![0.0; outputs]);
    let operator = Operator::FullyConnected { activation: Activation::None };
    let result = lowering.emit(&name, operator, vec![x, weights, bias])?;
    let shape = lowering.shape_of(&node.output[0])?;
    let result = lowering.emit_reshape(&format!("{name}.reshape"), result, shape)?;
    lowering.bind_output(node, result);
    Ok(())
}

fn constant_weights(
    lowering: &mut Lowering,
    node: &NodeProto,
) -> Result<(WeightValues, Vec<usize>), Refusal> {
    let b = lowering.input(node, 1)?;
    if !lowering.is_constant(b) {
        return Err(Refusal::unsupported(
            format!("`{b}` is computed, so this is the product of two activations"),
            "use a layer with constant weights; attention is not supported",
        ));
    }
    lowering.weights(b)
}

fn transpose(matrix: &WeightValues, rows: usize, columns: usize) -> Vec<f32> {
    matrix.in_order((0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column)))
}
