//! Program header, tensors and steps.

use bytemuck::{Pod, Zeroable};

/// The operator set of this crate.
pub const OPERATOR_SET: u16 = 1;
/// The packing number of the weights that this crate reads.
pub const PACKING: u16 = 2;
/// Largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 4;

/// The header of the program section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ProgramHeader {
    /// Operator set that the program needs.
    pub operator_set: u16,
    /// Packing number of the weights.
    pub packing: u16,
    /// Number of tensor records.
    pub tensor_count: u16,
    /// Number of step records.
    pub step_count: u16,
    /// Number of operands, without the one that pads them.
    pub operand_count: u16,
    /// Number of model inputs.
    pub input_count: u8,
    /// Number of model outputs.
    pub output_count: u8,
    /// Length of the attribute table in bytes, a multiple of 4.
    pub attribute_bytes: u32,
    /// Bytes of the arena that tensors occupy, a multiple of 16.
    pub activation_bytes: u32,
    /// Bytes of the whole arena, per kernel family: tensors, scratch and prepared weights. Multiples of 16.
    pub arena_bytes: [u32; 8],
    /// Zero.
    pub reserved: [u32; 3],
}

const _: () = assert!(size_of::<ProgramHeader>() == 64);

/// Type of the elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DataType {
    /// Quantized to 8 bits.
    Int8 = 0,
    /// IEEE 754 binary32.
    Float32 = 1,
    /// 32-bit integers.
    Int32 = 2,
}

impl DataType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DataType::Int8 => 1,
            DataType::Float32 | DataType::Int32 => 4,
        }
    }

    /// The name that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            DataType::Int8 => "int8",
            DataType::Float32 => "float32",
            DataType::Int32 => "int32",
        }
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Storage {
    /// In the arena, written by the program or its caller.
    Arena = 0,
    /// In the weights section, constant.
    Weights = 1,
}

/// A tensor.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TensorRecord {
    /// A [`DataType`].
    pub data_type: u8,
    /// Number of dimensions.
    pub rank: u8,
    /// A [`Storage`].
    pub storage: u8,
    /// Zero.
    pub reserved: u8,
    /// Bytes from the start of the storage, a multiple of 4.
    pub offset: u32,
    /// Dimensions n, h, w, c; leading ones of a lower rank are 1.
    pub dims: [u32; MAX_RANK],
    /// Real value = scale · (q − zero point).
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
}

const _: () = assert!(size_of::<TensorRecord>() == 32);

impl TensorRecord {
    /// Type of the elements; `None` for a number that the format does not define.
    pub const fn data_type(&self) -> Option<DataType> {
        match self.data_type {
            0 => Some(DataType::Int8),
            1 => Some(DataType::Float32),
            2 => Some(DataType::Int32),
            _ => None,
        }
    }

    /// Where the tensor lies; `None` for a number that the format does not define.
    pub const fn storage(&self) -> Option<Storage> {
        match self.storage {
            0 => Some(Storage::Arena),
            1 => Some(Storage::Weights),
            _ => None,
        }
    }

    /// Whether this is a tensor of `data_type`.
    pub const fn is(&self, data_type: DataType) -> bool {
        self.data_type == data_type as u8
    }

    /// The dimensions without the leading ones that a lower rank leaves out.
    pub fn shape(&self) -> &[u32] {
        self.dims.get(MAX_RANK.saturating_sub(self.rank as usize)..).unwrap_or(&self.dims)
    }

    /// Whether both tensors have the same dimensions.
    pub fn has_shape_of(&self, other: &TensorRecord) -> bool {
        // Without jumps, which would become a call of memcmp.
        self.dims.iter().zip(&other.dims).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }

    /// Number of elements, or `None` if it does not fit 32 bits.
    pub fn elements(&self) -> Option<usize> {
        let [n, h, w, c] = self.dims;
        Some(n.checked_mul(h)?.checked_mul(w)?.checked_mul(c)? as usize)
    }

    /// Bytes from the first to the last element, or `None` if they do not fit 32 bits.
    pub fn bytes(&self) -> Option<usize> {
        Some((self.elements()? as u32).checked_mul(self.data_type()?.size() as u32)? as usize)
    }
}

/// A step: one operator and where its operands and attributes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct StepRecord {
    /// An [`Operator`].
    pub operator: u8,
    /// Number of inputs; the output is the operand behind them.
    pub input_count: u8,
    /// Zero.
    pub reserved: u16,
    /// Index of the first operand.
    pub first_operand: u32,
    /// Bytes from the start of the attribute table, a multiple of 4.
    pub attribute_offset: u32,
    /// Where the step's scratch begins in the arena, a multiple of 16. Its operands lie below.
    pub scratch_offset: u32,
}

const _: () = assert!(size_of::<StepRecord>() == 16);

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The operators of operator set 1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Operator { $($(#[$doc])* $variant = $number,)* }

        impl Operator {
            /// All operators.
            pub const ALL: &[Operator] = &[$(Operator::$variant,)*];

            /// The operator with this number.
            pub const fn from_number(number: u8) -> Option<Operator> {
                match number { $($number => Some(Operator::$variant),)* _ => None }
            }

            /// The name that reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Operator::$variant => $name,)* }
            }
        }
    };
}

operators! {
    /// Convolution, also 1-D and grouped.
    Conv2d = 0, "conv2d";
    /// Convolution of each channel with its own kernel.
    DepthwiseConv2d = 1, "depthwise_conv2d";
    /// Matrix times vector, over all leading dimensions.
    FullyConnected = 2, "fully_connected";
    /// Sum of two tensors.
    Add = 3, "add";
    /// Difference of two tensors.
    Sub = 4, "sub";
    /// Product of two tensors, element by element.
    Mul = 5, "mul";
    /// Average over windows.
    AveragePool2d = 6, "average_pool2d";
    /// Maximum over windows.
    MaxPool2d = 7, "max_pool2d";
    /// Tensors behind each other along one dimension.
    Concat = 8, "concat";
    /// A constant border.
    Pad = 9, "pad";
    /// Softmax over the last dimension.
    Softmax = 10, "softmax";
    /// Any function of one int8, as a table.
    Lookup = 11, "lookup";
    /// A function of one float32.
    Unary = 12, "unary";
    /// Mean over dimensions.
    Mean = 13, "mean";
    /// Sum over dimensions.
    Sum = 14, "sum";
    /// Nearest neighbour through tables of source rows and columns.
    ResizeNearest = 15, "resize_nearest";
    /// A part of a tensor, with strides.
    Slice = 16, "slice";
    /// Dimensions in another order.
    Transpose = 17, "transpose";
    /// float32 to int8.
    Quantize = 18, "quantize";
    /// int8 to float32.
    Dequantize = 19, "dequantize";
    /// The same bytes elsewhere.
    Copy = 20, "copy";
}
