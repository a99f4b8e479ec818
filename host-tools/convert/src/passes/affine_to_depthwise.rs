//! Turns a factor and a summand per channel that could not be folded into a depthwise convolution of single pixels:
//! one operator instead of two, and with a weight scale of its own for each channel when quantized.

use super::channel_constant;
use super::fold_affine_forward::standardises_input;
use crate::graph::{BinaryFunction, Graph, Operator, Padding};

/// Replaces multiplications of images by channel constants. Returns how many.
pub fn run(graph: &mut Graph) -> usize {
    // The additions are left to the backward folding of the next round.
    (0..graph.nodes.len()).filter(|&index| replace(graph, index)).count()
}

fn replace(graph: &mut Graph, index: usize) -> bool {
    let node = graph.nodes[index].clone();
    let Operator::Binary { function: BinaryFunction::Mul, activation } = node.operator else { return false };
    let (x, constant) = (node.inputs[0], node.inputs[1]);
    let [_, _, _, channels] = graph.shape(x)[..] else { return false };
    let Some(factors) = channel_constant(graph, constant, channels) else { return false };
    if graph.tensor(x).is_constant()
        || graph.uniform_constant(constant).is_some()
        || graph.shape(x) != graph.shape(node.output)
        || standardises_input(graph, index)
    {
        return false;
    }
    let factors = factors.iter().map(|&factor| factor as f32).collect();
    let weights = graph.add_constant(format!("{}.weights", node.name), vec![1, 1, 1, channels], factors);
    let bias = graph.add_constant(format!("{}.bias", node.name), vec![channels], vec![0.0; channels]);
    graph.nodes[index].operator = Operator::DepthwiseConv2d {
        stride: [1, 1],
        dilation: [1, 1],
        padding: Padding::default(),
        activation,
    };
    graph.nodes[index].inputs = vec![x, weights, bias];
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Activation;
    use crate::passes::fixture::{append, append_binary, graph_with_input, kinds};
    use crate::passes::fold_affine_backward;

    #[test]
    fn normalisation_behind_a_sum_becomes_one_operator_but_not_at_the_input() {
        for at_input in [false, true] {
            let (mut graph, input) = graph_with_input(&[1, 2, 2, 2]);
            let sum = Operator::Binary { function: BinaryFunction::Add, activation: Activation::None };
            let x = if at_input { input } else { append(&mut graph, sum, &[input, input]) };
            let scaled = append_binary(&mut graph, BinaryFunction::Mul, x, &[1, 1, 1, 2], &[2.0, 3.0]);
            let shifted = append_binary(&mut graph, BinaryFunction::Add, scaled, &[1, 1, 1, 2], &[0.5, 0.25]);
            graph.outputs.push(shifted);
            assert_eq!(run(&mut graph), usize::from(!at_input));
            fold_affine_backward::run(&mut graph);
            let expected = if at_input { ["mul", "add"] } else { ["add", "depthwise_conv2d"] };
            assert_eq!(kinds(&graph), expected);
            graph.validate().unwrap();
        }
    }
}
