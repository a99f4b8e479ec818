//! Brings chains of additions and multiplications by constants into the form x · factor + summand.

use super::fold_constants::broadcast_to;
use crate::graph::{Activation, BinaryFunction, Graph, Operator, TensorId, broadcast};

/// Puts constants second, turns differences into sums, merges neighbours of a kind and lets multiplications come before
/// additions. Returns the number of rewrites.
pub fn run(graph: &mut Graph) -> usize {
    let mut rewrites = 0;
    while (0..graph.nodes.len()).any(|index| normalise(graph, index) || merge(graph, index)) {
        rewrites += 1;
        graph.remove_dead();
    }
    rewrites
}

/// constant + x becomes x + constant; x − constant becomes x + (−constant).
fn normalise(graph: &mut Graph, index: usize) -> bool {
    let node = graph.nodes[index].clone();
    let Operator::Binary { function, activation } = node.operator else { return false };
    let (a, b) = (node.inputs[0], node.inputs[1]);
    match function {
        BinaryFunction::Add | BinaryFunction::Mul => {
            let swap = graph.tensor(a).is_constant() && !graph.tensor(b).is_constant();
            if swap {
                graph.nodes[index].inputs = vec![b, a];
            }
            swap
        }
        BinaryFunction::Sub => {
            let Some(values) = graph.float_constant(b) else { return false };
            let negated = values.iter().map(|value| -value).collect();
            let (name, shape) = (graph.tensor(b).name.clone(), graph.shape(b).to_vec());
            let negated = graph.add_constant(name, shape, negated);
            graph.nodes[index].inputs[1] = negated;
            graph.nodes[index].operator = Operator::Binary { function: BinaryFunction::Add, activation };
            true
        }
    }
}

/// The operand and the constant of an addition or multiplication by a constant.
fn affine(graph: &Graph, index: usize) -> Option<(BinaryFunction, Activation, TensorId, TensorId)> {
    let node = &graph.nodes[index];
    match node.operator {
        Operator::Binary { function: function @ (BinaryFunction::Add | BinaryFunction::Mul), activation }
            if graph.float_constant(node.inputs[1]).is_some()
                && !graph.tensor(node.inputs[0]).is_constant() =>
        {
            Some((function, activation, node.inputs[0], node.inputs[1]))
        }
        _ => None,
    }
}

/// Merges a node with the one before: (x + a) + b, (x · a) · b, and (x + a) · b = x · b + a · b.
fn merge(graph: &mut Graph, index: usize) -> bool {
    let Some((function, activation, between, b)) = affine(graph, index) else { return false };
    let Some(before) = graph.producer(between) else { return false };
    let Some((earlier, Activation::None, x, a)) = affine(graph, before) else { return false };
    if graph.only_consumer(between).is_none() {
        return false;
    }
    let combine = |graph: &mut Graph, function: BinaryFunction| -> Option<TensorId> {
        let shape = broadcast(graph.shape(a), graph.shape(b)).ok()?;
        let left = broadcast_to(graph.float_constant(a)?, graph.shape(a), &shape);
        let right = broadcast_to(graph.float_constant(b)?, graph.shape(b), &shape);
        let apply = |(&left, &right): (&f32, &f32)| match function {
            BinaryFunction::Mul => left * right,
            _ => left + right,
        };
        let values = left.iter().zip(&right).map(apply).collect();
        let name = graph.tensor(b).name.clone();
        Some(graph.add_constant(name, shape, values))
    };
    match (earlier, function) {
        (BinaryFunction::Add, BinaryFunction::Add) | (BinaryFunction::Mul, BinaryFunction::Mul) => {
            let Some(constant) = combine(graph, function) else { return false };
            graph.nodes[index].inputs = vec![x, constant];
            true
        }
        (BinaryFunction::Add, BinaryFunction::Mul) => {
            // The product must have the shape that the sum had, which the constants' broadcast may have made.
            if graph.shape(x) != graph.shape(between)
                || graph.shape(between) != graph.shape(graph.nodes[index].output)
            {
                return false;
            }
            let Some(summand) = combine(graph, BinaryFunction::Mul) else { return false };
            graph.nodes[before].operator =
                Operator::Binary { function: BinaryFunction::Mul, activation: Activation::None };
            graph.nodes[before].inputs = vec![x, b];
            graph.nodes[index].operator = Operator::Binary { function: BinaryFunction::Add, activation };
            graph.nodes[index].inputs = vec![between, summand];
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append_binary, graph_with_input, kinds};

    #[test]
    fn standardisation_becomes_factor_and_summand() {
        let (mut graph, input) = graph_with_input(&[1, 2]);
        let centred = append_binary(&mut graph, BinaryFunction::Sub, input, &[1, 2], &[100.0, -4.0]);
        let scaled = append_binary(&mut graph, BinaryFunction::Mul, centred, &[1, 2], &[0.5, 0.25]);
        let doubled = append_binary(&mut graph, BinaryFunction::Mul, scaled, &[1, 1], &[2.0]);
        graph.outputs.push(doubled);
        run(&mut graph);
        assert_eq!(kinds(&graph), ["mul", "add"]);
        assert_eq!(graph.float_constant(graph.nodes[0].inputs[1]).unwrap(), [1.0, 0.5]);
        assert_eq!(graph.float_constant(graph.nodes[1].inputs[1]).unwrap(), [-100.0, 2.0]);
        graph.validate().unwrap();
    }
}
