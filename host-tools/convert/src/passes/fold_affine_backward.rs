//! Folds multiplications and additions behind a layer into its weights and bias: batch normalisation, separate biases.

use super::{channel_constant, weight_layer_channels};
use crate::graph::{Activation, BinaryFunction, Graph, Operator};

/// Folds constants behind convolutions and dense layers. Returns how many nodes it removed.
pub fn run(graph: &mut Graph) -> usize {
    let mut folded = 0;
    let mut index = 0;
    while index < graph.nodes.len() {
        if fold(graph, index) {
            folded += 1;
        } else {
            index += 1;
        }
    }
    graph.remove_dead();
    folded
}

/// Folds the node at `index` into the layer before it.
fn fold(graph: &mut Graph, index: usize) -> bool {
    let node = graph.nodes[index].clone();
    let Operator::Binary { function, activation } = node.operator else { return false };
    let Some(layer) = graph.producer(node.inputs[0]) else { return false };
    let Some(channels) = weight_layer_channels(graph, layer) else { return false };
    let Some(constant) = channel_constant(graph, node.inputs[1], channels) else { return false };
    if graph.nodes[layer].operator.activation() != Some(Activation::None)
        || graph.only_consumer(node.inputs[0]) != Some(index)
        || graph.shape(node.inputs[0]) != graph.shape(node.output)
    {
        return false;
    }
    let [_, weights, bias] = graph.nodes[layer].inputs[..] else { return false };
    let (Some(weight_values), Some(bias_values)) =
        (graph.float_constant(weights), graph.float_constant(bias))
    else {
        return false;
    };
    let bias_values = bias_values.iter().zip(&constant).map(|(&bias, constant)| {
        let bias = f64::from(bias);
        (match function {
            BinaryFunction::Add => bias + constant,
            BinaryFunction::Sub => bias - constant,
            BinaryFunction::Mul => bias * constant,
        }) as f32
    });
    let bias_values: Vec<f32> = bias_values.collect();
    let scaled: Option<Vec<f32>> = (function == BinaryFunction::Mul).then(|| {
        // Output channels are the first axis of all weights but depthwise ones.
        let depthwise = matches!(graph.nodes[layer].operator, Operator::DepthwiseConv2d { .. });
        let per_channel = weight_values.len() / channels;
        let channel = |position: usize| if depthwise { position % channels } else { position / per_channel };
        let scale =
            |(position, &weight): (usize, &f32)| (f64::from(weight) * constant[channel(position)]) as f32;
        weight_values.iter().enumerate().map(scale).collect()
    });
    if let Some(values) = scaled {
        let (name, shape) = (graph.tensor(weights).name.clone(), graph.shape(weights).to_vec());
        graph.nodes[layer].inputs[1] = graph.add_constant(name, shape, values);
    }
    let (name, shape) = (graph.tensor(bias).name.clone(), graph.shape(bias).to_vec());
    graph.nodes[layer].inputs[2] = graph.add_constant(name, shape, bias_values);
    if let Some(own) = graph.nodes[layer].operator.activation_mut() {
        *own = activation;
    }
    graph.nodes[layer].output = node.output;
    graph.nodes.remove(index);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append_binary, append_conv, graph_with_input, kinds};

    #[test]
    fn batch_normalisation_disappears_in_the_weights() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 2]);
        let conv = append_conv(&mut graph, input, 2, [1, 1], Default::default());
        let scaled = append_binary(&mut graph, BinaryFunction::Mul, conv, &[1, 1, 1, 2], &[2.0, -1.0]);
        let shifted = append_binary(&mut graph, BinaryFunction::Add, scaled, &[1, 1, 1, 2], &[10.0, 20.0]);
        graph.outputs.push(shifted);
        assert_eq!(run(&mut graph), 2);
        assert_eq!(kinds(&graph), ["conv2d"]);
        let layer = &graph.nodes[0];
        assert_eq!(graph.float_constant(layer.inputs[1]).unwrap(), [0.0, 2.0, -2.0, -3.0]);
        assert_eq!(graph.float_constant(layer.inputs[2]).unwrap(), [11.0, 18.5]);
        graph.validate().unwrap();
    }

    #[test]
    fn a_result_that_others_read_too_is_left_alone() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 2]);
        let conv = append_conv(&mut graph, input, 2, [1, 1], Default::default());
        let scaled = append_binary(&mut graph, BinaryFunction::Mul, conv, &[1, 1, 1, 1], &[2.0]);
        graph.outputs.extend([conv, scaled]);
        assert_eq!(run(&mut graph), 0);
    }
}
