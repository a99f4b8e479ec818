//! Builds a graph node by node and writes it.

use prost::Message;

use super::messages::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, Dimension, DimensionValue, FLOAT, GraphProto, Model, Node,
    OperatorSet, Shape, Tensor, TensorType, Type, ValueInfo,
};

/// Version of the intermediate representation: the first one that knows the operator set.
const IR_VERSION: i64 = 8;
/// Version of the operator set that the nodes are written for.
const OPERATOR_SET: i64 = 17;

/// A tensor that a graph computes, or its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

/// Numbers that a graph brings with it, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Dimensions.
    pub shape: Vec<usize>,
    /// As many values as the dimensions say.
    pub values: Vec<f32>,
}

/// How a convolution walks its input, the same along both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Rows and columns from one window to the next.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// Groups of channels that do not see each other; all channels for a depthwise convolution.
    pub groups: usize,
}

/// A graph with one input and one output, both float32. Each node's output is named after the node.
#[derive(Clone, Debug)]
pub struct Graph {
    graph: GraphProto,
}

impl Graph {
    /// A graph without nodes, and its input.
    pub fn new(name: &str, input: &str, shape: &[usize]) -> (Self, Value) {
        let graph =
            GraphProto { name: name.into(), input: vec![value_info(input, shape)], ..GraphProto::default() };
        (Self { graph }, Value(input.into()))
    }

    /// `Conv`: `input` `[1, channels, height, width]`, `weight` `[outputs, channels / groups, rows, columns]`,
    /// `bias` `[outputs]`.
    pub fn convolution(
        &mut self,
        name: &str,
        input: &Value,
        weight: &Constant,
        bias: &Constant,
        convolution: Convolution,
    ) -> Value {
        let weight_name = self.constant(&format!("{name}.weight"), weight);
        let bias_name = self.constant(&format!("{name}.bias"), bias);
        let Convolution { stride, padding, groups } = convolution;
        let attributes = vec![
            integers("dilations", &[1, 1]),
            integer("group", groups),
            integers("kernel_shape", &weight.shape[2..]),
            integers("pads", &[padding; 4]),
            integers("strides", &[stride; 2]),
        ];
        self.node(name, "Conv", vec![input.0.clone(), weight_name, bias_name], attributes)
    }

    /// `Gemm`: `input` `[1, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]`.
    pub fn dense(&mut self, name: &str, input: &Value, weight: &Constant, bias: &Constant) -> Value {
        let weight = self.constant(&format!("{name}.weight"), weight);
        let bias = self.constant(&format!("{name}.bias"), bias);
        self.node(name, "Gemm", vec![input.0.clone(), weight, bias], vec![integer("transB", 1)])
    }

    /// `MaxPool` over windows of `size` × `size` that do not overlap.
    pub fn max_pool(&mut self, name: &str, input: &Value, size: usize) -> Value {
        let attributes = vec![integers("kernel_shape", &[size; 2]), integers("strides", &[size; 2])];
        self.node(name, "MaxPool", vec![input.0.clone()], attributes)
    }

    /// `GlobalAveragePool`.
    pub fn global_average_pool(&mut self, name: &str, input: &Value) -> Value {
        self.node(name, "GlobalAveragePool", vec![input.0.clone()], Vec::new())
    }

    /// `Flatten` to `[1, …]`.
    pub fn flatten(&mut self, name: &str, input: &Value) -> Value {
        self.node(name, "Flatten", vec![input.0.clone()], vec![integer("axis", 1)])
    }

    /// `Relu`.
    pub fn relu(&mut self, name: &str, input: &Value) -> Value {
        self.node(name, "Relu", vec![input.0.clone()], Vec::new())
    }

    /// `Softmax` over axis 1.
    pub fn softmax(&mut self, name: &str, input: &Value) -> Value {
        self.node(name, "Softmax", vec![input.0.clone()], vec![integer("axis", 1)])
    }

    /// `Add` of two values of the same shape.
    pub fn add(&mut self, name: &str, left: &Value, right: &Value) -> Value {
        self.node(name, "Add", vec![left.0.clone(), right.0.clone()], Vec::new())
    }

    /// `Sub` of a constant.
    pub fn subtract(&mut self, name: &str, input: &Value, constant: &Constant) -> Value {
        let constant = self.constant(&format!("{name}.subtrahend"), constant);
        self.node(name, "Sub", vec![input.0.clone(), constant], Vec::new())
    }

    /// `Div` by a constant.
    pub fn divide(&mut self, name: &str, input: &Value, constant: &Constant) -> Value {
        let constant = self.constant(&format!("{name}.divisor"), constant);
        self.node(name, "Div", vec![input.0.clone(), constant], Vec::new())
    }

    /// The serialized model whose result is `output`, the last node's, under its new name `name`.
    pub fn finish(mut self, output: &Value, name: &str, shape: &[usize], description: &str) -> Vec<u8> {
        for node in &mut self.graph.node {
            for value in node.input.iter_mut().chain(&mut node.output).filter(|value| **value == output.0) {
                *value = name.into();
            }
        }
        self.graph.output = vec![value_info(name, shape)];
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            doc_string: description.into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPERATOR_SET }],
        };
        model.encode_to_vec()
    }

    fn node(&mut self, name: &str, operator: &str, input: Vec<String>, attribute: Vec<Attribute>) -> Value {
        let output = format!("{name}_output");
        self.graph.node.push(Node {
            input,
            output: vec![output.clone()],
            name: name.into(),
            op_type: operator.into(),
            attribute,
        });
        Value(output)
    }

    fn constant(&mut self, name: &str, constant: &Constant) -> String {
        debug_assert_eq!(constant.shape.iter().product::<usize>(), constant.values.len(), "{name}");
        self.graph.initializer.push(Tensor {
            dims: constant.shape.iter().map(|size| *size as i64).collect(),
            data_type: FLOAT,
            name: name.into(),
            raw_data: constant.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
        name.into()
    }
}

fn value_info(name: &str, shape: &[usize]) -> ValueInfo {
    let dim =
        shape.iter().map(|size| Dimension { value: Some(DimensionValue::Size(*size as i64)) }).collect();
    let tensor = TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) };
    ValueInfo { name: name.into(), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

fn integer(name: &str, value: usize) -> Attribute {
    Attribute { name: name.into(), i: value as i64, ints: Vec::new(), r#type: ATTRIBUTE_INT }
}

fn integers(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { name: name.into(), i: 0, ints, r#type: ATTRIBUTE_INTS }
}
