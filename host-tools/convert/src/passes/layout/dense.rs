//! Lets fully connected layers read flattened images in the order in which they lie in memory.

use super::axis_map::Chain;
use crate::graph::{Graph, Operator};

/// Permutes the weights of the layers behind a flattening reshape, so that the change of layout before it can go.
/// `index` is the reshape's. Returns whether it did.
pub fn permute_weights(graph: &mut Graph, index: usize) -> bool {
    let reshape = graph.nodes[index].clone();
    let chain = Chain::ending_in(graph, reshape.inputs[0]);
    if !matches!(reshape.operator, Operator::Reshape) || !chain.is_real(graph) {
        return false;
    }
    let root_shape = graph.shape(chain.root).to_vec();
    let flat_shape = graph.shape(reshape.output).to_vec();
    let Some((&features, outer)) = flat_shape.split_last() else { return false };
    let samples: usize = outer.iter().product();
    let batch_stays = samples == 1 || (chain.map.axes.first() == Some(&Some(0)) && root_shape[0] == samples);
    let consumers = graph.consumers(reshape.output);
    let all_dense = consumers.iter().all(|&consumer| {
        let node = &graph.nodes[consumer];
        matches!(node.operator, Operator::FullyConnected { .. })
            && node.inputs[0] == reshape.output
            && graph.float_constant(node.inputs[1]).is_some()
    });
    if !batch_stays || !all_dense || consumers.is_empty() || graph.outputs.contains(&reshape.output) {
        return false;
    }
    // order[q] is the place in memory of the q-th feature of a sample as the layer knows it.
    let places: Vec<usize> = (0..root_shape.iter().product()).collect();
    let order = chain.map.apply_to_values(&places, &root_shape);
    for consumer in consumers {
        let old = graph.nodes[consumer].inputs[1];
        let (name, shape) = (graph.tensor(old).name.clone(), graph.shape(old).to_vec());
        let Some(values) = graph.float_constant(old) else { continue };
        let mut permuted = vec![0.0; values.len()];
        for (row, new_row) in values.chunks_exact(features).zip(permuted.chunks_exact_mut(features)) {
            for (weight, &place) in row.iter().zip(&order) {
                new_row[place] = *weight;
            }
        }
        graph.nodes[consumer].inputs[1] = graph.add_constant(name, shape, permuted);
    }
    graph.nodes[index].inputs[0] = chain.root;
    true
}

/// Moves an element-wise function from behind a reshape to before it, so that it does not separate the reshape from a
/// fully connected layer. `index` is the function's. Returns whether it did.
pub fn lift_function(graph: &mut Graph, index: usize) -> bool {
    let function = graph.nodes[index].clone();
    if !matches!(function.operator, Operator::Unary { .. }) {
        return false;
    }
    let Some(reshape) = graph.producer(function.inputs[0]) else { return false };
    let reshaped = graph.nodes[reshape].inputs[0];
    if !matches!(graph.nodes[reshape].operator, Operator::Reshape)
        || graph.only_consumer(function.inputs[0]) != Some(index)
        || !Chain::ending_in(graph, reshaped).is_real(graph)
    {
        return false;
    }
    let mut tensor = graph.tensor(function.output).clone();
    tensor.shape = graph.shape(reshaped).to_vec();
    let result = graph.add_tensor(tensor);
    graph.nodes[index].inputs[0] = reshaped;
    graph.nodes[index].output = result;
    let mut reshape = graph.nodes.remove(reshape);
    reshape.inputs[0] = result;
    reshape.output = function.output;
    graph.nodes.insert(index, reshape);
    true
}
