//! What the lowering of every operator works with: the graph, the program under construction, and the checks that many
//! operators share.

use bytemuck::Pod;
use dunlin_runtime::format::{DataType, Operator};

use super::error::{PackError, Refusal};
use super::operators;
use super::view::{Affine, Place, View, ViewId, dims};
use super::weights_section::WeightsSection;
use crate::graph::{self, Constant, Graph, Node, Tensor, TensorId};
use crate::plan;

/// A remark on what was packed: nothing that stops anybody, but worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The node's name.
    pub node: String,
    /// The remark.
    pub message: String,
}

/// A step of the program.
#[derive(Debug)]
pub(super) struct LoweredStep {
    /// Index of the graph's node that it belongs to.
    pub node: usize,
    pub operator: Operator,
    pub inputs: Vec<ViewId>,
    pub output: ViewId,
    /// The record of the attributes.
    pub attributes: Vec<u8>,
    /// Multiplications of weights and activations.
    pub macs: u64,
    /// Bytes in the weights section that it refers to.
    pub weight_bytes: usize,
}

/// The program under construction.
#[derive(Debug)]
pub(super) struct Lowering<'g> {
    pub graph: &'g Graph,
    pub weights: WeightsSection,
    pub views: Vec<View>,
    pub buffers: Vec<plan::Buffer>,
    pub steps: Vec<LoweredStep>,
    pub notes: Vec<Note>,
    view_of: Vec<Option<ViewId>>,
    node: usize,
}

impl<'g> Lowering<'g> {
    /// Lowers all nodes.
    ///
    /// # Errors
    /// The first node, input or output that a blob cannot express.
    pub fn run(graph: &'g Graph) -> Result<Self, PackError> {
        graph.validate()?;
        let mut lowering = Lowering {
            graph,
            weights: WeightsSection::with_capacity(graph.tensors.iter().map(constant_bytes).sum()),
            views: Vec::new(),
            buffers: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            view_of: vec![None; graph.tensors.len()],
            node: 0,
        };
        for &input in &graph.inputs {
            let view = lowering.define(input).map_err(|refusal| interface(graph, "input", input, refusal))?;
            lowering.buffer_of(view, |buffer| buffer.is_input = true);
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            lowering.node = index;
            operators::lower(&mut lowering, node).map_err(|Refusal { problem, advice }| PackError::Node {
                node: node.name.clone(),
                operator: node.operator.to_string(),
                problem,
                advice,
            })?;
        }
        for &output in &graph.outputs {
            let computed = lowering.view_of[output.0].filter(|view| !lowering.view(*view).is_constant());
            let view = computed.ok_or_else(|| {
                let refusal = Refusal::new(
                    "it does not depend on any input",
                    "remove it from the model's outputs and keep the constant in the application",
                );
                interface(graph, "output", output, refusal)
            })?;
            lowering.buffer_of(view, |buffer| buffer.is_output = true);
        }
        Ok(lowering)
    }

    fn buffer_of(&mut self, view: ViewId, change: impl FnOnce(&mut plan::Buffer)) {
        if let Place::Buffer(buffer) = self.views[view.0].place {
            change(&mut self.buffers[buffer]);
        }
    }

    /// The view of a graph's input or output.
    pub fn interface(&self, id: TensorId) -> ViewId {
        let Some(view) = self.view_of[id.0] else { unreachable!("`run` has seen inputs and outputs") };
        view
    }

    /// The view with this id.
    pub fn view(&self, id: ViewId) -> &View {
        &self.views[id.0]
    }

    /// Adds a view.
    pub fn add_view(&mut self, view: View) -> ViewId {
        self.views.push(view);
        ViewId(self.views.len() - 1)
    }

    /// Adds a view with memory of its own.
    pub fn add_buffer(&mut self, name: impl Into<String>, view: View) -> ViewId {
        let (name, bytes) = (name.into(), view.bytes());
        self.buffers.push(plan::Buffer { name, bytes, is_input: false, is_output: false });
        let place = Place::Buffer(self.buffers.len() - 1);
        self.add_view(View { place, ..view })
    }

