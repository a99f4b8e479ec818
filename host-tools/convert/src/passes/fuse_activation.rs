//! Lets layers clamp their own results.

use crate::graph::{Activation, Graph, Operator, UnaryFunction};

/// Fuses relu and clip into the node before. Returns how many nodes it removed.
pub fn run(graph: &mut Graph) -> usize {
    let mut fused = 0;
    let mut index = 0;
    while index < graph.nodes.len() {
        if fuse(graph, index) {
            fused += 1;
        } else {
            index += 1;
        }
    }
    fused
}

fn clamp(operator: &Operator) -> Option<Activation> {
    match operator {
        Operator::Unary { function: UnaryFunction::Relu } => Some(Activation::Relu),
        Operator::Unary { function: UnaryFunction::Clip { min, max } } => {
            Some(Activation::from_bounds(*min, *max))
        }
        _ => None,
    }
}

/// Fuses the node at `index` into the one before.
fn fuse(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    let Some(activation) = clamp(&node.operator) else { return false };
    let (input, output) = (node.inputs[0], node.output);
    let Some(before) = graph.producer(input) else { return false };
    if graph.only_consumer(input) != Some(index) {
        return false;
    }
    if let Some(earlier) = clamp(&graph.nodes[before].operator) {
        let (min, max) = earlier.then(activation).bounds();
        graph.nodes[before].operator = Operator::Unary { function: UnaryFunction::Clip { min, max } };
    } else if let Some(own) = graph.nodes[before].operator.activation_mut() {
        *own = own.then(activation);
    } else {
        return false;
    }
    graph.nodes[before].output = output;
    graph.nodes.remove(index);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append, append_conv, graph_with_input};

    #[test]
    fn clamps_add_up() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 1]);
        let conv = append_conv(&mut graph, input, 1, [1, 1], Default::default());
        let relu = append(&mut graph, Operator::Unary { function: UnaryFunction::Relu }, &[conv]);
        let clip = Operator::Unary { function: UnaryFunction::Clip { min: -1.0, max: 6.0 } };
        let clip = append(&mut graph, clip, &[relu]);
        graph.outputs.push(clip);
        assert_eq!(run(&mut graph), 2);
        assert_eq!(graph.nodes[0].operator.activation(), Some(Activation::Relu6));
        graph.remove_dead();
        graph.validate().unwrap();
    }

    #[test]
    fn what_others_read_before_the_clamp_stays() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 1]);
        let conv = append_conv(&mut graph, input, 1, [1, 1], Default::default());
        let relu = append(&mut graph, Operator::Unary { function: UnaryFunction::Relu }, &[conv]);
        graph.outputs.extend([conv, relu]);
        assert_eq!(run(&mut graph), 0);
    }
}
