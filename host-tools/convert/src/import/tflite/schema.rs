//! The part of the [TFLite schema](https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs)
//! that describes a model's tensors and operators. The options of an operator stand with its lowering.

use super::builtin_operator;
use super::flatbuffer::{Damage, Field, Table};

const IDENTIFIER: [u8; 4] = *b"TFL3";

const MODEL_OPERATOR_CODES: Field = Field::new(1, "Model.operator_codes");
const MODEL_SUBGRAPHS: Field = Field::new(2, "Model.subgraphs");
const MODEL_BUFFERS: Field = Field::new(4, "Model.buffers");
const SUBGRAPH_TENSORS: Field = Field::new(0, "SubGraph.tensors");
const SUBGRAPH_INPUTS: Field = Field::new(1, "SubGraph.inputs");
const SUBGRAPH_OUTPUTS: Field = Field::new(2, "SubGraph.outputs");
const SUBGRAPH_OPERATORS: Field = Field::new(3, "SubGraph.operators");
const SUBGRAPH_NAME: Field = Field::new(4, "SubGraph.name");
const TENSOR_SHAPE: Field = Field::new(0, "Tensor.shape");
const TENSOR_TYPE: Field = Field::new(1, "Tensor.type");
const TENSOR_BUFFER: Field = Field::new(2, "Tensor.buffer");
const TENSOR_NAME: Field = Field::new(3, "Tensor.name");
const TENSOR_QUANTIZATION: Field = Field::new(4, "Tensor.quantization");
const TENSOR_IS_VARIABLE: Field = Field::new(5, "Tensor.is_variable");
const TENSOR_SPARSITY: Field = Field::new(6, "Tensor.sparsity");
const QUANTIZATION_SCALE: Field = Field::new(2, "QuantizationParameters.scale");
const QUANTIZATION_ZERO_POINT: Field = Field::new(3, "QuantizationParameters.zero_point");
const QUANTIZATION_DETAILS: Field = Field::new(4, "QuantizationParameters.details_type");
const QUANTIZATION_DIMENSION: Field = Field::new(6, "QuantizationParameters.quantized_dimension");
const BUFFER_DATA: Field = Field::new(0, "Buffer.data");
const BUFFER_OFFSET: Field = Field::new(1, "Buffer.offset");
const BUFFER_SIZE: Field = Field::new(2, "Buffer.size");
const CODE_DEPRECATED: Field = Field::new(0, "OperatorCode.deprecated_builtin_code");
const CODE_CUSTOM: Field = Field::new(1, "OperatorCode.custom_code");
const CODE_BUILTIN: Field = Field::new(3, "OperatorCode.builtin_code");
const OPERATOR_OPCODE_INDEX: Field = Field::new(0, "Operator.opcode_index");
const OPERATOR_INPUTS: Field = Field::new(1, "Operator.inputs");
const OPERATOR_OUTPUTS: Field = Field::new(2, "Operator.outputs");
const OPERATOR_OPTIONS: Field = Field::new(4, "Operator.builtin_options");

/// The type of a tensor's elements, by its number in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementType(i8);

impl ElementType {
    /// Single precision.
    pub const FLOAT32: Self = Self(0);
    /// Signed 32-bit integers.
    pub const INT32: Self = Self(2);
    /// Signed 64-bit integers.
    pub const INT64: Self = Self(4);
    /// Signed 8-bit integers.
    pub const INT8: Self = Self(9);

    /// The name in the schema, in lower case.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 19] = [
            "float32",
            "float16",
            "int32",
            "uint8",
            "int64",
            "string",
            "bool",
            "int16",
            "complex64",
            "int8",
            "float64",
            "complex128",
            "uint64",
            "resource",
            "variant",
            "uint32",
            "uint16",
            "int4",
            "bfloat16",
        ];
        usize::try_from(self.0).ok().and_then(|index| NAMES.get(index).copied()).unwrap_or("unknown")
    }
}

/// A tensor as the file describes it.
#[derive(Debug, Clone, Copy)]
pub struct TensorRecord<'a>(Table<'a>);

