//! The operators that a graph is made of.

use std::fmt;

/// A clamp that follows an operator and is computed together with it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// The result as it is.
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// min(max(x, `min`), `max`)
    Clip {
        /// The least result.
        min: f32,
        /// The greatest result.
        max: f32,
    },
}

impl Activation {
    /// The least and greatest result, infinite where there is no bound.
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
            Self::Clip { min, max } => (min, max),
        }
    }

    /// The activation with these bounds.
    pub fn from_bounds(min: f32, max: f32) -> Self {
        match (min, max) {
            (f32::NEG_INFINITY, f32::INFINITY) => Self::None,
            (0.0, f32::INFINITY) => Self::Relu,
            (0.0, 6.0) => Self::Relu6,
            _ => Self::Clip { min, max },
        }
    }

    /// The activation that equals this one followed by another.
    pub fn then(self, next: Self) -> Self {
        let ((min, max), (next_min, next_max)) = (self.bounds(), next.bounds());
        let clamp = |value: f32| value.max(next_min).min(next_max);
        Self::from_bounds(clamp(min), clamp(max))
    }

    /// The value after the activation.
    pub fn apply(self, value: f32) -> f32 {
        let (min, max) = self.bounds();
        value.max(min).min(max)
    }
}

/// Rows and columns added around an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// Whether nothing is added.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// Element-wise functions of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryFunction {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
}

/// Element-wise functions of one operand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnaryFunction {
    /// max(x, 0)
    Relu,
    /// min(max(x, `min`), `max`); a bound may be infinite.
    Clip {
        /// The least result.
        min: f32,
        /// The greatest result.
        max: f32,
    },
    /// x where x ≥ 0, else `alpha` · x
    LeakyRelu {
        /// The slope for negative x.
        alpha: f32,
    },
    /// x where x ≥ 0, else `alpha` · (exp(x) − 1)
    Elu {
        /// The negated limit for x → −∞.
        alpha: f32,
    },
    /// 1 / (1 + exp(−x))
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x · min(max(x + 3, 0), 6) / 6
    HardSwish,
    /// min(max(`alpha` · x + `beta`, 0), 1)
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// exp(x)
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// |x|
    Abs,
    /// −x
    Neg,
}

/// What a node computes. "x" is the activation input; shapes are those of the [`Tensor`](super::Tensor)s.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Two-dimensional convolution, zero-padded. Inputs: x \[n, h, w, cin\], weights \[cout, kh, kw, cin / groups\],
    /// bias \[cout\]. Output channels are dealt to the groups in order, cout / groups each.
    Conv2d {
        /// Rows and columns from one output to the next.
        stride: [usize; 2],
        /// Rows and columns from one kernel tap to the next.
        dilation: [usize; 2],
        /// Zeros added around the image.
        padding: Padding,
        /// Into how many independent convolutions the channels are split.
        groups: usize,
        /// Applied to the result.
        activation: Activation,
    },
    /// Each channel convolved with its own kernel, zero-padded. Inputs: x \[n, h, w, c\], weights \[1, kh, kw, c\],
    /// bias \[c\]. (A depth multiplier other than 1 is a `Conv2d` with groups.)
    DepthwiseConv2d {
        /// Rows and columns from one output to the next.
        stride: [usize; 2],
        /// Rows and columns from one kernel tap to the next.
        dilation: [usize; 2],
        /// Zeros added around the image.
        padding: Padding,
        /// Applied to the result.
        activation: Activation,
    },
    /// x · weightsᵀ + bias over the last axis. Inputs: x \[…, in\], weights \[out, in\], bias \[out\]; output \[…, out\].
    FullyConnected {
        /// Applied to the result.
        activation: Activation,
    },
    /// An element-wise function of two operands with numpy broadcasting; either may be constant. An operand of lower
    /// rank is aligned at the last axis.
    Binary {
        /// What is computed.
        function: BinaryFunction,
        /// Applied to the result.
        activation: Activation,
    },
    /// An element-wise function of one operand.
    Unary {
        /// What is computed.
        function: UnaryFunction,
    },
    /// The mean of each window. Input: x \[n, h, w, c\].
    AveragePool2d {
        /// Rows and columns of the window.
        kernel: [usize; 2],
        /// Rows and columns from one output to the next.
        stride: [usize; 2],
        /// Rows and columns added around the image.
        padding: Padding,
        /// Whether padding counts as zeros; else only the pixels inside the image are averaged.
        count_include_pad: bool,
        /// Applied to the result.
        activation: Activation,
    },
    /// The greatest value of each window; padding never wins. Input: x \[n, h, w, c\].
    MaxPool2d {
        /// Rows and columns of the window.
        kernel: [usize; 2],
        /// Rows and columns from one output to the next.
        stride: [usize; 2],
        /// Rows and columns added around the image.
        padding: Padding,
        /// Applied to the result.
        activation: Activation,
    },
    /// All inputs, one after the other along an axis; they agree in all other extents.
    Concat {
        /// The axis along which the inputs follow each other.
        axis: usize,
    },
    /// The same elements in the same order with the output's shape.
    Reshape,
    /// Output axis `i` is input axis `permutation[i]`.
    Transpose {
        /// One input axis for each output axis.
        permutation: Vec<usize>,
    },
    /// The input surrounded by a constant. For quantized tensors `value` is the real value.
    Pad {
        /// Elements added before the first, per axis.
        before: Vec<usize>,
        /// Elements added after the last, per axis.
        after: Vec<usize>,
        /// What is added.
        value: f32,
    },
    /// exp(beta · x) / Σ exp(beta · x) over the last axis.
    Softmax {
        /// The factor of the exponents; 1 in most models.
        beta: f32,
    },
    /// The mean over the named axes.
    Mean {
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay with extent 1.
        keep_dims: bool,
    },
    /// The sum over the named axes.
    Sum {
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay with extent 1.
        keep_dims: bool,
    },
    /// Output pixel (i, j) is input pixel (`source_rows[i]`, `source_columns[j]`). Input: x \[n, h, w, c\].
    ResizeNearest {
        /// The input row for each output row.
        source_rows: Vec<usize>,
        /// The input column for each output column.
        source_columns: Vec<usize>,
    },
    /// Along each axis, as many elements as the output has, from `starts`, every `strides`-th.
    Slice {
        /// The first element, per axis.
        starts: Vec<usize>,
        /// The distance of elements, per axis; at least 1.
        strides: Vec<usize>,
    },
    /// From float to the output's integers, or from one quantization to another.
    Quantize,
    /// From integers to float.
    Dequantize,
}

