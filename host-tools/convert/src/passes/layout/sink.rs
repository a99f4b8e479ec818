//! Moves changes of layout from before an operator to behind it, towards their inverses.

use super::axis_map::{AxisMap, Chain, insert};
use crate::graph::{Graph, Operator, TensorId};

/// Moves the change of layout before one node behind it, if the node does not care about the order of axes.
/// Returns whether it did.
pub fn sink(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    let chain = Chain::ending_in(graph, node.inputs[0]);
    match &node.operator {
        Operator::Unary { .. } => chain.length > 0 && apply(graph, index, &chain, None),
        Operator::Binary { .. } | Operator::Concat { .. } => sink_joining(graph, index),
        _ if chain.length == 0 || !chain.is_real(graph) => false,
        Operator::Softmax { .. } | Operator::FullyConnected { .. } => {
            let last = graph.shape(chain.root).len() - 1;
            chain.map.axes.last() == Some(&Some(last)) && apply(graph, index, &chain, None)
        }
        Operator::Mean { .. } | Operator::Sum { .. } => sink_reduction(graph, index, &chain),
        Operator::Pad { before, after, value } => {
            let unmoved = |axis: usize| before[axis] == 0 && after[axis] == 0;
            if (0..before.len()).any(|axis| chain.map.axes[axis].is_none() && !unmoved(axis)) {
                return false;
            }
            let inverse = chain.map.inverse(graph.shape(chain.root).len());
            let back =
                |pads: &[usize]| inverse.axes.iter().map(|axis| axis.map_or(0, |axis| pads[axis])).collect();
            let operator = Operator::Pad { before: back(before), after: back(after), value: *value };
            apply(graph, index, &chain, Some(operator))
        }
        Operator::Slice { starts, strides } => {
            let inverse = chain.map.inverse(graph.shape(chain.root).len());
            let back = |list: &[usize], default: usize| {
                inverse.axes.iter().map(|axis| axis.map_or(default, |axis| list[axis])).collect()
            };
            let operator = Operator::Slice { starts: back(starts, 0), strides: back(strides, 1) };
            apply(graph, index, &chain, Some(operator))
        }
        _ => false,
    }
}

/// Lets the node work on the chain's root and makes the chain's moves behind it.
fn apply(graph: &mut Graph, index: usize, chain: &Chain, operator: Option<Operator>) -> bool {
    let mut inputs = graph.nodes[index].inputs.clone();
    inputs[0] = chain.root;
    rewrite(graph, index, inputs, operator, &chain.map);
    true
}

/// Replaces a node's inputs and operator and lets a map of its new result be what it computed before.
fn rewrite(
    graph: &mut Graph,
    index: usize,
    inputs: Vec<TensorId>,
    operator: Option<Operator>,
    map: &AxisMap,
) {
    let output = graph.nodes[index].output;
    let mut tensor = graph.tensor(output).clone();
    let rank = graph.shape(inputs[0]).len();
    tensor.shape = map.inverse(rank).apply_to_shape(&tensor.shape);
    if let Some(Operator::Mean { axes, keep_dims: false } | Operator::Sum { axes, keep_dims: false }) =
        &operator
    {
        tensor.shape = map.inverse(rank - axes.len()).apply_to_shape(&graph.tensor(output).shape);
    }
    let result = graph.add_tensor(tensor);
    let node = &mut graph.nodes[index];
    node.inputs = inputs;
    node.output = result;
    if let Some(operator) = operator {
        node.operator = operator;
    }
    insert(graph, index + 1, result, map, output);
}

