//! Large weights, which the analysis of a graph does not need.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{self, Tensor};
use tract_onnx::pb::{GraphProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto};

/// Weights of fewer bytes stay where they are.
const LARGE: usize = 1 << 14;

/// Large weights of convolutions and dense layers, which were taken out of a graph: tract would copy all of them.
#[derive(Debug, Default)]
pub struct Weights {
    tensors: HashMap<String, TensorProto>,
}

impl Weights {
    /// Takes the large float weights out of `graph` that one layer alone reads, and declares them as inputs in their place.
    pub fn set_aside(graph: &mut GraphProto) -> Weights {
        let names = read_by_one_layer(graph);
        let is_large = |tensor: &mut TensorProto| {
            names.contains(&tensor.name)
                && tensor.data_type == DataType::Float as i32
                && tensor.data_location != Some(DataLocation::External as i32)
                && tensor.raw_data.len() >= LARGE
        };
        let tensors: Vec<TensorProto> = graph.initializer.extract_if(.., is_large).collect();
        graph.input.extend(tensors.iter().map(declaration));
        Weights { tensors: tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect() }
    }

    /// Puts back what [`Weights::set_aside`] took out.
    pub fn put_back(self, graph: &mut GraphProto) {
        self.withdraw_inputs(graph);
        graph.initializer.extend(self.tensors.into_values());
    }

    /// Removes the inputs in their place.
    pub fn withdraw_inputs(&self, graph: &mut GraphProto) {
        graph.input.retain(|input| !self.tensors.contains_key(&input.name));
    }

    /// Whether these weights were set aside and not taken yet.
    pub fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes the values and extents of weights that were set aside.
    pub fn take(&mut self, name: &str) -> Option<(WeightValues, Vec<usize>)> {
        let TensorProto { raw_data, dims, .. } = self.tensors.remove(name)?;
        Some((WeightValues::Stored(raw_data), dims.iter().map(|&extent| extent as usize).collect()))
    }
}

/// The values of a layer's weights, row-major. A layer puts them in an order of its own, so those of the file are not decoded before that:
/// the large ones would be in memory three times.
#[derive(Debug)]
pub enum WeightValues {
    /// As they are in the file: little-endian floats.
    Stored(Vec<u8>),
    /// Decoded.
    Decoded(Vec<f32>),
}

impl WeightValues {
    /// The number of values.
    pub fn count(&self) -> usize {
        match self {
            WeightValues::Stored(bytes) => bytes.len() / size_of::<f32>(),
            WeightValues::Decoded(values) => values.len(),
        }
    }

    /// The values at these indices, in their order.
    ///
    /// # Panics
    /// If there is no value at an index.
    pub fn in_order(&self, indices: impl Iterator<Item = usize>) -> Vec<f32> {
        let mut ordered = Vec::with_capacity(self.count());
        match self {
            WeightValues::Stored(bytes) => {
                let (values, _) = bytes.as_chunks();
                ordered.extend(indices.map(|index| f32::from_le_bytes(values[index])));
            }
            WeightValues::Decoded(values) => ordered.extend(indices.map(|index| values[index])),
        }
        ordered
    }
}

/// Names that occur once in the graph, as the second input of a layer.
fn read_by_one_layer(graph: &GraphProto) -> HashSet<String> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    let inputs = graph.node.iter().flat_map(|node| &node.input);
    let interface = graph.input.iter().chain(&graph.output).map(|value| &value.name);
    for name in inputs.chain(interface) {
        *uses.entry(name).or_default() += 1;
    }
    let layers = graph.node.iter().filter(|node| matches!(&*node.op_type, "Conv" | "Gemm"));
    let weights = layers.filter_map(|node| node.input.get(1));
    let has_subgraphs = graph
        .node
        .iter()
        .flat_map(|node| &node.attribute)
        .any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty());
    weights.filter(|name| uses.get(name.as_str()) == Some(&1) && !has_subgraphs).cloned().collect()
}

fn declaration(tensor: &TensorProto) -> ValueInfoProto {
    let dimension =
        |&extent: &i64| Dimension { value: Some(dimension::Value::DimValue(extent)), ..Dimension::default() };
    let shape = TensorShapeProto { dim: tensor.dims.iter().map(dimension).collect() };
    let declared = Tensor { elem_type: tensor.data_type, shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(declared)), ..TypeProto::default() };
    ValueInfoProto { name: tensor.name.clone(), r#type: Some(r#type), ..ValueInfoProto::default() }
}
