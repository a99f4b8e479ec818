//! Computes what depends on constants only.

use super::layout::axis_map::AxisMap;
use crate::graph::{BinaryFunction, Constant, Graph, Node, Operator, UnaryFunction};

/// Replaces nodes of constant operands by constants. Returns how many.
///
/// The importer leaves little to do, as tract computes most constants; what is left are layout changes and arithmetic
/// of constants that other passes made.
pub fn run(graph: &mut Graph) -> usize {
    let mut folded = 0;
    let mut index = 0;
    while index < graph.nodes.len() {
        match evaluate(graph, &graph.nodes[index]) {
            Some(values) => {
                let node = graph.nodes.remove(index);
                graph.tensor_mut(node.output).constant = Some(Constant::floats(values));
                folded += 1;
            }
            None => index += 1,
        }
    }
    folded
}

fn evaluate(graph: &Graph, node: &Node) -> Option<Vec<f32>> {
    let x = graph.float_constant(node.inputs[0])?;
    let mut values = match &node.operator {
        Operator::Reshape => x.to_vec(),
        Operator::Transpose { permutation } => {
            AxisMap::permutation(permutation).apply_to_values(x, graph.shape(node.inputs[0]))
        }
        Operator::Unary { function } => {
            let function = function_of(*function)?;
            x.iter().map(|&x| function(x)).collect()
        }
        Operator::Binary { function, .. } => {
            let other = graph.float_constant(node.inputs[1])?;
            let shape = graph.shape(node.output);
            let a = broadcast_to(x, graph.shape(node.inputs[0]), shape);
            let b = broadcast_to(other, graph.shape(node.inputs[1]), shape);
            let apply = |(&a, &b): (&f32, &f32)| match function {
                BinaryFunction::Add => a + b,
                BinaryFunction::Sub => a - b,
                BinaryFunction::Mul => a * b,
            };
            a.iter().zip(&b).map(apply).collect()
        }
        _ => return None,
    };
    if let Some(activation) = node.operator.activation() {
        for value in &mut values {
            *value = activation.apply(*value);
        }
    }
    Some(values)
}

fn function_of(function: UnaryFunction) -> Option<fn(f32) -> f32> {
    // Only functions that give the same result on every machine.
    match function {
        UnaryFunction::Relu => Some(|x| x.max(0.0)),
        UnaryFunction::Sqrt => Some(f32::sqrt),
        UnaryFunction::Abs => Some(f32::abs),
        UnaryFunction::Neg => Some(|x| -x),
        _ => None,
    }
}

/// The values of a tensor, repeated along the axes where it has extent 1 and `shape` has not.
pub fn broadcast_to(values: &[f32], from: &[usize], shape: &[usize]) -> Vec<f32> {
    let missing = shape.len() - from.len();
    let mut positions = vec![0usize];
    for (axis, &extent) in shape.iter().enumerate() {
        let own = if axis < missing { 1 } else { from[axis - missing] };
        let steps =
            |&position: &usize| (0..extent).map(move |step| position * own + if own == 1 { 0 } else { step });
        positions = positions.iter().flat_map(steps).collect();
    }
    positions.into_iter().map(|position| values[position]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append, append_binary, graph_with_input};

    #[test]
    fn constants_are_computed_and_activations_stay() {
        let (mut graph, input) = graph_with_input(&[2, 3]);
        let matrix = graph.add_constant("matrix", vec![3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let transposed = append(&mut graph, Operator::Transpose { permutation: vec![1, 0] }, &[matrix]);
        let shifted = append_binary(&mut graph, BinaryFunction::Add, transposed, &[2, 1], &[10.0, 20.0]);
        let function = BinaryFunction::Mul;
        let operator = Operator::Binary { function, activation: Default::default() };
        let output = append(&mut graph, operator, &[input, shifted]);
        graph.outputs.push(output);
        assert_eq!(run(&mut graph), 2);
        assert_eq!(graph.float_constant(shifted).unwrap(), [11.0, 13.0, 15.0, 22.0, 24.0, 26.0]);
        assert_eq!(graph.nodes.len(), 1);
        graph.validate().unwrap();
    }
}
