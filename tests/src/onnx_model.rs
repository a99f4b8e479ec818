//! Writes small ONNX models, as an exporter would.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

use crate::random::Random;

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f32),
    /// A list of integers.
    Integers(&'a [i64]),
    /// A string.
    Text(&'a str),
}

/// An ONNX model under construction, with one input `x` and one output `y`.
#[derive(Debug)]
pub struct OnnxModel {
    graph: GraphProto,
    opset: i64,
    random: Random,
}

impl OnnxModel {
    /// A model with an input `x` of the given shape.
    pub fn new(opset: i64, shape: &[i64]) -> Self {
        let graph = GraphProto {
            name: "test".into(),
            input: vec![value_info("x", Some(shape))],
            output: vec![value_info("y", None)],
            ..GraphProto::default()
        };
        Self { graph, opset, random: Random::new(1) }
    }

    /// Adds a constant of random values between −1 and 1 and returns its name.
    pub fn weights(&mut self, shape: &[i64]) -> String {
        let count = shape.iter().product::<i64>() as usize;
        let values = (0..count).map(|_| self.random.between(-1.0, 1.0)).collect();
        self.floats(shape, values)
    }

    /// Adds a constant of random values between 0.5 and 1.5 and returns its name.
    pub fn positive_weights(&mut self, shape: &[i64]) -> String {
        let count = shape.iter().product::<i64>() as usize;
        let values = (0..count).map(|_| self.random.between(0.5, 1.5)).collect();
        self.floats(shape, values)
    }

    /// Adds a constant and returns its name.
    pub fn floats(&mut self, shape: &[i64], values: Vec<f32>) -> String {
        let name = format!("constant{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: shape.to_vec(),
            data_type: DataType::Float as i32,
            float_data: values,
            ..TensorProto::default()
        });
        name
    }

    /// Adds a one-dimensional constant of integers and returns its name.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("constant{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        name
    }

    /// Adds a node.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
    ) -> &mut Self {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect();
        self.graph.node.push(NodeProto {
            name: format!("{operator}_{}", self.graph.node.len()),
            op_type: operator.into(),
            input: texts(inputs),
            output: texts(outputs),
            attribute: attributes.iter().map(|(name, value)| attribute(name, *value)).collect(),
            ..NodeProto::default()
        });
        self
    }

    /// Lets an axis of the input be open, with a name.
    pub fn open_axis(&mut self, axis: usize, name: &str) -> &mut Self {
        let declared = self.graph.input[0].r#type.as_mut().and_then(|declared| declared.value.as_mut());
        if let Some(type_proto::Value::TensorType(type_proto::Tensor { shape: Some(shape), .. })) = declared {
            shape.dim[axis].value = Some(dimension::Value::DimParam(name.into()));
        }
        self
    }

    /// Lets the node added last be of another domain.
    pub fn domain(&mut self, domain: &str) -> &mut Self {
        if let Some(node) = self.graph.node.last_mut() {
            node.domain = domain.into();
        }
        self
    }

    /// Adds a batch normalisation of random parameters.
    pub fn batch_normalization(&mut self, input: &str, output: &str, channels: i64) -> &mut Self {
        let scale = self.weights(&[channels]);
        let shift = self.weights(&[channels]);
        let mean = self.weights(&[channels]);
        let variance = self.positive_weights(&[channels]);
        self.node("BatchNormalization", &[input, &scale, &shift, &mean, &variance], &[output], &[])
    }

    /// The model as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let model = ModelProto {
            ir_version: 7,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            graph: Some(self.graph.clone()),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

fn value_info(name: &str, shape: Option<&[i64]>) -> ValueInfoProto {
    let dimension =
        |&extent: &i64| Dimension { value: Some(dimension::Value::DimValue(extent)), ..Dimension::default() };
    let shape = shape.map(|shape| TensorShapeProto { dim: shape.iter().map(dimension).collect() });
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let declared = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(declared), ..ValueInfoProto::default() }
}

fn attribute(name: &str, value: Attribute<'_>) -> AttributeProto {
    let mut proto = AttributeProto { name: name.into(), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Integer(integer) => {
            proto.i = integer;
            AttributeType::Int
        }
        Attribute::Float(float) => {
            proto.f = float;
            AttributeType::Float
        }
        Attribute::Integers(integers) => {
            proto.ints = integers.to_vec();
            AttributeType::Ints
        }
        Attribute::Text(text) => {
            proto.s = text.as_bytes().to_vec();
            AttributeType::String
        }
    };
    proto.r#type = kind as i32;
    proto
}
