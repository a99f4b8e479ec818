//! A case: one operator, its operands and what it is to do with them, independent of how a blob stores it.

use dunlin_runtime::format::attributes::{
    Addition, Concat, Convolution, FullyConnected, Multiplication, Pad, Pool, Reduction, Slice, Softmax,
    Transpose, Unary,
};
use dunlin_runtime::format::{DataType, Operator};

/// The elements of a tensor, in the order n, h, w, c.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// int8.
    Int8(Vec<i8>),
    /// float32.
    Float32(Vec<f32>),
}

impl Values {
    /// Their type.
    pub fn data_type(&self) -> DataType {
        match self {
            Values::Int8(_) => DataType::Int8,
            Values::Float32(_) => DataType::Float32,
        }
    }

    /// Their bytes, as a tensor holds them.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Values::Int8(values) => bytemuck::cast_slice(values),
            Values::Float32(values) => bytemuck::cast_slice(values),
        }
    }

    /// The elements of an int8 tensor.
    ///
    /// # Panics
    /// If they are of another type.
    pub fn int8(&self) -> &[i8] {
        match self {
            Values::Int8(values) => values,
            Values::Float32(_) => panic!("these are float32"),
        }
    }

    /// The elements of a float32 tensor.
    ///
    /// # Panics
    /// If they are of another type.
    pub fn float32(&self) -> &[f32] {
        match self {
            Values::Float32(values) => values,
            Values::Int8(_) => panic!("these are int8"),
        }
    }
}

/// Quantization of an int8 tensor. The scale has a meaning for quantize and dequantize only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantization {
    /// Real value = scale · (q − zero point).
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
}

impl Quantization {
    /// That of float32 tensors.
    pub const NONE: Quantization = Quantization { scale: 1.0, zero_point: 0 };

    /// A scale of 1.
    pub const fn of_zero_point(zero_point: i32) -> Quantization {
        Quantization { scale: 1.0, zero_point }
    }
}

/// An input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// n, h, w, c.
    pub dims: [u32; 4],
    /// Scale and zero point.
    pub quantization: Quantization,
    /// Elements.
    pub values: Values,
    /// Whether it lies in the weights section.
    pub constant: bool,
}

/// The output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    /// n, h, w, c.
    pub dims: [u32; 4],
    /// Scale and zero point.
    pub quantization: Quantization,
    /// Type.
    pub data_type: DataType,
}

impl Output {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.dims.iter().product::<u32>() as usize
    }
}

/// Weights of convolution and fully connected layers.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// int8.
    Int8 {
        /// In the order output channel, kernel row, kernel column, input channel of the group.
        weights: Vec<i8>,
        /// For each output channel.
        bias: Vec<i32>,
        /// For each output channel.
        multiplier: Vec<i32>,
        /// For each output channel.
        shift: Vec<i32>,
    },
    /// float32.
    Float32 {
        /// As above.
        weights: Vec<f32>,
        /// For each output channel.
        bias: Vec<f32>,
    },
}

/// What an operator is told besides its inputs. Offsets into the weights section are filled in when a blob is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Attributes {
    /// conv2d and depthwise_conv2d.
    Convolution(Convolution, Filter),
    /// fully_connected.
    FullyConnected(FullyConnected, Filter),
    /// add and sub.
    Addition(Addition),
    /// mul.
    Multiplication(Multiplication),
    /// average_pool2d and max_pool2d.
    Pool(Pool),
    /// concat.
    Concat(Concat),
    /// pad.
    Pad(Pad),
    /// softmax.
    Softmax(Softmax),
    /// lookup: entry q + 128 is the output for q.
    Lookup(Box<[i8; 256]>),
    /// unary.
    Unary(Unary),
    /// mean and sum.
    Reduction(Reduction),
    /// resize_nearest: source rows and source columns.
    ResizeNearest(Vec<u16>, Vec<u16>),
    /// slice.
    Slice(Slice),
    /// transpose.
    Transpose(Transpose),
    /// quantize, dequantize and copy.
    None,
}

/// One operator with its operands.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Which one.
    pub operator: Operator,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its output.
    pub output: Output,
    /// Its attributes.
    pub attributes: Attributes,
    /// Whether the output is written over the first input.
    pub in_place: bool,
}

impl Case {
    /// What a failed assertion says: the operator and all that determines it but the values.
    pub fn describe(&self) -> String {
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|input| format!("{:?} {:?} constant {}", input.dims, input.quantization, input.constant))
            .collect();
        let attributes = match &self.attributes {
            Attributes::Convolution(record, _) => format!("{record:?}"),
            Attributes::FullyConnected(record, _) => format!("{record:?}"),
            Attributes::Lookup(_) => String::new(),
            attributes => format!("{attributes:?}"),
        };
        let (operator, output, in_place) = (self.operator.name(), self.output, self.in_place);
        format!("{operator} {inputs:?} -> {output:?}, in place {in_place}, {attributes}")
    }
}
