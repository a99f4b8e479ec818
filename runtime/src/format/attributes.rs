//! Attributes of the operators, one record each.

use bytemuck::{Pod, Zeroable};

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
            #[repr(C)]
            pub struct $name { $($(#[$field_doc])* pub $field: $kind,)* }
        )*
    };
}

/// Lowest and highest value of an output: i32 for int8, the bits of f32 for float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Clamp {
    /// Lowest value.
    pub low: u32,
    /// Highest value.
    pub high: u32,
}

impl Clamp {
    /// Clamp of an int8 output.
    pub const fn int8(low: i32, high: i32) -> Clamp {
        Clamp { low: low as u32, high: high as u32 }
    }

    /// Clamp of a float32 output.
    pub const fn float32(low: f32, high: f32) -> Clamp {
        Clamp { low: low.to_bits(), high: high.to_bits() }
    }

    /// Lowest and highest value of an int8 output, brought into the range of int8.
    #[inline(never)]
    pub fn as_int8(self) -> (i32, i32) {
        let low = (self.low as i32).clamp(-128, 127);
        (low, (self.high as i32).clamp(low, 127))
    }

    /// Lowest and highest value of a float32 output.
    pub const fn as_float32(self) -> (f32, f32) {
        (f32::from_bits(self.low), f32::from_bits(self.high))
    }
}

records! {
    /// conv2d and depthwise_conv2d. Padding at the bottom and right follows from the output's shape.
    Convolution {
        /// Rows of the kernel.
        kernel_h: u32,
        /// Columns of the kernel.
        kernel_w: u32,
        /// Rows from one output to the next.
        stride_h: u32,
        /// Columns from one output to the next.
        stride_w: u32,
        /// Rows from one tap to the next.
        dilation_h: u32,
        /// Columns from one tap to the next.
        dilation_w: u32,
        /// Rows of padding above.
        padding_top: u32,
        /// Columns of padding at the left.
        padding_left: u32,
        /// Number of groups; the number of channels for depthwise_conv2d.
        groups: u32,
        /// Activation.
        clamp: Clamp,
        /// Bytes from the start of the weights section to the packed weights, a multiple of 16.
        weights_offset: u32,
        /// Bytes from the start of the weights section to the channel blocks, a multiple of 16.
        channels_offset: u32,
    }

    /// fully_connected.
    FullyConnected {
        /// Activation.
        clamp: Clamp,
        /// Bytes from the start of the weights section to the packed weights, a multiple of 16.
        weights_offset: u32,
        /// Bytes from the start of the weights section to the channel blocks, a multiple of 16.
        channels_offset: u32,
    }

    /// add and sub. Multipliers and shifts are 0 for float32.
    Addition {
        /// Activation.
        clamp: Clamp,
        /// Brings the left input to the common scale.
        left_multiplier: i32,
        /// See `left_multiplier`.
        left_shift: i32,
        /// Brings the right input to the common scale.
        right_multiplier: i32,
        /// See `right_multiplier`.
        right_shift: i32,
        /// Brings the sum to the output's scale.
        output_multiplier: i32,
        /// See `output_multiplier`.
        output_shift: i32,
    }

    /// mul. Multiplier and shift are 0 for float32.
    Multiplication {
        /// Activation.
        clamp: Clamp,
        /// Brings the product to the output's scale.
        output_multiplier: i32,
        /// See `output_multiplier`.
        output_shift: i32,
    }

    /// average_pool2d and max_pool2d. Padding at the bottom and right follows from the output's shape.
    Pool {
        /// Rows of the window.
        kernel_h: u32,
        /// Columns of the window.
        kernel_w: u32,
        /// Rows from one output to the next.
        stride_h: u32,
        /// Columns from one output to the next.
        stride_w: u32,
        /// Rows of padding above.
        padding_top: u32,
        /// Columns of padding at the left.
        padding_left: u32,
        /// Activation.
        clamp: Clamp,
        /// 1 if an average counts padding as elements, otherwise 0.
        count_padding: u32,
    }

    /// concat.
    Concat {
        /// Dimension, 0 (n) to 3 (c).
        axis: u32,
    }

    /// pad.
    Pad {
        /// Elements before the input, per dimension.
        before: [u32; 4],
        /// What the border holds: i32 for int8, the bits of f32 for float32.
        value: u32,
    }

    /// softmax. All fields are 0 for float32.
    Softmax {
        /// Brings a difference to Q5.26.
        multiplier: i32,
        /// See `multiplier`.
        shift: i32,
        /// Differences below this one count as zero.
        lowest_difference: i32,
    }

    /// lookup.
    Lookup {
        /// Bytes from the start of the weights section to the table of 256 bytes.
        table_offset: u32,
    }

    /// unary.
    Unary {
        /// A [`UnaryFunction`].
        function: u32,
        /// First parameter: lowest value of clip, slope of leaky relu and hard sigmoid, limit of elu.
        a: f32,
        /// Second parameter: highest value of clip, offset of hard sigmoid.
        b: f32,
    }

    /// mean and sum. Multiplier and shift are 0 for float32.
    Reduction {
        /// Bit i set: dimension i is reduced.
        axes: u32,
        /// Brings a sum of elements to the output's scale.
        multiplier: i32,
        /// See `multiplier`.
        shift: i32,
    }

    /// resize_nearest.
    ResizeNearest {
        /// Bytes from the start of the weights section to a u16 for each output row: its source row.
        rows_offset: u32,
        /// Bytes from the start of the weights section to a u16 for each output column: its source column.
        columns_offset: u32,
    }

    /// slice.
    Slice {
        /// First element, per dimension.
        starts: [u32; 4],
        /// Distance of elements, per dimension.
        strides: [u32; 4],
    }

    /// transpose.
    Transpose {
        /// Dimension of the input that becomes dimension i of the output.
        permutation: [u32; 4],
    }
}

/// Functions of the unary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum UnaryFunction {
    /// min(max(x, a), b)
    Clip = 0,
    /// x for x ≥ 0, otherwise a · x
    LeakyRelu = 1,
    /// 1 / (1 + e^−x)
    Sigmoid = 2,
    /// tanh x
    Tanh = 3,
    /// x · min(max(x + 3, 0), 6) / 6
    HardSwish = 4,
    /// e^x
    Exp = 5,
    /// √x
    Sqrt = 6,
    /// |x|
    Abs = 7,
    /// min(max(a · x + b, 0), 1)
    HardSigmoid = 8,
    /// x for x ≥ 0, otherwise a · (e^x − 1)
    Elu = 9,
    /// Natural logarithm
    Log = 10,
    /// −x
    Neg = 11,
}

impl UnaryFunction {
    /// The function with this number.
    pub const fn from_number(number: u32) -> Option<UnaryFunction> {
        Some(match number {
            0 => UnaryFunction::Clip,
            1 => UnaryFunction::LeakyRelu,
            2 => UnaryFunction::Sigmoid,
            3 => UnaryFunction::Tanh,
            4 => UnaryFunction::HardSwish,
            5 => UnaryFunction::Exp,
            6 => UnaryFunction::Sqrt,
            7 => UnaryFunction::Abs,
            8 => UnaryFunction::HardSigmoid,
            9 => UnaryFunction::Elu,
            10 => UnaryFunction::Log,
            11 => UnaryFunction::Neg,
            _ => return None,
        })
    }
}
