//! Permutations of axes that may also add and drop axes of extent 1.

use crate::graph::{Graph, Node, Operator, TensorId};

/// How the axes of a tensor come from the axes of another one that holds the same elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisMap {
    /// For each axis of the result the axis it comes from; `None` for a new axis of extent 1. Axes that are not named
    /// have extent 1 and are dropped.
    pub axes: Vec<Option<usize>>,
}

impl AxisMap {
    /// The map that changes nothing.
    pub fn identity(rank: usize) -> Self {
        Self { axes: (0..rank).map(Some).collect() }
    }

    /// The map of a transpose.
    pub fn permutation(permutation: &[usize]) -> Self {
        Self { axes: permutation.iter().copied().map(Some).collect() }
    }

    /// The map of a node that only moves axes: a transpose, or a reshape that adds and drops axes of extent 1.
    pub fn of_node(graph: &Graph, node: &Node) -> Option<Self> {
        match &node.operator {
            Operator::Transpose { permutation } => Some(Self::permutation(permutation)),
            Operator::Reshape => Self::of_reshape(graph.shape(node.inputs[0]), graph.shape(node.output)),
            _ => None,
        }
    }

    /// The map of a reshape between two shapes, if they differ by axes of extent 1 only.
    pub fn of_reshape(from: &[usize], to: &[usize]) -> Option<Self> {
        let mut axes = Vec::with_capacity(to.len());
        let mut source = 0;
        for &extent in to {
            // An axis of extent 1 is dropped only when it stands in the way.
            while extent != 1 && from.get(source) == Some(&1) {
                source += 1;
            }
            if from.get(source) == Some(&extent) {
                axes.push(Some(source));
                source += 1;
            } else if extent == 1 {
                axes.push(None);
            } else {
                return None;
            }
        }
        from[source..].iter().all(|&extent| extent == 1).then_some(Self { axes })
    }

    /// This map followed by another.
    pub fn then(&self, next: &Self) -> Self {
        Self { axes: next.axes.iter().map(|axis| axis.and_then(|axis| self.axes[axis])).collect() }
    }

    /// The map back to a tensor of the given rank.
    pub fn inverse(&self, rank: usize) -> Self {
        let source = |axis| self.axes.iter().position(|&from| from == Some(axis));
        Self { axes: (0..rank).map(source).collect() }
    }

    /// The shape of the result.
    pub fn apply_to_shape(&self, shape: &[usize]) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.map_or(1, |axis| shape[axis])).collect()
    }

    /// Whether the elements stay in order, so that the map is no more than a reshape.
    pub fn keeps_order(&self, shape: &[usize]) -> bool {
        let moved = self.axes.iter().flatten().filter(|&&axis| shape[axis] != 1);
        moved.is_sorted_by(|a, b| a < b)
    }

    /// Whether the map changes nothing at all.
    pub fn is_identity(&self, shape: &[usize]) -> bool {
        self.keeps_order(shape) && self.apply_to_shape(shape) == shape
    }

    /// The transpose and the reshape that make up the map; each is absent where it is not needed.
    pub fn steps(&self, shape: &[usize]) -> (Option<Vec<usize>>, Option<Vec<usize>>) {
        let result = self.apply_to_shape(shape);
        if self.keeps_order(shape) {
            return (None, (result != shape).then_some(result));
        }
        let mut permutation: Vec<usize> = self.axes.iter().copied().flatten().collect();
        permutation.extend((0..shape.len()).filter(|axis| !self.axes.contains(&Some(*axis))));
        let transposed: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
        (Some(permutation), (result != transposed).then_some(result))
    }

    /// The elements of a tensor of the given shape, in the order of the result.
    pub fn apply_to_values<T: Copy>(&self, values: &[T], shape: &[usize]) -> Vec<T> {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        let mut positions = vec![0];
        for axis in &self.axes {
            let Some(axis) = *axis else { continue };
            let steps = |&position: &usize| (0..shape[axis]).map(move |step| (position, step));
            positions = positions
                .iter()
                .flat_map(steps)
                .map(|(position, step)| position + step * strides[axis])
                .collect();
        }
        positions.into_iter().map(|position| values[position]).collect()
    }
}

