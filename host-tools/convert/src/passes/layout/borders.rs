//! Lets the caller provide and receive data in the layout in which the graph computes.

use super::axis_map::{AxisMap, Chain, insert};
use crate::graph::{FileLayout, Graph, Operator, TensorId};

/// Lets outputs that end in a change of layout be given before it. Returns how many changed.
pub fn relayout_outputs(graph: &mut Graph) -> usize {
    let mut changed = 0;
    for position in 0..graph.outputs.len() {
        let output = graph.outputs[position];
        let chain = Chain::ending_in(graph, output);
        let taken = graph.outputs.contains(&chain.root)
            || graph.inputs.contains(&chain.root)
            || graph.file_layouts.contains_key(&output);
        if !chain.is_real(graph) || taken || graph.tensor(chain.root).is_constant() {
            continue;
        }
        let shape = graph.shape(output).to_vec();
        let inverse = chain.map.inverse(graph.shape(chain.root).len());
        let mut permutation: Vec<usize> = inverse.axes.into_iter().flatten().collect();
        permutation.extend((0..shape.len()).filter(|&axis| chain.map.axes[axis].is_none()));
        graph.file_layouts.insert(chain.root, FileLayout { shape, permutation });
        graph.outputs[position] = chain.root;
        changed += 1;
    }
    changed
}

/// The layouts that the graph's own nodes suggest for an input: those of the chains that begin there, and NHWC.
pub fn suggestions(graph: &Graph, input: TensorId) -> Vec<AxisMap> {
    let mut maps = Vec::new();
    let rank = graph.shape(input).len();
    for node in &graph.nodes {
        let chain = Chain::ending_in(graph, node.output);
        if chain.root == input && chain.length > 0 && !maps.contains(&chain.map) {
            maps.push(chain.map);
        }
    }
    match rank {
        4 => maps.push(AxisMap::permutation(&[0, 2, 3, 1])),
        3 => maps.push(AxisMap { axes: vec![Some(0), None, Some(2), Some(1)] }),
        _ => {}
    }
    maps
}

/// Declares an input in another layout and changes it back right behind, for [`sink`](super::sink) to cancel.
/// Does nothing and returns `false` for an input that has been declared anew before.
pub fn relayout_input(graph: &mut Graph, input: TensorId, map: &AxisMap) -> bool {
    if graph.file_layouts.contains_key(&input) || graph.outputs.contains(&input) {
        return false;
    }
    let shape = graph.shape(input).to_vec();
    let old = graph.tensor(input).clone();
    let mut permutation: Vec<usize> = map.axes.iter().copied().flatten().collect();
    permutation.extend((0..shape.len()).filter(|axis| !map.axes.contains(&Some(*axis))));
    let restored = graph.add_tensor(old);
    graph.replace_uses(input, restored);
    graph.tensor_mut(input).shape = map.apply_to_shape(&shape);
    insert(graph, 0, input, &map.inverse(shape.len()), restored);
    graph.file_layouts.insert(input, FileLayout { shape, permutation });
    true
}

/// What the changes of layout in a graph cost: transposes first, then reshapes.
pub fn cost(graph: &Graph) -> (usize, usize) {
    let count =
        |wanted: fn(&Operator) -> bool| graph.nodes.iter().filter(|node| wanted(&node.operator)).count();
    (
        count(|operator| matches!(operator, Operator::Transpose { .. })),
        count(|operator| matches!(operator, Operator::Reshape)),
    )
}