    /// The operand of a node: what was computed before, or a constant, which comes to the weights section.
    ///
    /// # Errors
    /// If it is a constant that cannot be an operand.
    pub fn operand(&mut self, id: TensorId) -> Result<ViewId, Refusal> {
        if let Some(view) = self.view_of[id.0] {
            return Ok(view);
        }
        let tensor = self.graph.tensor(id);
        let content = match &tensor.constant {
            Some(Constant::F32(values)) => bytemuck::cast_slice(values),
            Some(Constant::I8(values)) => bytemuck::cast_slice(values),
            Some(Constant::I32(_)) => return Err(Refusal::defect("an operand is an int32 constant")),
            None => return Err(Refusal::defect("an operand is never computed")),
        };
        let view = self.describe(id)?;
        let place = Place::Constant(self.weights.add_table(content));
        let view = self.add_view(View { place, ..view });
        self.view_of[id.0] = Some(view);
        Ok(view)
    }

    /// The operand of a node, which must not be a constant.
    ///
    /// # Errors
    /// If it is one.
    pub fn variable(&mut self, id: TensorId) -> Result<ViewId, Refusal> {
        match self.operand(id) {
            Ok(view) if self.view(view).is_constant() => Err(Refusal::defect(format!(
                "its operand `{}` is a constant, which a pass should have folded",
                self.graph.tensor(id).name
            ))),
            other => other,
        }
    }

    /// The result of a node, in memory of its own.
    ///
    /// # Errors
    /// If it is int8 without a quantization, or int32.
    pub fn define(&mut self, id: TensorId) -> Result<ViewId, Refusal> {
        let view = self.describe(id)?;
        let view = self.add_buffer(self.graph.tensor(id).name.clone(), view);
        self.view_of[id.0] = Some(view);
        Ok(view)
    }

    /// Lets the result of a node be an operand's elements in another shape.
    pub fn alias(&mut self, operand: ViewId, id: TensorId) {
        let view = self.view(operand).reshaped(self.graph.shape(id));
        self.view_of[id.0] = Some(self.add_view(view));
    }

    /// A tensor as a view of the buffer that comes next.
    fn describe(&self, id: TensorId) -> Result<View, Refusal> {
        let tensor = self.graph.tensor(id);
        let (data_type, quantization) = match tensor.data_type {
            graph::DataType::F32 => (DataType::Float32, None),
            graph::DataType::I8 => (DataType::Int8, Some(self.affine(id)?)),
            graph::DataType::I32 => return Err(Refusal::defect("it computes with int32 tensors")),
        };
        let (rank, place) = (tensor.shape.len() as u8, Place::Buffer(self.buffers.len()));
        Ok(View { data_type, rank, dims: dims(&tensor.shape), quantization, place })
    }

    /// The quantization of an int8 activation or operand.
    ///
    /// # Errors
    /// If there is none, or not one for the whole tensor.
    pub fn affine(&self, id: TensorId) -> Result<Affine, Refusal> {
        let tensor = self.graph.tensor(id);
        let quantization = tensor.quantization.as_ref().filter(|quantization| quantization.axis.is_none());
        let pair = quantization.and_then(|quantization| {
            Some((*quantization.scales.first()?, *quantization.zero_points.first()?))
        });
        match pair {
            Some((scale, zero_point))
                if scale.is_finite() && scale > 0.0 && (-128..=127).contains(&zero_point) =>
            {
                Ok(Affine { scale, zero_point })
            }
            _ => {
                Err(Refusal::defect(format!("tensor `{}` has no scale and zero point of int8", tensor.name)))
            }
        }
    }

    /// Checks that operands and result are of one type, and returns it.
    ///
    /// # Errors
    /// If they are not.
    pub fn same_type(&self, node: &Node, operands: &[TensorId]) -> Result<graph::DataType, Refusal> {
        let data_type = self.graph.data_type(node.output);
        if operands.iter().all(|&id| self.graph.data_type(id) == data_type) {
            return Ok(data_type);
        }
        Err(Refusal::defect("it mixes int8 and float32 operands"))
    }

