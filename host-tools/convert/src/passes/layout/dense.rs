//! Lets fully connected layers read flattened images in the order in which they lie in memory.

use super::axis_map::Chain;
use crate::graph::{Graph, Operator, TensorId};

/// Permutes the weights of the layers behind a flattening reshape, so that the change of layout before it can go.
/// Between them there may be element-wise functions; their constants are permuted as well. `index` is the reshape's.
/// Returns whether it did.
pub fn permute_weights(graph: &mut Graph, index: usize) -> bool {
    let reshape = &graph.nodes[index];
    let (input, output) = (reshape.inputs[0], reshape.output);
    let chain = Chain::ending_in(graph, input);
    if !matches!(reshape.operator, Operator::Reshape) || !chain.is_real(graph) {
        return false;
    }
    let root_shape = graph.shape(chain.root).to_vec();
    let Some((&features, outer)) = graph.shape(output).split_last() else { return false };
    let samples: usize = outer.iter().product();
    let batch_stays = samples == 1 || (chain.map.axes.first() == Some(&Some(0)) && root_shape[0] == samples);
    let Some(constants) = permutable_constants(graph, output, features) else { return false };
    if !batch_stays {
        return false;
    }
    // order[q] is the place in memory of the q-th feature of a sample as the layers know it.
    let places: Vec<usize> = (0..root_shape.iter().product()).collect();
    let order = chain.map.apply_to_values(&places, &root_shape);
    for (reader, slot) in constants {
        let old = graph.nodes[reader].inputs[slot];
        let (name, shape) = (graph.tensor(old).name.clone(), graph.shape(old).to_vec());
        let Some(values) = graph.float_constant(old) else { continue };
        let mut permuted = vec![0.0; values.len()];
        for (row, new_row) in values.chunks_exact(features).zip(permuted.chunks_exact_mut(features)) {
            for (value, &place) in row.iter().zip(&order) {
                new_row[place] = *value;
            }
        }
        graph.nodes[reader].inputs[slot] = graph.add_constant(name, shape, permuted);
    }
    graph.nodes[index].inputs[0] = chain.root;
    true
}

/// The constants, as nodes and input slots, whose last axis must be permuted when the features of a tensor are.
/// `None` if somebody depends on the order otherwise.
fn permutable_constants(graph: &Graph, tensor: TensorId, features: usize) -> Option<Vec<(usize, usize)>> {
    let mut constants = Vec::new();
    let mut tensors = vec![tensor];
    while let Some(tensor) = tensors.pop() {
        let readers = graph.consumers(tensor);
        if readers.is_empty() || graph.outputs.contains(&tensor) {
            return None;
        }
        for reader in readers {
            let node = &graph.nodes[reader];
            match node.operator {
                Operator::FullyConnected { .. } if node.inputs[0] == tensor => {
                    graph.float_constant(node.inputs[1])?;
                    constants.push((reader, 1));
                }
                Operator::Unary { .. } => tensors.push(node.output),
                Operator::Binary { .. } if graph.shape(node.output) == graph.shape(tensor) => {
                    let slot = node.inputs.iter().position(|&input| input != tensor)?;
                    let values = graph.float_constant(node.inputs[slot])?;
                    if graph.shape(node.inputs[slot]).last() == Some(&features) {
                        constants.push((reader, slot));
                    } else if values.len() != 1 {
                        return None;
                    }
                    tensors.push(node.output);
                }
                _ => return None,
            }
        }
    }
    Some(constants)
}
