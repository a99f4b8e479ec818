//! Removes transposes.
//!
//! The importer surrounds every convolution and pooling of an NCHW model with transposes. Here they move towards the
//! outputs, through everything that does not care, until they meet their inverses; flattened images permute the
//! weights of the layer behind; inputs and outputs are declared in the layout in which the graph computes.

pub mod axis_map;
mod borders;
mod dense;
mod sink;

use crate::graph::{Graph, Operator};
use axis_map::{Chain, insert};

/// Removes as many transposes as possible. Returns how many fewer there are.
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
        let is_input = graph.inputs.contains(&chain.root);
        if transpose.is_none() && reshape.is_none() && !is_input {
            graph.outputs[position] = chain.root;
            return true;
        }
        let needed = usize::from(transpose.is_some()) + usize::from(reshape.is_some());
        if (1..chain.length).contains(&needed) {
            let shortened = graph.add_tensor(graph.tensor(output).clone());
            let end = graph.nodes.len();
            insert(graph, end, chain.root, &chain.map, shortened);
            graph.outputs[position] = shortened;
            return true;
        }
    }
    false
}