    /// The int8 constant of a layer and the scale of each output channel, which are indices of `axis`.
    ///
    /// # Errors
    /// If it is not such a constant.
    pub fn weights_int8(&self, id: TensorId, axis: usize) -> Result<(&'g [i8], Vec<f32>), Refusal> {
        let tensor = self.graph.tensor(id);
        let (Some(Constant::I8(values)), Some(quantization)) = (&tensor.constant, &tensor.quantization)
        else {
            return Err(Refusal::defect("its weights are not an int8 constant with scales"));
        };
        let channels = tensor.shape[axis];
        if quantization.zero_points.iter().any(|&zero_point| zero_point != 0) {
            return Err(Refusal::new(
                "its weights have a zero point other than 0",
                "quantize its weights symmetrically",
            ));
        }
        if values.contains(&i8::MIN) {
            return Err(Refusal::new(
                "its weights contain -128, which the TFLite quantization specification excludes",
                "quantize its weights to -127..127",
            ));
        }
        let scales = match quantization.axis {
            None => vec![quantization.scales[0]; channels],
            Some(found) if found == axis => quantization.scales.clone(),
            Some(found) => {
                return Err(Refusal::defect(format!("its weights have scales along axis {found}")));
            }
        };
        Ok((values, scales))
    }

    /// An int32 constant.
    ///
    /// # Errors
    /// If it is not one.
    pub fn bias_int8(&self, id: TensorId) -> Result<&'g [i32], Refusal> {
        match &self.graph.tensor(id).constant {
            Some(Constant::I32(values)) => Ok(values),
            _ => Err(Refusal::defect("its bias is not an int32 constant")),
        }
    }

    /// A float32 constant.
    ///
    /// # Errors
    /// If it is not one.
    pub fn constant_float32(&self, id: TensorId) -> Result<&'g [f32], Refusal> {
        self.graph
            .float_constant(id)
            .ok_or_else(|| Refusal::defect("its weights or bias are not a float32 constant"))
    }

    /// Adds a step of the current node.
    pub fn push(&mut self, operator: Operator, inputs: &[ViewId], output: ViewId, attributes: &impl Pod) {
        let constants = inputs.iter().filter(|id| self.view(**id).is_constant());
        let weight_bytes = constants.map(|id| self.view(*id).bytes()).sum();
        self.steps.push(LoweredStep {
            node: self.node,
            operator,
            inputs: inputs.to_vec(),
            output,
            attributes: bytemuck::bytes_of(attributes).to_vec(),
            macs: 0,
            weight_bytes,
        });
    }

    /// States what the step added last costs, besides constant operands.
    pub fn cost(&mut self, macs: u64, weight_bytes: usize) {
        if let Some(step) = self.steps.last_mut() {
            step.macs = macs;
            step.weight_bytes += weight_bytes;
        }
    }

    /// Remarks something about the current node.
    pub fn note(&mut self, message: impl Into<String>) {
        self.notes.push(Note { node: self.graph.nodes[self.node].name.clone(), message: message.into() });
    }

    /// The name of the current node with an ending, for a buffer that the graph does not have.
    pub fn name_behind(&self, ending: &str) -> String {
        format!("{}/{ending}", self.graph.nodes[self.node].name)
    }
}

/// Bytes of a constant, roughly as many as it takes when packed.
fn constant_bytes(tensor: &Tensor) -> usize {
    match &tensor.constant {
        Some(Constant::F32(values)) => size_of_val(&values[..]),
        Some(Constant::I32(values)) => size_of_val(&values[..]),
        Some(Constant::I8(values)) => values.len(),
        None => 0,
    }
}

fn interface(graph: &Graph, role: &'static str, id: TensorId, refusal: Refusal) -> PackError {
    let Refusal { problem, advice } = refusal;
    PackError::Interface { role, tensor: graph.tensor(id).name.clone(), problem, advice }
}
