//! Where float32 ends and int8 begins.

use super::activations::Quantizations;
use super::range;
use crate::graph::{Constant, DataType, Graph, Node, Operator, Tensor};

/// For each node, whether it scales or shifts the features of a model input by constants of their own.
pub fn leading_feature_scaling(graph: &Graph) -> Vec<bool> {
    let mut float = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let Operator::Binary { .. } = node.operator else { continue };
        let (constants, variables): (Vec<_>, Vec<_>) =
            node.inputs.iter().copied().partition(|&id| graph.tensor(id).is_constant());
        let ([constant], [variable]) = (&constants[..], &variables[..]) else { continue };
        let from_input = graph.inputs.contains(variable)
            || graph.producer(*variable).is_some_and(|producer| producer < index && float[producer]);
        float[index] = from_input && graph.uniform_constant(*constant).is_none();
    }
    float
}

/// Lets an int8 node read int8: quantizes float operands in front of it, brings the operands of a concatenation to its scale and
/// quantizes constant operands of element-wise operators.
pub fn quantize_inputs(
    graph: &mut Graph,
    node: &mut Node,
    quantizations: &Quantizations,
    nodes: &mut Vec<Node>,
) {
    let weighted = matches!(
        node.operator,
        Operator::Conv2d { .. } | Operator::DepthwiseConv2d { .. } | Operator::FullyConnected { .. }
    );
    let output = quantizations.chosen.get(&node.output).cloned();
    for position in 0..node.inputs.len() {
        let input = node.inputs[position];
        if weighted && position > 0 {
            continue;
        }
        if let Some(values) = graph.float_constant(input) {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let own = range::asymmetric(low, high);
            let concatenated = matches!(node.operator, Operator::Concat { .. });
            let quantization = output.clone().filter(|_| concatenated).unwrap_or(own);
            let integers = values.iter().map(|&value| range::to_int8(value, &quantization)).collect();
            let (name, shape) = (graph.tensor(input).name.clone(), graph.shape(input).to_vec());
            let mut constant = Tensor::constant(name, shape, Constant::I8(integers));
            constant.quantization = Some(quantization);
            node.inputs[position] = graph.add_tensor(constant);
            continue;
        }
        let needed = match (&node.operator, quantizations.chosen.get(&input)) {
            (Operator::Concat { .. }, Some(own)) => output.clone().filter(|output| output != own),
            (_, None) => quantizations.border.get(&input).cloned(),
            _ => None,
        };
        let Some(quantization) = needed else { continue };
        let name = format!("{}/quantize", graph.tensor(input).name);
        let existing = nodes.iter().find(|earlier| {
            matches!(earlier.operator, Operator::Quantize)
                && earlier.inputs[0] == input
                && graph.tensor(earlier.output).quantization.as_ref() == Some(&quantization)
        });
        let quantized = existing.map(|earlier| earlier.output).unwrap_or_else(|| {
            let mut tensor = Tensor::activation(&name, graph.shape(input).to_vec(), DataType::I8);
            tensor.quantization = Some(quantization);
            let output = graph.add_tensor(tensor);
            nodes.push(Node { name, operator: Operator::Quantize, inputs: vec![input], output });
            output
        });
        node.inputs[position] = quantized;
    }
}