/// Where a tensor comes from when the nodes before it that only move axes are taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The tensor before all moves.
    pub root: TensorId,
    /// All moves together.
    pub map: AxisMap,
    /// How many nodes make the moves.
    pub length: usize,
}

impl Chain {
    /// The chain of nodes that ends in a tensor; of length 0 if its producer does more than move axes.
    pub fn ending_in(graph: &Graph, tensor: TensorId) -> Self {
        let mut chain = Self { root: tensor, map: AxisMap::identity(graph.shape(tensor).len()), length: 0 };
        while let Some(node) = graph.producer(chain.root).map(|index| &graph.nodes[index]) {
            let Some(map) = AxisMap::of_node(graph, node) else { break };
            chain.map = map.then(&chain.map);
            chain.root = node.inputs[0];
            chain.length += 1;
        }
        chain
    }

    /// Whether elements change their order along the chain.
    pub fn is_real(&self, graph: &Graph) -> bool {
        !self.map.keeps_order(graph.shape(self.root))
    }
}

/// Inserts the nodes of a map at a position, so that `output`, which no node may compute yet, is the result.
pub fn insert(graph: &mut Graph, position: usize, input: TensorId, map: &AxisMap, output: TensorId) {
    let name = format!("{}.layout", graph.tensor(input).name);
    let (transpose, reshape) = map.steps(graph.shape(input));
    let Some(permutation) = transpose else {
        let node = Node { name, operator: Operator::Reshape, inputs: vec![input], output };
        return graph.nodes.insert(position, node);
    };
    let mut position = position;
    let mut result = output;
    if reshape.is_some() {
        let mut tensor = graph.tensor(input).clone();
        tensor.shape = permutation.iter().map(|&axis| graph.shape(input)[axis]).collect();
        tensor.name.clone_from(&name);
        result = graph.add_tensor(tensor);
    }
    let operator = Operator::Transpose { permutation };
    graph.nodes.insert(position, Node { name: name.clone(), operator, inputs: vec![input], output: result });
    if reshape.is_some() {
        position += 1;
        let name = format!("{name}.reshape");
        graph
            .nodes
            .insert(position, Node { name, operator: Operator::Reshape, inputs: vec![result], output });
    }
}

#[cfg(test)]
mod tests {
    use super::AxisMap;

    #[test]
    fn signal_to_channels_first_and_back_is_identity() {
        let to_signal = AxisMap::of_reshape(&[1, 1, 16, 8], &[1, 16, 8]).unwrap();
        let first = to_signal.then(&AxisMap::permutation(&[0, 2, 1]));
        assert_eq!(first.apply_to_shape(&[1, 1, 16, 8]), [1, 8, 16]);
        assert!(!first.keeps_order(&[1, 1, 16, 8]));
        let back = first.then(&first.inverse(4));
        assert!(back.is_identity(&[1, 1, 16, 8]));
    }

    #[test]
    fn moving_axes_of_extent_one_keeps_the_order() {
        let map = AxisMap::permutation(&[0, 3, 1, 2]);
        assert!(map.keeps_order(&[1, 49, 10, 1]));
        assert_eq!(map.steps(&[1, 49, 10, 1]), (None, Some(vec![1, 1, 49, 10])));
        assert!(!map.keeps_order(&[1, 49, 10, 2]));
        assert_eq!(AxisMap::of_reshape(&[2, 3], &[3, 2]), None);
    }

    #[test]
    fn values_follow_their_axes() {
        let map = AxisMap { axes: vec![Some(1), None, Some(0)] };
        assert_eq!(map.apply_to_values(&[0, 1, 2, 3, 4, 5], &[2, 3]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(map.steps(&[2, 3]), (Some(vec![1, 0]), Some(vec![3, 1, 2])));
    }
}
