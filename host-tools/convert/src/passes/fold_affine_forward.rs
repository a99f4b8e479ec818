//! Folds multiplications and additions before a layer into its weights and bias.

use super::{channel_constant, weight_layer_channels};
use crate::graph::{Activation, BinaryFunction, Graph, Operator, Padding, TensorId};

/// Folds constants before convolutions and dense layers. Returns how many nodes it removed.
///
/// What standardises the model's inputs feature by feature stays as it is: folded, features of very different ranges
/// would have to share one quantization.
pub fn run(graph: &mut Graph) -> usize {
    let mut folded = 0;
    while (0..graph.nodes.len()).any(|index| fold(graph, index)) {
        folded += 1;
        graph.remove_dead();
    }
    folded
}

/// Folds the node before the layer at `index` into it.
fn fold(graph: &mut Graph, index: usize) -> bool {
    let Some(outputs) = weight_layer_channels(graph, index) else { return false };
    let layer = graph.nodes[index].clone();
    let x = layer.inputs[0];
    let Some((before, direct)) = affine_before(graph, x, index) else { return false };
    let Operator::Binary { function, .. } = graph.nodes[before].operator else { return false };
    let [operand, constant] = graph.nodes[before].inputs[..] else { return false };
    let Some(&channels) = graph.shape(x).last() else { return false };
    let Some(values) = channel_constant(graph, constant, channels) else { return false };
    let uniform = graph.uniform_constant(constant).is_some();
    if (!direct && !uniform)
        || graph.shape(operand) != graph.shape(graph.nodes[before].output)
        || standardises_input(graph, before)
    {
        return false;
    }
    let folded = match function {
        BinaryFunction::Mul => scale_weights(graph, index, &values),
        BinaryFunction::Add => add_to_bias(graph, index, &values, outputs),
        BinaryFunction::Sub => false,
    };
    if folded {
        let output = graph.nodes[before].output;
        graph.replace_uses(output, operand);
    }
    folded
}

/// The addition or multiplication by a constant before a tensor that only the node at `reader` needs; behind it there
/// may be reshapes. The second value is whether there are none.
fn affine_before(graph: &Graph, x: TensorId, reader: usize) -> Option<(usize, bool)> {
    let (mut tensor, mut reader, mut direct) = (x, reader, true);
    loop {
        let producer = graph.producer(tensor)?;
        if graph.only_consumer(tensor) != Some(reader) {
            return None;
        }
        let node = &graph.nodes[producer];
        match node.operator {
            Operator::Reshape => {
                tensor = node.inputs[0];
                reader = producer;
                direct = false;
            }
            Operator::Binary { activation: Activation::None, .. } => return Some((producer, direct)),
            _ => return None,
        }
    }
}

/// Whether a chain of constants that starts at a graph input and ends in this node treats features differently.
pub fn standardises_input(graph: &Graph, index: usize) -> bool {
    let mut uniform = true;
    let mut index = index;
    loop {
        let node = &graph.nodes[index];
        match node.operator {
            Operator::Binary { .. } if graph.float_constant(node.inputs[1]).is_some() => {
                uniform &= graph.uniform_constant(node.inputs[1]).is_some();
            }
            Operator::Reshape => {}
            _ => return false,
        }
        if graph.inputs.contains(&node.inputs[0]) {
            return !uniform;
        }
        match graph.producer(node.inputs[0]) {
            Some(producer) => index = producer,
            None => return false,
        }
    }
}

/// Multiplies the weights that read a channel by its factor. Padding stays 0, so this is exact with padding as well.
fn scale_weights(graph: &mut Graph, index: usize, factors: &[f64]) -> bool {
    let weights = graph.nodes[index].inputs[1];
    let shape = graph.shape(weights).to_vec();
    let Some(values) = graph.float_constant(weights) else { return false };
    let channel = input_channel(&graph.nodes[index].operator, &shape);
    let scale = |(position, &weight): (usize, &f32)| (f64::from(weight) * factors[channel(position)]) as f32;
    let scaled = values.iter().enumerate().map(scale).collect();
    let name = graph.tensor(weights).name.clone();
    graph.nodes[index].inputs[1] = graph.add_constant(name, shape, scaled);
    true
}

