//! From samples on disk to the bytes of a model's input, and from its output to an array.

use dunlin_convert::samples::{SampleFile, Samples, encode_npy, file_order, parse_layout};
use dunlin_runtime::format::{DataType, TensorRecord};
use dunlin_runtime::{Model, dequantize, quantize};

use crate::failure::{Code, Failure};

/// Opens samples and holds them against the one input of a model.
pub fn open(model: &Model<'_>, location: &str) -> Result<Samples, Failure> {
    let inputs = model.program().header().input_count;
    let tensor = model.program().input(0).filter(|_| inputs == 1).ok_or_else(|| {
        Failure::new(format!("the model has {inputs} inputs; only models with one can be run from here"))
            .code(Code::Unsupported)
    })?;
    let layout = model.manifest().and_then(|manifest| parse_layout(manifest.inputs.first()?.preprocessing));
    let samples = SampleFile::open(location)?;
    Ok(samples.arrange(&extents(tensor), layout.as_ref())?)
}

/// What samples are divided by, for the command line.
pub fn parse_divisor(text: &str) -> Result<f32, String> {
    let divisor: f32 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if divisor.is_normal() { Ok(divisor) } else { Err("nothing can be divided by it".into()) }
}

/// Hands the bytes of the model's input to `visit`, sample by sample: int8 samples of an int8 input as they are, anything
/// else as real values divided by `divisor`, quantized if the input is int8.
pub fn for_each_bytes(
    model: &Model<'_>,
    samples: &Samples,
    divisor: f32,
    mut visit: impl FnMut(usize, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(tensor) = model.program().input(0).copied() else { return Ok(()) };
    let mut bytes = Vec::with_capacity(tensor.bytes().unwrap_or_default());
    if tensor.is(DataType::Int8) && samples.is_int8() {
        return samples.for_each_int8(|index, sample| {
            bytes.clear();
            bytes.extend(sample.iter().map(|value| value.cast_unsigned()));
            visit(index, &bytes)
        });
    }
    samples.for_each(|index, sample| {
        bytes.clear();
        if tensor.is(DataType::Int8) {
            let quantized =
                sample.iter().map(|&value| quantize(value / divisor, tensor.scale, tensor.zero_point));
            bytes.extend(quantized.map(i8::cast_unsigned));
        } else {
            bytes.extend(sample.iter().flat_map(|value| (value / divisor).to_le_bytes()));
        }
        visit(index, &bytes)
    })
}

/// Outputs of many samples, in the layout of the trained model.
pub struct Outputs {
    tensor: TensorRecord,
    /// Shape of one sample's output in the trained model.
    shape: Vec<usize>,
    /// Element i of the blob's output is element `order[i]` of the trained model's.
    order: Option<Vec<usize>>,
    samples: usize,
    bytes: Vec<u8>,
}

impl Outputs {
    /// Prepares to take output `index` of a model.
    pub fn new(model: &Model<'_>, index: usize) -> Result<Outputs, Failure> {
        let count = model.program().header().output_count;
        let tensor = *model.program().output(index).ok_or_else(|| {
            Failure::new(format!("the model has no output {index}, but {count}, counted from 0"))
                .code(Code::Unsupported)
        })?;
        let layout =
            model.manifest().and_then(|manifest| parse_layout(manifest.outputs.get(index)?.preprocessing));
        let layout = layout.filter(|layout| Some(layout.shape.iter().product()) == tensor.elements());
        let shape = layout.as_ref().map_or_else(|| extents(&tensor), |layout| layout.shape.clone());
        let shape = if shape.first() == Some(&1) { shape[1..].to_vec() } else { shape };
        let order = layout.as_ref().map(file_order);
        Ok(Outputs { tensor, shape, order, samples: 0, bytes: Vec::new() })
    }

    /// Takes the bytes of one sample's output.
    pub fn push(&mut self, bytes: &[u8]) {
        let size = self.tensor.data_type().map_or(1, DataType::size);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        if let Some(order) = &self.order {
            for (element, &position) in bytes.chunks_exact(size).zip(order) {
                self.bytes[start + position * size..][..size].copy_from_slice(element);
            }
        }
        self.samples += 1;
    }

    /// The content of a `.npy` file: real values, or with `raw` the blob's own type.
    pub fn encode(&self, raw: bool) -> Vec<u8> {
        let shape = [&[self.samples], self.shape.as_slice()].concat();
        let encoded = if self.tensor.is(DataType::Float32) {
            let values = self.bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            encode_npy(&shape, &values.collect::<Vec<_>>())
        } else if raw {
            encode_npy(&shape, &self.bytes.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>())
        } else {
            let real = |byte: &u8| dequantize(byte.cast_signed(), self.tensor.scale, self.tensor.zero_point);
            encode_npy(&shape, &self.bytes.iter().map(real).collect::<Vec<_>>())
        };
        encoded.unwrap_or_else(|error| {
            unreachable!("a vector takes all bytes of as many values as its shape says: {error}")
        })
    }
}

fn extents(tensor: &TensorRecord) -> Vec<usize> {
    tensor.shape().iter().map(|&extent| extent as usize).collect()
}
