//! Removes nodes that change nothing: x + 0, x · 1, pooling of single pixels, padding by nothing.

use crate::graph::{Activation, BinaryFunction, Graph, Node, Operator, UnaryFunction};

/// Removes nodes that change nothing. Returns how many.
pub fn run(graph: &mut Graph) -> usize {
    let mut removed = 0;
    for index in 0..graph.nodes.len() {
        let node = graph.nodes[index].clone();
        let input = node.inputs[0];
        let is_output = graph.outputs.contains(&node.output);
        if !is_identity(graph, &node) || graph.shape(input) != graph.shape(node.output) {
            continue;
        }
        // An output must stay something that a node computes, and no two outputs may become one.
        let taken = graph.inputs.contains(&input) || graph.outputs.contains(&input);
        let unread = graph.consumers(node.output).is_empty() && !is_output;
        if unread || (is_output && (taken || graph.tensor(input).is_constant())) {
            continue;
        }
        graph.replace_uses(node.output, input);
        removed += 1;
    }
    graph.remove_dead();
    removed
}

fn is_identity(graph: &Graph, node: &Node) -> bool {
    if node.operator.activation().is_some_and(|activation| activation != Activation::None) {
        return false;
    }
    match &node.operator {
        Operator::Binary { function, .. } => {
            let neutral = match function {
                BinaryFunction::Add | BinaryFunction::Sub => 0.0,
                BinaryFunction::Mul => 1.0,
            };
            graph.uniform_constant(node.inputs[1]) == Some(neutral)
        }
        Operator::Unary { function: UnaryFunction::Clip { min, max } } => {
            (*min, *max) == (f32::NEG_INFINITY, f32::INFINITY)
        }
        Operator::AveragePool2d { kernel, stride, padding, .. }
        | Operator::MaxPool2d { kernel, stride, padding, .. } => {
            *kernel == [1, 1] && *stride == [1, 1] && padding.is_zero()
        }
        Operator::Pad { before, after, .. } => before.iter().chain(after).all(|&pad| pad == 0),
        Operator::Slice { strides, .. } => strides.iter().all(|&stride| stride == 1),
        Operator::Concat { .. } => node.inputs.len() == 1,
        Operator::Mean { axes, .. } | Operator::Sum { axes, .. } => axes.is_empty(),
        Operator::Reshape => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append, append_binary, graph_with_input, kinds};

    #[test]
    fn neutral_elements_go_and_others_stay() {
        let (mut graph, input) = graph_with_input(&[1, 4]);
        let sum = append_binary(&mut graph, BinaryFunction::Add, input, &[1, 4], &[0.0; 4]);
        let product = append_binary(&mut graph, BinaryFunction::Mul, sum, &[1, 1], &[1.0]);
        let relu = append(&mut graph, Operator::Unary { function: UnaryFunction::Relu }, &[product]);
        let output = append_binary(&mut graph, BinaryFunction::Mul, relu, &[1, 4], &[1.0, 1.0, 1.0, 2.0]);
        graph.outputs.push(output);
        assert_eq!(run(&mut graph), 2);
        assert_eq!(kinds(&graph), ["relu", "mul"]);
        graph.validate().unwrap();
    }

    #[test]
    fn a_broadcast_is_no_identity() {
        let (mut graph, input) = graph_with_input(&[1, 1]);
        let output = append_binary(&mut graph, BinaryFunction::Add, input, &[1, 4], &[0.0; 4]);
        graph.outputs.push(output);
        assert_eq!(run(&mut graph), 0);
    }
}