impl<'a> TensorRecord<'a> {
    /// The extents; −1 where one is only known at run time.
    pub fn shape(&self) -> Result<impl ExactSizeIterator<Item = i32> + use<'a>, Damage> {
        self.0.i32s(TENSOR_SHAPE)
    }

    /// The type of the elements.
    pub fn element_type(&self) -> Result<ElementType, Damage> {
        Ok(ElementType(self.0.i8(TENSOR_TYPE, 0)?))
    }

    /// The index of the buffer with the values; an empty buffer means that they are computed.
    pub fn buffer(&self) -> Result<usize, Damage> {
        Ok(self.0.u32(TENSOR_BUFFER)? as usize)
    }

    /// The name, perhaps empty.
    pub fn name(&self) -> Result<String, Damage> {
        self.0.string(TENSOR_NAME)
    }

    /// What integers stand for, if the file says so.
    pub fn quantization(&self) -> Result<Option<QuantizationRecord<'a>>, Damage> {
        Ok(self.0.table(TENSOR_QUANTIZATION)?.map(QuantizationRecord))
    }

    /// Whether the tensor keeps its values from one run to the next.
    pub fn is_variable(&self) -> Result<bool, Damage> {
        self.0.bool(TENSOR_IS_VARIABLE)
    }

    /// Whether zeros are left out of the buffer.
    pub fn is_sparse(&self) -> Result<bool, Damage> {
        Ok(self.0.table(TENSOR_SPARSITY)?.is_some())
    }
}

/// The quantization of a tensor as the file describes it.
#[derive(Debug, Clone, Copy)]
pub struct QuantizationRecord<'a>(Table<'a>);

impl<'a> QuantizationRecord<'a> {
    /// One scale, or one for each index of the quantized dimension; empty for float tensors.
    pub fn scales(&self) -> Result<impl ExactSizeIterator<Item = f32> + use<'a>, Damage> {
        self.0.f32s(QUANTIZATION_SCALE)
    }

    /// As many zero points as scales, or fewer, which means 0.
    pub fn zero_points(&self) -> Result<impl ExactSizeIterator<Item = i64> + use<'a>, Damage> {
        self.0.i64s(QUANTIZATION_ZERO_POINT)
    }

    /// The axis with a scale for each index, if there is more than one scale.
    pub fn dimension(&self) -> Result<i32, Damage> {
        self.0.i32(QUANTIZATION_DIMENSION, 0)
    }

    /// Whether the scheme is another one than scale and zero point.
    pub fn is_custom(&self) -> Result<bool, Damage> {
        Ok(self.0.u8(QUANTIZATION_DETAILS, 0)? != 0)
    }
}

/// An operator as the file describes it.
#[derive(Debug, Clone, Copy)]
pub struct OperatorRecord<'a>(Table<'a>);

impl<'a> OperatorRecord<'a> {
    /// Tensor indices of the operands; −1 for one that is left out.
    pub fn inputs(&self) -> Result<impl ExactSizeIterator<Item = i32> + use<'a>, Damage> {
        self.0.i32s(OPERATOR_INPUTS)
    }

    /// Tensor indices of the results.
    pub fn outputs(&self) -> Result<impl ExactSizeIterator<Item = i32> + use<'a>, Damage> {
        self.0.i32s(OPERATOR_OUTPUTS)
    }

    /// The table of the operator's own settings.
    pub fn options(&self) -> Result<Options<'a>, Damage> {
        Ok(Options(self.0.table(OPERATOR_OPTIONS)?))
    }
}

/// The settings of an operator; everything has its default where the table is absent.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a>(Option<Table<'a>>);

impl Options<'_> {
    /// A signed byte, mostly a number of an enumeration, 0 by default.
    pub fn i8(&self, field: Field) -> Result<i8, Damage> {
        self.0.map_or(Ok(0), |table| table.i8(field, 0))
    }

    /// A signed 32-bit integer.
    pub fn i32(&self, field: Field, default: i32) -> Result<i32, Damage> {
        self.0.map_or(Ok(default), |table| table.i32(field, default))
    }

    /// A truth value, false by default.
    pub fn bool(&self, field: Field) -> Result<bool, Damage> {
        self.0.map_or(Ok(false), |table| table.bool(field))
    }

    /// A single-precision number, 0 by default.
    pub fn f32(&self, field: Field) -> Result<f32, Damage> {
        self.0.map_or(Ok(0.0), |table| table.f32(field, 0.0))
    }
}

