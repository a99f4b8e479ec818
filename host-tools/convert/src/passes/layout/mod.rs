//! Removes transposes.
//!
//! The importer surrounds every convolution and pooling of an NCHW model with transposes. Here they move towards the
//! outputs, through everything that does not care, until they meet their inverses; flattened images permute the
//! weights of the layer behind; inputs and outputs are declared in the layout in which the graph computes.

pub mod axis_map;
mod borders;
mod dense;
mod sink;

use crate::graph::{Graph, Operator, TensorId};
use axis_map::{Chain, insert};

/// Removes as many transposes as possible. Returns how many fewer there are, those included with which the importer
/// surrounds convolution and pooling of NCHW models.
pub fn run(graph: &mut Graph) -> usize {
    let before = borders::cost(graph).0;
    settle(graph);
    for position in 0..graph.inputs.len() {
        let input = graph.inputs[position];
        let mut best = None;
        for map in borders::suggestions(graph, input) {
            let mut candidate = graph.clone();
            if borders::relayout_input(&mut candidate, input, &map) {
                settle(&mut candidate);
                if borders::cost(&candidate) < borders::cost(best.as_ref().unwrap_or(graph)) {
                    best = Some(candidate);
                }
            }
        }
        if let Some(best) = best {
            *graph = best;
        }
    }
    if borders::relayout_outputs(graph) > 0 {
        graph.remove_dead();
        settle(graph);
    }
    before.saturating_sub(borders::cost(graph).0)
}

/// Applies the local rules until none applies.
fn settle(graph: &mut Graph) {
    graph.remove_dead();
    while step(graph) {
        graph.remove_dead();
        debug_assert_eq!(graph.validate(), Ok(()));
    }
}

fn step(graph: &mut Graph) -> bool {
    (0..graph.nodes.len()).any(|index| {
        simplify_input(graph, index) || sink::sink(graph, index) || dense::permute_weights(graph, index)
    }) || simplify_outputs(graph)
}

/// Replaces the chain of moves before a node by fewer nodes, if that is possible.
fn simplify_input(graph: &mut Graph, index: usize) -> bool {
    for slot in 0..graph.nodes[index].inputs.len() {
        let input = graph.nodes[index].inputs[slot];
        let chain = Chain::ending_in(graph, input);
        // The last move of a longer chain is dealt with at that move's reader.
        let is_move = axis_map::AxisMap::of_node(graph, &graph.nodes[index]).is_some();
        if chain.length == 0 || is_move {
            continue;
        }
        let (transpose, reshape) = chain.map.steps(graph.shape(chain.root));
        if transpose.is_none() && reshape.is_none() {
            graph.nodes[index].inputs[slot] = chain.root;
            return true;
        }
        let needed = usize::from(transpose.is_some()) + usize::from(reshape.is_some());
        let pointless = |node: &crate::graph::Node| {
            transpose.is_none() && chain.length == 1 && matches!(node.operator, Operator::Transpose { .. })
        };
        let producer = graph.producer(input).map(|producer| &graph.nodes[producer]);
        if needed < chain.length || producer.is_some_and(pointless) {
            let shortened = graph.add_tensor(graph.tensor(input).clone());
            insert(graph, index, chain.root, &chain.map, shortened);
            graph.nodes[index + needed].inputs[slot] = shortened;
            return true;
        }
    }
    false
}

/// Lets an output be the root of its chain of moves if they change nothing, or shortens them.
fn simplify_outputs(graph: &mut Graph) -> bool {
    for position in 0..graph.outputs.len() {
        let output = graph.outputs[position];
        let chain = Chain::ending_in(graph, output);
        if chain.length == 0 {
            continue;
        }
        let (transpose, reshape) = chain.map.steps(graph.shape(chain.root));
        let taken = graph.inputs.contains(&chain.root) || graph.outputs.contains(&chain.root);
        if transpose.is_none() && reshape.is_none() && !taken {
            replace_output(graph, position, chain.root);
            return true;
        }
        let needed = usize::from(transpose.is_some()) + usize::from(reshape.is_some());
        if (1..chain.length).contains(&needed) {
            let shortened = graph.add_tensor(graph.tensor(output).clone());
            let end = graph.nodes.len();
            insert(graph, end, chain.root, &chain.map, shortened);
            replace_output(graph, position, shortened);
            return true;
        }
    }
    false
}

/// Lets an output be another tensor of the same elements.
fn replace_output(graph: &mut Graph, position: usize, new: TensorId) {
    let old = std::mem::replace(&mut graph.outputs[position], new);
    if let Some(layout) = graph.file_layouts.remove(&old) {
        graph.file_layouts.insert(new, layout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::UnaryFunction;
    use crate::passes::fixture::{append, append_binary, append_conv, graph_with_input, kinds};

    /// Appends a convolution as the importer of an NCHW model does.
    fn append_channels_first_conv(graph: &mut Graph, x: TensorId) -> TensorId {
        let image = append(graph, Operator::Transpose { permutation: vec![0, 2, 3, 1] }, &[x]);
        let result = append_conv(graph, image, 2, [1, 1], Default::default());
        append(graph, Operator::Transpose { permutation: vec![0, 3, 1, 2] }, &[result])
    }

    #[test]
    fn transposes_of_a_residual_block_cancel_and_borders_are_declared_anew() {
        let (mut graph, input) = graph_with_input(&[1, 2, 3, 4]);
        let scaled =
            append_binary(&mut graph, crate::graph::BinaryFunction::Mul, input, &[1, 2, 1, 1], &[2.0, 3.0]);
        let first = append_channels_first_conv(&mut graph, scaled);
        let relu = append(&mut graph, Operator::Unary { function: UnaryFunction::Relu }, &[first]);
        let second = append_channels_first_conv(&mut graph, relu);
        let joined = append(&mut graph, Operator::Concat { axis: 1 }, &[second, scaled]);
        graph.outputs.push(joined);
        assert_eq!(run(&mut graph), 4);
        assert_eq!(kinds(&graph), ["mul", "conv2d", "relu", "conv2d", "concat"]);
        assert_eq!(graph.shape(graph.inputs[0]), [1, 3, 4, 2]);
        assert_eq!(graph.file_layouts[&graph.inputs[0]].permutation, [0, 2, 3, 1]);
        assert_eq!(graph.file_layouts[&graph.outputs[0]].shape, [1, 4, 3, 4]);
        assert_eq!(graph.nodes[4].operator, Operator::Concat { axis: 3 });
        assert_eq!(graph.shape(graph.nodes[0].inputs[1]), [1, 1, 1, 2]);
        graph.validate().unwrap();
    }

    #[test]
    fn a_transpose_with_a_purpose_stays() {
        let (mut graph, input) = graph_with_input(&[1, 3, 4, 2]);
        let conv = append_conv(&mut graph, input, 2, [2, 1], Default::default());
        let turned = append(&mut graph, Operator::Transpose { permutation: vec![0, 2, 1, 3] }, &[conv]);
        let conv = append_conv(&mut graph, turned, 2, [2, 1], Default::default());
        graph.outputs.push(conv);
        assert_eq!(run(&mut graph), 0);
        assert_eq!(kinds(&graph), ["conv2d", "transpose", "conv2d"]);
    }
}