/// Adds what the weights make of the summands to the bias; with padding the border would differ.
fn add_to_bias(graph: &mut Graph, index: usize, summands: &[f64], outputs: usize) -> bool {
    let operator = &graph.nodes[index].operator;
    if let Operator::Conv2d { padding, .. } | Operator::DepthwiseConv2d { padding, .. } = operator
        && *padding != Padding::default()
    {
        return false;
    }
    let [_, weights, bias] = graph.nodes[index].inputs[..] else { return false };
    let (Some(values), Some(biases)) = (graph.float_constant(weights), graph.float_constant(bias)) else {
        return false;
    };
    let shape = graph.shape(weights);
    let channel = input_channel(operator, shape);
    let depthwise = matches!(operator, Operator::DepthwiseConv2d { .. });
    let per_output = values.len() / outputs;
    let mut sums: Vec<f64> = biases.iter().map(|&bias| f64::from(bias)).collect();
    for (position, &weight) in values.iter().enumerate() {
        let output = if depthwise { position % outputs } else { position / per_output };
        sums[output] += f64::from(weight) * summands[channel(position)];
    }
    let sums = sums.iter().map(|&sum| sum as f32).collect();
    let (name, shape) = (graph.tensor(bias).name.clone(), graph.shape(bias).to_vec());
    graph.nodes[index].inputs[2] = graph.add_constant(name, shape, sums);
    true
}

/// Which input channel the weight at a position reads.
fn input_channel(operator: &Operator, shape: &[usize]) -> impl Fn(usize) -> usize + use<> {
    let per_group = shape[shape.len() - 1];
    let per_output: usize = shape[1..].iter().product();
    let outputs_per_group = match operator {
        Operator::Conv2d { groups, .. } => shape[0] / groups,
        _ => usize::MAX,
    };
    move |position| (position / per_output) / outputs_per_group * per_group + position % per_group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::UnaryFunction;
    use crate::passes::fixture::{append, append_binary, append_conv, graph_with_input, kinds};

    #[test]
    fn scaling_of_pixels_folds_and_so_does_a_shift_without_padding() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 2]);
        let scaled = append_binary(&mut graph, BinaryFunction::Mul, input, &[1, 1, 1, 1], &[0.5]);
        let shifted = append_binary(&mut graph, BinaryFunction::Add, scaled, &[1, 1, 1, 1], &[1.0]);
        let conv = append_conv(&mut graph, shifted, 2, [1, 1], Default::default());
        graph.outputs.push(conv);
        assert_eq!(run(&mut graph), 2);
        let layer = &graph.nodes[0];
        assert_eq!(graph.float_constant(layer.inputs[1]).unwrap(), [0.0, 0.5, 1.0, 1.5]);
        assert_eq!(graph.float_constant(layer.inputs[2]).unwrap(), [0.5 + 1.0, 1.5 + 5.0]);
        graph.validate().unwrap();
    }

    #[test]
    fn a_shift_stays_before_a_padded_convolution() {
        let (mut graph, input) = graph_with_input(&[1, 3, 3, 2]);
        let shifted = append_binary(&mut graph, BinaryFunction::Add, input, &[1, 1, 1, 1], &[1.0]);
        let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
        let conv = append_conv(&mut graph, shifted, 2, [3, 3], padding);
        graph.outputs.push(conv);
        assert_eq!(run(&mut graph), 0);
    }

    #[test]
    fn features_are_standardised_at_the_input_and_nowhere_else() {
        for at_input in [true, false] {
            let (mut graph, input) = graph_with_input(&[1, 1, 1, 2]);
            let x = match at_input {
                true => input,
                false => append(&mut graph, Operator::Unary { function: UnaryFunction::Relu }, &[input]),
            };
            let scaled = append_binary(&mut graph, BinaryFunction::Mul, x, &[1, 1, 1, 2], &[0.5, 2.0]);
            let shifted = append_binary(&mut graph, BinaryFunction::Add, scaled, &[1, 1, 1, 1], &[1.0]);
            let conv = append_conv(&mut graph, shifted, 2, [1, 1], Default::default());
            graph.outputs.push(conv);
            run(&mut graph);
            let expected: &[&str] = if at_input { &["mul", "add", "conv2d"] } else { &["relu", "conv2d"] };
            assert_eq!(kinds(&graph), expected);
        }
    }
}
