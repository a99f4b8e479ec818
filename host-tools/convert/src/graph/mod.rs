//! The converter's own representation of a network.
//!
//! Convolution and pooling work on NHWC activations from the first moment on: an importer of an NCHW format wraps
//! them into [`Operator::Transpose`], and a pass removes the transposes again. So a graph has one meaning at every
//! stage, and any stage can be interpreted and compared with any other.

mod operator;
mod tensor;
mod validate;

use std::collections::{BTreeMap, HashMap};

pub use operator::{Activation, BinaryFunction, Operator, Padding, UnaryFunction};
pub use tensor::{Constant, DataType, FileLayout, Quantization, Tensor, TensorId};
pub use validate::broadcast;

/// One operator applied to tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The name in the model file where the node has a counterpart there.
    pub name: String,
    /// What is computed.
    pub operator: Operator,
    /// The operands, in the order that the [`Operator`] documents.
    pub inputs: Vec<TensorId>,
    /// The result; every tensor is the output of at most one node.
    pub output: TensorId,
}

/// A network: nodes in topological order over an arena of tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// The model's name.
    pub name: String,
    /// All tensors; a [`TensorId`] is an index into this list.
    pub tensors: Vec<Tensor>,
    /// All nodes; each comes after the nodes that produce its inputs.
    pub nodes: Vec<Node>,
    /// The tensors that the caller provides.
    pub inputs: Vec<TensorId>,
    /// The tensors that the caller wants.
    pub outputs: Vec<TensorId>,
    /// The inputs and outputs whose axes are in another order here than in the model file.
    pub file_layouts: BTreeMap<TensorId, FileLayout>,
}

impl Graph {
    /// Adds a tensor and says which id it got.
    pub fn add_tensor(&mut self, tensor: Tensor) -> TensorId {
        self.tensors.push(tensor);
        TensorId(self.tensors.len() - 1)
    }

    /// Adds a constant float tensor.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn add_constant(&mut self, name: impl Into<String>, shape: Vec<usize>, values: Vec<f32>) -> TensorId {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape {shape:?} does not fit the values");
        self.add_tensor(Tensor::constant(name, shape, Constant::floats(values)))
    }

    /// Appends a node with a new output tensor of the given shape, of the data type of the first input, and returns
    /// that tensor.
    pub fn add_node(
        &mut self,
        name: impl Into<String>,
        operator: Operator,
        inputs: Vec<TensorId>,
        shape: Vec<usize>,
    ) -> TensorId {
        let name = name.into();
        let data_type = inputs.first().map_or(DataType::F32, |&input| self.data_type(input));
        let output = self.add_tensor(Tensor::activation(name.clone(), shape, data_type));
        self.nodes.push(Node { name, operator, inputs, output });
        output
    }

    /// The tensor with this id.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// The tensor with this id, to be changed.
    pub fn tensor_mut(&mut self, id: TensorId) -> &mut Tensor {
        &mut self.tensors[id.0]
    }

    /// The tensor's shape.
    pub fn shape(&self, id: TensorId) -> &[usize] {
        &self.tensors[id.0].shape
    }

    /// The tensor's element type.
    pub fn data_type(&self, id: TensorId) -> DataType {
        self.tensors[id.0].data_type
    }

    /// The tensor's values if it is a float constant.
    pub fn float_constant(&self, id: TensorId) -> Option<&[f32]> {
        match &self.tensors[id.0].constant {
            Some(Constant::F32(values)) => Some(values),
            _ => None,
        }
    }

    /// The value if the tensor is a float constant whose elements are all equal.
    pub fn uniform_constant(&self, id: TensorId) -> Option<f32> {
        let (first, rest) = self.float_constant(id)?.split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }

    /// The index of the node that computes a tensor.
    pub fn producer(&self, id: TensorId) -> Option<usize> {
        self.nodes.iter().position(|node| node.output == id)
    }

    /// The indices of the nodes that read a tensor, in ascending order, each once.
    pub fn consumers(&self, id: TensorId) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.nodes[index].inputs.contains(&id)).collect()
    }

    /// The one node that reads a tensor, if exactly one does and the caller does not want the tensor as an output.
    pub fn only_consumer(&self, id: TensorId) -> Option<usize> {
        if self.outputs.contains(&id) {
            return None;
        }
        match self.consumers(id)[..] {
            [index] => Some(index),
            _ => None,
        }
    }

    /// Lets everything that reads `old`, the graph's outputs included, read `new` instead. An output's layout in the
    /// model file goes with it.
    pub fn replace_uses(&mut self, old: TensorId, new: TensorId) {
        if self.outputs.contains(&old)
            && let Some(layout) = self.file_layouts.remove(&old)
        {
            self.file_layouts.insert(new, layout);
        }
        let readers = self.nodes.iter_mut().flat_map(|node| &mut node.inputs).chain(&mut self.outputs);
        for id in readers.filter(|id| **id == old) {
            *id = new;
        }
    }

    /// Removes the nodes whose results nobody needs and the tensors that nobody names, and renumbers the rest.
    /// Returns the number of nodes removed. All [`TensorId`]s from before are invalid afterwards.
    pub fn remove_dead(&mut self) -> usize {
        let mut needed = vec![false; self.tensors.len()];
        for output in &self.outputs {
            needed[output.0] = true;
        }
        for node in self.nodes.iter().rev() {
            if needed[node.output.0] {
                for input in &node.inputs {
                    needed[input.0] = true;
                }
            }
        }
        let before = self.nodes.len();
        self.nodes.retain(|node| needed[node.output.0]);
        for input in &self.inputs {
            needed[input.0] = true;
        }
        self.keep_tensors(&needed);
        before - self.nodes.len()
    }

    fn keep_tensors(&mut self, needed: &[bool]) {
        let mut renumbered = HashMap::new();
        let mut kept = Vec::new();
        for (index, tensor) in std::mem::take(&mut self.tensors).into_iter().enumerate() {
            if needed[index] {
                renumbered.insert(TensorId(index), TensorId(kept.len()));
                kept.push(tensor);
            }
        }
        self.tensors = kept;
        for node in &mut self.nodes {
            node.output = renumbered[&node.output];
            for input in &mut node.inputs {
                *input = renumbered[input];
            }
        }
        for id in self.inputs.iter_mut().chain(&mut self.outputs) {
            *id = renumbered[id];
        }
        let layouts = std::mem::take(&mut self.file_layouts);
        self.file_layouts =
            layouts.into_iter().filter_map(|(id, layout)| Some((*renumbered.get(&id)?, layout))).collect();
    }
}