/// Reduced axes keep their meaning, wherever they are.
fn sink_reduction(graph: &mut Graph, index: usize, chain: &Chain) -> bool {
    let (Operator::Mean { axes, keep_dims } | Operator::Sum { axes, keep_dims }) =
        &graph.nodes[index].operator
    else {
        return false;
    };
    let keep_dims = *keep_dims;
    let mut moved: Vec<usize> = axes.iter().filter_map(|&axis| chain.map.axes[axis]).collect();
    moved.sort_unstable();
    let mut map = chain.map.clone();
    if !keep_dims {
        // Number the remaining axes anew, on both sides.
        let renumber = |axis: usize| axis - moved.iter().filter(|&&reduced| reduced < axis).count();
        let kept = (0..map.axes.len()).filter(|axis| !axes.contains(axis));
        map = AxisMap { axes: kept.map(|axis| map.axes[axis].map(renumber)).collect() };
    }
    let operator = match graph.nodes[index].operator {
        Operator::Mean { .. } => Operator::Mean { axes: moved, keep_dims },
        _ => Operator::Sum { axes: moved, keep_dims },
    };
    rewrite(graph, index, vec![chain.root], Some(operator), &map);
    true
}

/// Operands that all change their layout in the same way, or can be brought into it for free, may do so afterwards.
fn sink_joining(graph: &mut Graph, index: usize) -> bool {
    let node = graph.nodes[index].clone();
    let chains: Vec<Chain> = node.inputs.iter().map(|&input| Chain::ending_in(graph, input)).collect();
    let real = chains.iter().find(|chain| chain.is_real(graph));
    let Some(leader) = real.or_else(|| chains.iter().find(|chain| chain.length > 0)).cloned() else {
        return false;
    };
    let leader_is_real = leader.is_real(graph);
    let root_shape = graph.shape(leader.root).to_vec();
    let inverse = leader.map.inverse(root_shape.len());
    let mut operator = None;
    if let Operator::Concat { axis } = node.operator {
        let Some(axis) = leader.map.axes[axis] else { return false };
        operator = Some(Operator::Concat { axis });
    }
    // An axis that the leader's root does not have must not be needed by another operand.
    let fits = |input: &TensorId| {
        let shape = graph.shape(*input);
        shape.len() == leader.map.axes.len()
            && leader.map.axes.iter().zip(shape).all(|(axis, &extent)| axis.is_some() || extent == 1)
    };
    if !node.inputs.iter().all(fits) {
        return false;
    }
    let free = |(chain, input): (&Chain, &TensorId)| {
        let map = chain.map.then(&inverse);
        let shape = graph.shape(chain.root);
        graph.tensor(*input).is_constant()
            || map.is_identity(shape)
            || (leader_is_real && map.keeps_order(shape))
    };
    if !chains.iter().zip(&node.inputs).all(free) {
        return false;
    }
    let mut inputs = Vec::new();
    let mut position = index;
    for (chain, &input) in chains.iter().zip(&node.inputs) {
        let constant = graph.float_constant(input).map(|values| {
            let shape = graph.shape(input);
            (inverse.apply_to_shape(shape), inverse.apply_to_values(values, shape))
        });
        let map = chain.map.then(&inverse);
        if let Some((shape, values)) = constant {
            let name = graph.tensor(input).name.clone();
            inputs.push(graph.add_constant(name, shape, values));
        } else if map.is_identity(graph.shape(chain.root)) {
            inputs.push(chain.root);
        } else {
            let mut tensor = graph.tensor(chain.root).clone();
            tensor.shape = map.apply_to_shape(&tensor.shape);
            let reshaped = graph.add_tensor(tensor);
            insert(graph, position, chain.root, &map, reshaped);
            position += 1;
            inputs.push(reshaped);
        }
    }
    // The leader decides about the rank; the result may be larger than its root where that is broadcast.
    let output = node.output;
    let mut tensor = graph.tensor(output).clone();
    tensor.shape = inverse.apply_to_shape(&tensor.shape);
    let result = graph.add_tensor(tensor);
    let node = &mut graph.nodes[position];
    node.inputs = inputs;
    node.output = result;
    if let Some(operator) = operator {
        node.operator = operator;
    }
    insert(graph, position + 1, result, &leader.map, output);
    true
}
