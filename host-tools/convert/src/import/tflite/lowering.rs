//! What the lowering of every TFLite operator works with: the file, the graph under construction, and the checks that
//! many operators share.

use std::collections::HashMap;

use super::flatbuffer::Damage;
use super::schema::{Model, Options};
use super::tensors;
use crate::graph::{Constant, DataType, Graph, Node, Operator, Quantization, Tensor, TensorId};

/// What to do about an operator that would have to change the quantization of what it only moves.
const KEEP_QUANTIZATION: &str =
    "convert the model again with a converter that gives both sides the same quantization";

/// Why an operator could not be lowered.
#[derive(Debug)]
pub enum Refusal {
    /// The operator is legal TFLite, but nothing that Dunlin converts.
    Unsupported {
        /// What exactly is not supported.
        reason: String,
        /// What to do about it, as an imperative sentence.
        advice: String,
    },
    /// The operator contradicts the TFLite schema or the meaning of the operator.
    Malformed(String),
}

impl Refusal {
    /// A refusal of legal TFLite.
    pub fn unsupported(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unsupported { reason: reason.into(), advice: advice.into() }
    }

    /// A refusal of illegal TFLite.
    pub fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed(problem.into())
    }
}

impl From<Damage> for Refusal {
    fn from(damage: Damage) -> Self {
        Self::Malformed(damage.to_string())
    }
}

/// One operator of the file.
#[derive(Debug)]
pub struct Call<'a> {
    /// The name of the first output: TFLite operators have none of their own.
    pub name: String,
    /// What is computed, for instance `CONV_2D`.
    pub operator: &'a str,
    /// Tensor indices of the operands; `None` for one that is left out.
    pub inputs: Vec<Option<usize>>,
    /// Tensor indices of the results.
    pub outputs: Vec<usize>,
    /// The operator's own settings.
    pub options: Options<'a>,
}

impl Call<'_> {
    /// The tensor index of an operand that is perhaps left out.
    pub fn optional_input(&self, index: usize) -> Option<usize> {
        self.inputs.get(index).copied().flatten()
    }

    /// The tensor index of an operand.
    pub fn input(&self, index: usize) -> Result<usize, Refusal> {
        self.optional_input(index).ok_or_else(|| Refusal::malformed(format!("input {index} is missing")))
    }

    /// The tensor index of the only result.
    pub fn output(&self) -> Result<usize, Refusal> {
        match self.outputs[..] {
            [output] => Ok(output),
            _ => Err(Refusal::malformed(format!("{} outputs instead of one", self.outputs.len()))),
        }
    }
}

/// How many more bytes of constants may be copied out of the file. A file may refer to the same bytes from any number
/// of tensors, so that without a limit a small file could ask for any amount of memory.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// Enough for files that share buffers for a good reason.
    pub fn for_file(length: usize) -> Self {
        Self(length.saturating_mul(16))
    }

    /// Takes the bytes of one constant.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        let rest = self.0.checked_sub(bytes);
        self.0 =
            rest.ok_or_else(|| Refusal::malformed("the constants are many times as large as the file"))?;
        Ok(())
    }
}

/// The graph under construction.
#[derive(Debug)]
pub struct Lowering<'a> {
    /// The graph so far.
    pub graph: Graph,
    model: &'a Model<'a>,
    tensors: HashMap<usize, TensorId>,
    budget: Budget,
}

impl<'a> Lowering<'a> {
    /// Starts with an empty graph.
    pub fn new(model: &'a Model<'a>, budget: Budget) -> Self {
        let graph = Graph { name: model.name.clone(), ..Graph::default() };
        Self { graph, model, tensors: HashMap::new(), budget }
    }

    /// The graph's tensor for a tensor of the file.
    ///
    /// # Errors
    /// If the file's tensor is malformed or of a kind that Dunlin does not have.
    pub fn tensor(&mut self, index: usize) -> Result<TensorId, Refusal> {
        if let Some(&id) = self.tensors.get(&index) {
            return Ok(id);
        }
        let tensor = tensors::import(self.model, index, &mut self.budget)?;
        let id = self.graph.add_tensor(tensor);
        self.tensors.insert(index, id);
        Ok(id)
    }

    /// Adds a constant that is made from one of the file.
    pub fn derived_constant(&mut self, tensor: Tensor) -> Result<TensorId, Refusal> {
        self.budget.spend(tensor.element_count() * size_of::<f32>())?;
        Ok(self.graph.add_tensor(tensor))
    }

    /// The graph's tensor for an operand.
    pub fn input(&mut self, call: &Call, index: usize) -> Result<TensorId, Refusal> {
        self.tensor(call.input(index)?)
    }

    /// The graph's tensor for the only result.
    pub fn output(&mut self, call: &Call) -> Result<TensorId, Refusal> {
        self.tensor(call.output()?)
    }

    /// An operand that holds integers known at conversion: axes, extents, paddings.
    ///
    /// # Errors
    /// If the operand is computed or does not hold integers.
    pub fn integers(&self, call: &Call, index: usize) -> Result<Vec<i64>, Refusal> {
        tensors::integers(self.model, call.input(index)?)
    }

    /// An operand that holds one extent for each axis of `rank`.
    pub fn extents(&self, call: &Call, index: usize, rank: usize) -> Result<Vec<usize>, Refusal> {
        let extents: Option<Vec<usize>> = self
            .integers(call, index)?
            .into_iter()
            .map(|value| u16::try_from(value).ok().map(usize::from))
            .collect();
        extents
            .filter(|extents| extents.len() == rank)
            .ok_or_else(|| Refusal::malformed(format!("input {index} does not fit rank {rank}")))
    }