/// A model file whose tables have been found.
#[derive(Debug)]
pub struct Model<'a> {
    /// The name of the only subgraph, perhaps empty.
    pub name: String,
    /// How many subgraphs there are; only the first is read.
    pub subgraph_count: usize,
    /// The tensors of the first subgraph.
    pub tensors: Vec<TensorRecord<'a>>,
    /// Its operators, in the order in which they run.
    pub operators: Vec<OperatorRecord<'a>>,
    /// Tensor indices of its inputs.
    pub inputs: Vec<i32>,
    /// Tensor indices of its outputs.
    pub outputs: Vec<i32>,
    /// The contents of all buffers.
    pub buffers: Vec<&'a [u8]>,
    operator_names: Vec<String>,
}

impl<'a> Model<'a> {
    /// Finds the tables of a model file.
    ///
    /// # Errors
    /// Where the file contradicts the FlatBuffers format or has no subgraph.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Damage> {
        let model = Table::root(bytes, IDENTIFIER)?;
        let subgraphs = model.tables(MODEL_SUBGRAPHS)?;
        let subgraph =
            subgraphs.first().ok_or(Damage { field: "Model.subgraphs", problem: "there is no subgraph" })?;
        let codes = model.tables(MODEL_OPERATOR_CODES)?;
        let buffers = model.tables(MODEL_BUFFERS)?;
        Ok(Self {
            name: subgraph.string(SUBGRAPH_NAME)?,
            subgraph_count: subgraphs.len(),
            tensors: subgraph.tables(SUBGRAPH_TENSORS)?.into_iter().map(TensorRecord).collect(),
            operators: subgraph.tables(SUBGRAPH_OPERATORS)?.into_iter().map(OperatorRecord).collect(),
            inputs: subgraph.i32s(SUBGRAPH_INPUTS)?.collect(),
            outputs: subgraph.i32s(SUBGRAPH_OUTPUTS)?.collect(),
            buffers: buffers.iter().map(|buffer| contents(bytes, buffer)).collect::<Result<_, _>>()?,
            operator_names: codes.iter().map(operator_name).collect::<Result<_, _>>()?,
        })
    }

    /// The name of what an operator computes, for instance `CONV_2D`; of a custom operator, the name that its maker
    /// gave it.
    pub fn operator_name(&self, operator: &OperatorRecord) -> Result<&str, Damage> {
        let index = operator.0.u32(OPERATOR_OPCODE_INDEX)? as usize;
        let name = self.operator_names.get(index).map(String::as_str);
        name.ok_or(Damage { field: "Operator.opcode_index", problem: "there is no such operator code" })
    }
}

/// The name of an operator code. Codes above 127 stand in a field of their own that older writers do not know.
fn operator_name(code: &Table) -> Result<String, Damage> {
    let number = i32::from(code.i8(CODE_DEPRECATED, 0)?).max(code.i32(CODE_BUILTIN, 0)?);
    match builtin_operator::name(number) {
        Some("CUSTOM") => Ok(format!("CUSTOM {}", code.string(CODE_CUSTOM)?)),
        Some(name) => Ok(name.into()),
        None => Ok(format!("operator {number}")),
    }
}

/// The bytes of a buffer. In files above 2 GiB they stand behind the FlatBuffer, at a position in the file; positions
/// 0 and 1 mean that they do not.
fn contents<'a>(bytes: &'a [u8], buffer: &Table<'a>) -> Result<&'a [u8], Damage> {
    let (offset, size) = (buffer.u64(BUFFER_OFFSET)?, buffer.u64(BUFFER_SIZE)?);
    if offset <= 1 {
        return buffer.bytes(BUFFER_DATA);
    }
    let range = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(size)).ok());
    range
        .and_then(|(start, end)| bytes.get(start..end))
        .ok_or(Damage { field: "Buffer.offset", problem: "the buffer lies outside of the file" })
}