impl Operator {
    /// The fused activation, for operators that have one.
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Self::Conv2d { activation, .. }
            | Self::DepthwiseConv2d { activation, .. }
            | Self::FullyConnected { activation }
            | Self::Binary { activation, .. }
            | Self::AveragePool2d { activation, .. }
            | Self::MaxPool2d { activation, .. } => Some(*activation),
            _ => None,
        }
    }

    /// The fused activation to be changed, for operators that have one.
    pub fn activation_mut(&mut self) -> Option<&mut Activation> {
        match self {
            Self::Conv2d { activation, .. }
            | Self::DepthwiseConv2d { activation, .. }
            | Self::FullyConnected { activation }
            | Self::Binary { activation, .. }
            | Self::AveragePool2d { activation, .. }
            | Self::MaxPool2d { activation, .. } => Some(activation),
            _ => None,
        }
    }

    /// A short name for reports, for instance `conv2d`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::FullyConnected { .. } => "fully_connected",
            Self::Binary { function, .. } => match function {
                BinaryFunction::Add => "add",
                BinaryFunction::Sub => "sub",
                BinaryFunction::Mul => "mul",
            },
            Self::Unary { function } => match function {
                UnaryFunction::Relu => "relu",
                UnaryFunction::Clip { .. } => "clip",
                UnaryFunction::LeakyRelu { .. } => "leaky_relu",
                UnaryFunction::Elu { .. } => "elu",
                UnaryFunction::Sigmoid => "sigmoid",
                UnaryFunction::Tanh => "tanh",
                UnaryFunction::HardSwish => "hard_swish",
                UnaryFunction::HardSigmoid { .. } => "hard_sigmoid",
                UnaryFunction::Exp => "exp",
                UnaryFunction::Log => "log",
                UnaryFunction::Sqrt => "sqrt",
                UnaryFunction::Abs => "abs",
                UnaryFunction::Neg => "neg",
            },
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::Concat { .. } => "concat",
            Self::Reshape => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::Pad { .. } => "pad",
            Self::Softmax { .. } => "softmax",
            Self::Mean { .. } => "mean",
            Self::Sum { .. } => "sum",
            Self::ResizeNearest { .. } => "resize_nearest",
            Self::Slice { .. } => "slice",
            Self::Quantize => "quantize",
            Self::Dequantize => "dequantize",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}
