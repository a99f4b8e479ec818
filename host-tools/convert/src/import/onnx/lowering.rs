//! What the lowering of every ONNX operator works with: the graph under construction and the facts about values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::{DatumType, Tensor as TractTensor};

use super::analysis::{Analysis, Value};
use super::weights::{WeightValues, Weights};
use crate::graph::{Graph, Operator, Tensor, TensorId, UnaryFunction};

/// Why a node could not be lowered.
#[derive(Debug)]
pub enum Refusal {
    /// The node is legal ONNX, but nothing that Dunlin converts.
    Unsupported {
        /// What exactly is not supported.
        reason: String,
        /// What to do about it, as an imperative sentence.
        advice: String,
    },
    /// The node contradicts the ONNX specification.
    Malformed(String),
}

impl Refusal {
    /// A refusal of legal ONNX.
    pub fn unsupported(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unsupported { reason: reason.into(), advice: advice.into() }
    }

    /// A refusal of illegal ONNX.
    pub fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed(problem.into())
    }
}

/// More elements than any device that this is for could hold.
const MOST_ELEMENTS: usize = 1 << 30;

/// A node's name, or that of its first output if it has none.
pub fn node_name(node: &NodeProto) -> String {
    let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
    name.cloned().unwrap_or_default()
}

/// The graph under construction and what is known about the ONNX values.
#[derive(Debug)]
pub struct Lowering {
    /// The graph so far.
    pub graph: Graph,
    /// The version of the ONNX operator set that the model names.
    pub opset: i64,
    analysis: Analysis,
    weights: Weights,
    tensors: HashMap<String, TensorId>,
    unknown: HashSet<String>,
}

impl Lowering {
    /// Starts with an empty graph.
    pub fn new(name: &str, opset: i64, analysis: Analysis, weights: Weights) -> Self {
        let graph = Graph { name: name.into(), ..Graph::default() };
        Self { graph, opset, analysis, weights, tensors: HashMap::new(), unknown: HashSet::new() }
    }

    /// What tract found out about a value.
    pub fn value(&self, name: &str) -> Value {
        self.analysis.values.get(name).cloned().unwrap_or_default()
    }

    /// Why tract's analysis stopped, if it did.
    pub fn analysis_failure(&self) -> Option<&str> {
        self.analysis.failure.as_deref()
    }

    /// The extents of a value.
    ///
    /// # Errors
    /// If tract could not determine them.
    pub fn shape_of(&self, name: &str) -> Result<Vec<usize>, Refusal> {
        self.value(name).shape.ok_or_else(|| match &self.analysis.failure {
            Some(failure) => {
                Refusal::malformed(format!("the shape of `{name}` cannot be determined: {failure}"))
            }
            None => Refusal::unsupported(
                format!("the shape of `{name}` is not known before the model runs"),
                "export the model with fixed shapes",
            ),
        })
    }

    /// The value's elements, if they do not depend on the model's inputs.
    pub fn constant(&self, name: &str) -> Option<Arc<TractTensor>> {
        self.value(name).constant
    }

