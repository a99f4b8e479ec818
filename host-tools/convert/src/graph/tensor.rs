//! What flows between nodes.

use std::sync::Arc;

/// Names a tensor of one [`Graph`](super::Graph).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// IEEE 754 single precision.
    F32,
    /// Signed 8-bit integers; real values are `scale · (q − zero point)`.
    I8,
    /// Signed 32-bit integers: biases.
    I32,
}

/// The values of a constant tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Float values, shared by copies of a graph: a pass that tries something out on a copy must not double the weights.
    F32(Arc<Vec<f32>>),
    /// Quantized weights or activations.
    I8(Vec<i8>),
    /// Quantized biases.
    I32(Vec<i32>),
}

impl Constant {
    /// Float values.
    pub fn floats(values: Vec<f32>) -> Constant {
        Self::F32(Arc::new(values))
    }

    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::F32,
            Self::I8(_) => DataType::I8,
            Self::I32(_) => DataType::I32,
        }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::I32(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the integers of a tensor stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantization {
    /// One scale, or one for each index of `axis`.
    pub scales: Vec<f32>,
    /// As many zero points as scales.
    pub zero_points: Vec<i32>,
    /// The axis that has its own scale for each index; `None` for one scale over the whole tensor.
    pub axis: Option<usize>,
}

/// How a graph input or output is laid out in the model file, where that differs from the graph: an NCHW model's image
/// is NHWC here. The file's tensor of `shape`, transposed by `permutation`, has the graph tensor's elements in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLayout {
    /// The shape in the model file, batch included.
    pub shape: Vec<usize>,
    /// Axis `i` of the transposed tensor is axis `permutation[i]` of the file's.
    pub permutation: Vec<usize>,
}

/// A value in the graph: an input, a constant or the result of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name in the model file where there is one.
    pub name: String,
    /// At most four extents. Images are NHWC, one-dimensional signals \[n, 1, width, channels\], features \[n, features\].
    pub shape: Vec<usize>,
    /// The element type; for constants that of the values.
    pub data_type: DataType,
    /// The values if they are known at conversion.
    pub constant: Option<Constant>,
    /// What the integers stand for; required of integer activations.
    pub quantization: Option<Quantization>,
}

impl Tensor {
    /// A tensor whose values are only known when the model runs.
    pub fn activation(name: impl Into<String>, shape: Vec<usize>, data_type: DataType) -> Self {
        Self { name: name.into(), shape, data_type, constant: None, quantization: None }
    }

    /// A tensor with known values.
    pub fn constant(name: impl Into<String>, shape: Vec<usize>, values: Constant) -> Self {
        Self {
            name: name.into(),
            shape,
            data_type: values.data_type(),
            constant: Some(values),
            quantization: None,
        }
    }

    /// The number of elements.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the values are known at conversion.
    pub fn is_constant(&self) -> bool {
        self.constant.is_some()
    }
}