    /// Appends a node that computes `output`, which must have the shape that the operator gives.
    pub fn emit(
        &mut self,
        name: &str,
        operator: Operator,
        inputs: Vec<TensorId>,
        output: TensorId,
    ) -> Result<(), Refusal> {
        let node = Node { name: name.into(), operator, inputs, output };
        match self.graph.output_shape(&node) {
            Err(problem) => return Err(Refusal::Malformed(problem)),
            Ok(Some(shape)) if shape != self.graph.shape(output) => {
                let declared = self.graph.shape(output);
                return Err(Refusal::malformed(format!("the output has shape {declared:?}, not {shape:?}")));
            }
            Ok(_) => self.graph.nodes.push(node),
        }
        Ok(())
    }

    /// Appends a node that gives a tensor's elements another shape, and returns the result; the tensor itself if it
    /// has that shape.
    pub fn reshaped(&mut self, name: &str, input: TensorId, shape: Vec<usize>) -> Result<TensorId, Refusal> {
        if self.graph.shape(input) == shape {
            return Ok(input);
        }
        let output = self.graph.add_tensor(Tensor {
            name: name.into(),
            shape,
            constant: None,
            ..self.graph.tensor(input).clone()
        });
        self.emit(name, Operator::Reshape, vec![input], output)?;
        Ok(output)
    }

    /// Checks that activations are all int8 or all float32.
    pub fn same_type(&self, tensors: &[TensorId]) -> Result<DataType, Refusal> {
        let data_type = self.graph.data_type(tensors[0]);
        if tensors.iter().any(|&id| self.graph.data_type(id) != data_type) {
            return Err(Refusal::unsupported(
                "it mixes int8 and float32 activations",
                "convert the model with a representative data set and int8 activations, or without quantization",
            ));
        }
        if data_type == DataType::I32 {
            return Err(Refusal::unsupported(
                "it computes with int32 tensors",
                "fix the model's shapes, so that shapes are not computed when it runs",
            ));
        }
        Ok(data_type)
    }

    /// Checks that an operator that only moves elements need not change them.
    pub fn same_quantization(&self, tensors: &[TensorId]) -> Result<(), Refusal> {
        self.same_type(tensors)?;
        let quantization = |id: TensorId| self.graph.tensor(id).quantization.as_ref();
        let first = quantization(tensors[0]);
        if tensors.iter().all(|&id| quantization(id) == first) {
            return Ok(());
        }
        Err(Refusal::unsupported("its output is quantized differently from its input", KEEP_QUANTIZATION))
    }

    /// The weights of a layer whose activations have this type.
    pub fn weights(&mut self, call: &Call, index: usize, activations: DataType) -> Result<TensorId, Refusal> {
        let weights = self.input(call, index)?;
        let tensor = self.graph.tensor(weights);
        if !tensor.is_constant() {
            return Err(Refusal::unsupported(
                "its weights are computed when the model runs",
                "make them constant",
            ));
        }
        if tensor.data_type != activations {
            return Err(Refusal::unsupported(
                "its weights and activations are not both int8 or both float32",
                "convert the model with a representative data set and int8 activations, or without quantization",
            ));
        }
        if tensor
            .quantization
            .iter()
            .flat_map(|quantization| &quantization.zero_points)
            .any(|&zero| zero != 0)
        {
            return Err(Refusal::unsupported(
                "its weights have a zero point other than 0",
                "convert the model again with today's TFLite converter, which quantizes weights symmetrically",
            ));
        }
        Ok(weights)
    }

    /// The bias of a layer: the third operand, or zeros.
    pub fn bias(&mut self, call: &Call, weights: TensorId, channels: usize) -> Result<TensorId, Refusal> {
        let quantized = self.graph.data_type(weights) == DataType::I8;
        let expected = if quantized { DataType::I32 } else { DataType::F32 };
        if let Some(index) = call.optional_input(2) {
            let bias = self.tensor(index)?;
            let tensor = self.graph.tensor(bias);
            if tensor.is_constant() && tensor.data_type == expected {
                return Ok(bias);
            }
            return Err(Refusal::unsupported(
                "its bias is computed, or not int32 for int8 and float32 for float32",
                "convert the model again with today's TFLite converter",
            ));
        }
        let values =
            if quantized { Constant::I32(vec![0; channels]) } else { Constant::floats(vec![0.0; channels]) };
        let mut tensor = Tensor::constant(format!("{}/bias", call.name), vec![channels], values);
        if quantized {
            let input = self.input(call, 0)?;
            tensor.quantization = self.bias_quantization(input, weights);
        }
        self.derived_constant(tensor)
    }

    /// The quantization in which products of activations and weights can be added to a bias.
    fn bias_quantization(&self, input: TensorId, weights: TensorId) -> Option<Quantization> {
        let input = self.graph.tensor(input).quantization.as_ref()?;
        let weights = self.graph.tensor(weights).quantization.as_ref()?;
        Some(Quantization {
            scales: weights.scales.iter().map(|scale| scale * input.scales[0]).collect(),
            zero_points: vec![0; weights.scales.len()],
            axis: weights.axis.map(|_| 0),
        })
    }
}

/// A setting that counts pixels, channels or elements.
pub fn positive(value: i32, what: &str) -> Result<usize, Refusal> {
    match u16::try_from(value) {
        Ok(value) if value > 0 => Ok(value.into()),
        _ => Err(Refusal::malformed(format!("{what} of {value}"))),
    }
}

/// An axis, counted from the end if negative.
pub fn axis(value: i64, rank: usize) -> Result<usize, Refusal> {
    let from_start = if value < 0 { value.checked_add(rank as i64) } else { Some(value) };
    from_start
        .and_then(|value| usize::try_from(value).ok())
        .filter(|&value| value < rank)
        .ok_or_else(|| Refusal::malformed(format!("axis {value} of rank {rank}")))
}