    /// The name of a node's input, if the node has it.
    pub fn optional_input<'n>(&self, node: &'n NodeProto, index: usize) -> Option<&'n str> {
        node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of a node's input.
    ///
    /// # Errors
    /// If the node does not have it.
    pub fn input<'n>(&self, node: &'n NodeProto, index: usize) -> Result<&'n str, Refusal> {
        self.optional_input(node, index)
            .ok_or_else(|| Refusal::malformed(format!("input {index} is missing")))
    }

    /// A constant as floats, row-major, with its shape.
    ///
    /// # Errors
    /// If the value depends on the model's inputs or is not numeric.
    pub fn floats(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), Refusal> {
        let tensor = self.constant(name).ok_or_else(|| {
            Refusal::unsupported(
                format!("`{name}` depends on the model's inputs where only a constant will do"),
                "make it a constant before the export",
            )
        })?;
        let values =
            tensor.cast_to::<f32>().and_then(|cast| Ok(cast.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()));
        let values = values.map_err(|error| Refusal::malformed(format!("`{name}`: {error}")))?;
        Ok((values, tensor.shape().to_vec()))
    }

    /// The weights of a layer, row-major, with their shape. Large ones can be asked for once.
    ///
    /// # Errors
    /// As [`Self::floats`].
    pub fn weights(&mut self, name: &str) -> Result<(WeightValues, Vec<usize>), Refusal> {
        let decoded = |(values, shape)| (WeightValues::Decoded(values), shape);
        self.weights.take(name).map_or_else(|| self.floats(name).map(decoded), Ok)
    }

    /// Whether a value does not depend on the model's inputs.
    pub fn is_constant(&self, name: &str) -> bool {
        self.weights.holds(name) || self.constant(name).is_some()
    }

    /// A constant as integers, row-major.
    ///
    /// # Errors
    /// If the value depends on the model's inputs or is not numeric.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, Refusal> {
        let tensor = self.constant(name).ok_or_else(|| {
            Refusal::unsupported(
                format!("`{name}` depends on the model's inputs where only a constant will do"),
                "export the model with fixed shapes",
            )
        })?;
        let values =
            tensor.cast_to::<i64>().and_then(|cast| Ok(cast.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()));
        values.map_err(|error| Refusal::malformed(format!("`{name}`: {error}")))
    }

    /// A constant that has one element.
    ///
    /// # Errors
    /// As [`Self::floats`], and if there are several elements.
    pub fn scalar(&self, name: &str) -> Result<f32, Refusal> {
        match self.floats(name)?.0[..] {
            [value] => Ok(value),
            _ => Err(Refusal::malformed(format!("`{name}` must have one element"))),
        }
    }

    /// The tensor of a value; a constant enters the graph when it is first asked for.
    ///
    /// # Errors
    /// If the value is of unknown shape, not float, or of a rank above 4.
    pub fn tensor(&mut self, name: &str) -> Result<TensorId, Refusal> {
        if let Some(&id) = self.tensors.get(name) {
            return Ok(id);
        }
        if self.constant(name).is_none() {
            return Err(Refusal::malformed(format!("`{name}` is read before it is computed")));
        }
        let (values, shape) = self.floats(name)?;
        if shape.len() > 4 {
            return Err(rank_above_four(name, &shape));
        }
        let id = self.graph.add_constant(name, shape, values);
        self.tensors.insert(name.into(), id);
        Ok(id)
    }

    /// Adds a graph input.
    ///
    /// # Errors
    /// If its shape is unknown or its type is not float.
    pub fn add_input(&mut self, name: &str) -> Result<(), Refusal> {
        let shape = self.check_activation(name)?;
        let id = self.graph.add_tensor(Tensor::activation(name, shape, crate::graph::DataType::F32));
        self.graph.inputs.push(id);
        self.tensors.insert(name.into(), id);
        Ok(())
    }

    /// Lets a value of the ONNX graph be a tensor of ours.
    pub fn bind(&mut self, name: &str, id: TensorId) {
        self.tensors.insert(name.into(), id);
    }

    /// Lets the node's first output be a tensor of ours.
    pub fn bind_output(&mut self, node: &NodeProto, id: TensorId) {
        if let Some(output) = node.output.first() {
            self.bind(output, id);
        }
    }

    /// The extents of a value that is computed when the model runs.
    ///
    /// # Errors
    /// If they are unknown, the type is not float, or the rank is above 4.
    pub fn check_activation(&self, name: &str) -> Result<Vec<usize>, Refusal> {
        let shape = self.shape_of(name)?;
        match self.value(name).datum_type {
            Some(DatumType::F32) | None => {}
            Some(other) => {
                return Err(Refusal::unsupported(
                    format!("`{name}` holds {other:?} values, not 32-bit floats"),
                    "compute it in float32, or leave this part of the model to the code around it",
                ));
            }
        }
        if shape.len() > 4 {
            return Err(rank_above_four(name, &shape));
        }
        if shape.contains(&0) {
            return Err(Refusal::malformed(format!("`{name}` is empty: {shape:?}")));
        }
        if shape
            .iter()
            .try_fold(1, |count: usize, &extent| count.checked_mul(extent))
            .is_none_or(|n| n > MOST_ELEMENTS)
        {
            return Err(Refusal::unsupported(
                format!("`{name}` has the shape {shape:?}, more than 2³⁰ elements"),
                "make the model smaller",
            ));
        }
        Ok(shape)
    }

    /// Notes that a value cannot be had because the node that computes it was refused. Where its shape is known it
    /// gets a stand-in, so that the nodes after it are checked as well.
    pub fn give_up(&mut self, name: &str) {
        match self.check_activation(name) {
            Ok(shape) => {
                let id = self.graph.add_tensor(Tensor::activation(name, shape, crate::graph::DataType::F32));
                self.tensors.insert(name.into(), id);
            }
            Err(_) => {
                self.unknown.insert(name.into());
            }
        }
    }

    /// Whether nothing can be said about a value, since a node before it was refused.
    pub fn is_unknown(&self, name: &str) -> bool {
        self.unknown.contains(name)
    }

    /// The shape of a tensor of the graph.
    pub fn shape(&self, id: TensorId) -> Vec<usize> {
        self.graph.shape(id).to_vec()
    }

    /// Appends a node whose output shape follows from its inputs.
    ///
    /// # Errors
    /// If the inputs do not fit the operator.
    pub fn emit(
        &mut self,
        name: &str,
        operator: Operator,
        inputs: Vec<TensorId>,
    ) -> Result<TensorId, Refusal> {
        let output = self.graph.add_node(name, operator, inputs, Vec::new());
        let node = self.graph.nodes.last().expect("a node was just added");
        let shape = self.graph.output_shape(node).map_err(Refusal::Malformed)?;
        let shape =
            shape.ok_or_else(|| Refusal::malformed("the output shape does not follow from the inputs"))?;
        self.graph.tensor_mut(output).shape = shape;
        Ok(output)
    }

    /// Appends a unary function.
    ///
    /// # Errors
    /// As [`Self::emit`].
    pub fn emit_unary(
        &mut self,
        name: &str,
        function: UnaryFunction,
        x: TensorId,
    ) -> Result<TensorId, Refusal> {
        self.emit(name, Operator::Unary { function }, vec![x])
    }

    /// Appends a reshape, unless the tensor has the shape already.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn emit_reshape(&mut self, name: &str, x: TensorId, shape: Vec<usize>) -> Result<TensorId, Refusal> {
        if self.graph.shape(x) == shape {
            return Ok(x);
        }
        if self.graph.tensor(x).element_count() != shape.iter().product::<usize>() {
            return Err(Refusal::malformed(format!("cannot reshape {:?} to {shape:?}", self.graph.shape(x))));
        }
        Ok(self.graph.add_node(name, Operator::Reshape, vec![x], shape))
    }

    /// Appends a transpose, unless the permutation is the identity.
    ///
    /// # Errors
    /// If the permutation does not fit the rank.
    pub fn emit_transpose(
        &mut self,
        name: &str,
        x: TensorId,
        permutation: &[usize],
    ) -> Result<TensorId, Refusal> {
        if permutation.iter().copied().eq(0..permutation.len()) {
            return Ok(x);
        }
        self.emit(name, Operator::Transpose { permutation: permutation.to_vec() }, vec![x])
    }

    /// From ONNX's channels-first to NHWC; a signal \[n, c, w\] becomes \[n, 1, w, c\].
    ///
    /// # Errors
    /// If the rank is neither 3 nor 4.
    pub fn channels_last(&mut self, name: &str, x: TensorId) -> Result<TensorId, Refusal> {
        let name = format!("{name}.channels_last");
        match self.shape(x)[..] {
            [_, _, _, _] => self.emit_transpose(&name, x, &[0, 2, 3, 1]),
            [n, c, w] => {
                let transposed = self.emit_transpose(&name, x, &[0, 2, 1])?;
                self.emit_reshape(&name, transposed, vec![n, 1, w, c])
            }
            _ => Err(Refusal::unsupported(
                format!("an input of shape {:?} is neither an image nor a signal", self.shape(x)),
                "use the one- or two-dimensional operator",
            )),
        }
    }

    /// From NHWC back to ONNX's channels-first of the given rank.
    ///
    /// # Errors
    /// As [`Self::emit`].
    pub fn channels_first(&mut self, name: &str, x: TensorId, rank: usize) -> Result<TensorId, Refusal> {
        let name = format!("{name}.channels_first");
        if rank == 4 {
            return self.emit_transpose(&name, x, &[0, 3, 1, 2]);
        }
        let [n, _, w, c] = self.shape(x)[..] else {
            return Err(Refusal::malformed("a signal must have rank 4 in NHWC"));
        };
        let signal = self.emit_reshape(&name, x, vec![n, w, c])?;
        self.emit_transpose(&name, signal, &[0, 2, 1])
    }
}

fn rank_above_four(name: &str, shape: &[usize]) -> Refusal {
    Refusal::unsupported(
        format!("`{name}` has rank {} ({shape:?}), the limit is 4", shape.len()),
        "rewrite this part of the model with at most four axes",
    )
}

/// An axis of a tensor of this rank, counted from the end where negative.
///
/// # Errors
/// If there is no such axis.
pub fn axis_of_rank(axis: i64, rank: usize) -> Result<usize, Refusal> {
    let signed = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(signed)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| Refusal::malformed(format!("axis {axis} of rank {rank}")))
}
