//! Recognises hard-swish and hard-sigmoid where an exporter has written them out.

use crate::graph::{Activation, BinaryFunction, Graph, Operator, TensorId, UnaryFunction};

/// How far a constant may be from 1/6 to be meant as such.
const TOLERANCE: f32 = 1e-6;

/// Replaces x · clip(x + 3, 0, 6) / 6 by hard-swish, and the like without x by hard-sigmoid. Returns how many.
pub fn run(graph: &mut Graph) -> usize {
    let mut found = 0;
    for index in 0..graph.nodes.len() {
        let output = graph.nodes[index].output;
        let recognised = if let Some(x) = hard_swish_of(graph, output) {
            Some((x, UnaryFunction::HardSwish))
        } else {
            written_out_hard_sigmoid_of(graph, output)
                .map(|x| (x, UnaryFunction::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }))
        };
        if let Some((x, function)) = recognised
            && graph.shape(x) == graph.shape(output)
        {
            graph.nodes[index].operator = Operator::Unary { function };
            graph.nodes[index].inputs = vec![x];
            found += 1;
        }
    }
    graph.remove_dead();
    found
}

/// The x of a tensor that is x · hard-sigmoid(x) in any spelling.
fn hard_swish_of(graph: &Graph, tensor: TensorId) -> Option<TensorId> {
    if let Some((a, b)) = product(graph, tensor) {
        for (x, gate) in [(a, b), (b, a)] {
            if hard_sigmoid_of(graph, gate) == Some(x) {
                return Some(x);
            }
        }
    }
    // (x · clip(x + 3, 0, 6)) / 6
    let (a, b) = product(graph, sixth_of(graph, tensor)?)?;
    [(a, b), (b, a)].into_iter().find_map(|(x, gate)| (clipped_sum_of(graph, gate)? == x).then_some(x))
}

fn hard_sigmoid_of(graph: &Graph, tensor: TensorId) -> Option<TensorId> {
    let node = &graph.nodes[graph.producer(tensor)?];
    if let Operator::Unary { function: UnaryFunction::HardSigmoid { alpha, beta } } = node.operator
        && (alpha - 1.0 / 6.0).abs() < TOLERANCE
        && beta == 0.5
    {
        return Some(node.inputs[0]);
    }
    written_out_hard_sigmoid_of(graph, tensor)
}

/// The x of a tensor that is clip(x + 3, 0, 6) / 6.
fn written_out_hard_sigmoid_of(graph: &Graph, tensor: TensorId) -> Option<TensorId> {
    clipped_sum_of(graph, sixth_of(graph, tensor)?)
}

/// The operands of a plain product.
fn product(graph: &Graph, tensor: TensorId) -> Option<(TensorId, TensorId)> {
    let node = &graph.nodes[graph.producer(tensor)?];
    let plain = Operator::Binary { function: BinaryFunction::Mul, activation: Activation::None };
    (node.operator == plain).then(|| (node.inputs[0], node.inputs[1]))
}

/// The t of a tensor that is t / 6.
fn sixth_of(graph: &Graph, tensor: TensorId) -> Option<TensorId> {
    let (a, b) = product(graph, tensor)?;
    let is_sixth = |id| graph.uniform_constant(id).is_some_and(|value| (value - 1.0 / 6.0).abs() < TOLERANCE);
    if is_sixth(b) { Some(a) } else { is_sixth(a).then_some(b) }
}

/// The x of a tensor that is clip(x + 3, 0, 6).
fn clipped_sum_of(graph: &Graph, tensor: TensorId) -> Option<TensorId> {
    let clip = &graph.nodes[graph.producer(tensor)?];
    let sum = match clip.operator {
        Operator::Unary { function: UnaryFunction::Clip { min: 0.0, max: 6.0 } } => {
            &graph.nodes[graph.producer(clip.inputs[0])?]
        }
        Operator::Binary { activation: Activation::Relu6, .. } => clip,
        _ => return None,
    };
    match sum.operator {
        Operator::Binary { function: BinaryFunction::Add, .. } => {}
        _ => return None,
    }
    let is_three = |id| graph.uniform_constant(id) == Some(3.0);
    match sum.inputs[..] {
        [x, three] if is_three(three) => Some(x),
        [three, x] if is_three(three) => Some(x),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append, append_binary, graph_with_input, kinds};

    const PRODUCT: Operator =
        Operator::Binary { function: BinaryFunction::Mul, activation: Activation::None };
    const CLIP: Operator = Operator::Unary { function: UnaryFunction::Clip { min: 0.0, max: 6.0 } };

    #[test]
    fn both_spellings_are_recognised() {
        for divide_first in [true, false] {
            let (mut graph, x) = graph_with_input(&[1, 4]);
            let sum = append_binary(&mut graph, BinaryFunction::Add, x, &[1, 1], &[3.0]);
            let clip = append(&mut graph, CLIP, &[sum]);
            let output = if divide_first {
                let gate = append_binary(&mut graph, BinaryFunction::Mul, clip, &[1, 1], &[1.0 / 6.0]);
                append(&mut graph, PRODUCT, &[x, gate])
            } else {
                let product = append(&mut graph, PRODUCT, &[x, clip]);
                append_binary(&mut graph, BinaryFunction::Mul, product, &[1, 1], &[1.0 / 6.0])
            };
            graph.outputs.push(output);
            run(&mut graph);
            assert_eq!(kinds(&graph), ["hard_swish"], "divide_first {divide_first}");
            graph.validate().unwrap();
        }
    }

    #[test]
    fn another_x_is_no_hard_swish() {
        let (mut graph, x) = graph_with_input(&[1, 4]);
        let other = append(&mut graph, Operator::Unary { function: UnaryFunction::Abs }, &[x]);
        let gate = Operator::Unary { function: UnaryFunction::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 } };
        let gate = append(&mut graph, gate, &[other]);
        let output = append(&mut graph, PRODUCT, &[x, gate]);
        graph.outputs.push(output);
        assert_eq!(run(&mut graph), 0);
    }
}
