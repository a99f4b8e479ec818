//! Cases of the operators that move elements: concat, pad, resize_nearest, slice, transpose and copy.

use dunlin_runtime::format::attributes::{Concat, Pad, Slice, Transpose};
use dunlin_runtime::format::{DataType, Operator};

use super::values::{any_int8, input, once_in};
use crate::case::{Attributes, Case, Input, Output};
use crate::random::Random;

fn dims(random: &mut Random) -> [u32; 4] {
    [2, 4, 5, 11].map(|bound| 1 + random.below(bound) as u32)
}

fn case(operator: Operator, inputs: Vec<Input>, dims: [u32; 4], attributes: Attributes) -> Case {
    let (quantization, data_type) = (inputs[0].quantization, inputs[0].values.data_type());
    let output = Output { dims, quantization, data_type };
    Case { operator, inputs, output, attributes, in_place: false }
}

pub fn concat(data_type: DataType, random: &mut Random) -> Case {
    let axis = random.below(4);
    let mut dims = dims(random);
    let mut inputs = Vec::new();
    let mut total = 0;
    for _ in 0..1 + random.below(4) {
        dims[axis] = 1 + random.below(5) as u32;
        total += dims[axis];
        let constant = once_in(random, 5);
        inputs.push(Input { constant, ..input(random, data_type, dims) });
    }
    dims[axis] = total;
    // A model has an input.
    inputs[0].constant = false;
    case(Operator::Concat, inputs, dims, Attributes::Concat(Concat { axis: axis as u32 }))
}

pub fn pad(data_type: DataType, random: &mut Random) -> Case {
    let dims = dims(random);
    let before = [(); 4].map(|()| random.below(3) as u32);
    let mut padded = dims;
    for (padded, before) in padded.iter_mut().zip(before) {
        *padded += before + random.below(3) as u32;
    }
    let value = match data_type {
        DataType::Int8 => i32::from(any_int8(random)) as u32,
        _ => random.between(-2.0, 2.0).to_bits(),
    };
    case(Operator::Pad, vec![input(random, data_type, dims)], padded, Attributes::Pad(Pad { before, value }))
}

pub fn resize_nearest(data_type: DataType, random: &mut Random) -> Case {
    let [n, h, w, c] = dims(random);
    let mut table = |inputs: u32| -> Vec<u16> {
        (0..1 + random.below(12)).map(|_| random.below(inputs as usize) as u16).collect()
    };
    let (rows, columns) = (table(h), table(w));
    let output = [n, rows.len() as u32, columns.len() as u32, c];
    let inputs = vec![input(random, data_type, [n, h, w, c])];
    case(Operator::ResizeNearest, inputs, output, Attributes::ResizeNearest(rows, columns))
}

pub fn slice(data_type: DataType, random: &mut Random) -> Case {
    let dims = dims(random);
    let starts = dims.map(|dim| random.below(dim as usize) as u32);
    let strides = [(); 4].map(|()| 1 + random.below(3) as u32);
    let mut output = [0; 4];
    for (index, output) in output.iter_mut().enumerate() {
        let most = (dims[index] - starts[index]).div_ceil(strides[index]);
        *output = 1 + random.below(most as usize) as u32;
    }
    let inputs = vec![input(random, data_type, dims)];
    case(Operator::Slice, inputs, output, Attributes::Slice(Slice { starts, strides }))
}

pub fn transpose(data_type: DataType, random: &mut Random) -> Case {
    let dims = dims(random);
    let mut permutation = [0, 1, 2, 3];
    for index in (1..4).rev() {
        permutation.swap(index, random.below(index + 1));
    }
    let output = permutation.map(|source| dims[source as usize]);
    let inputs = vec![input(random, data_type, dims)];
    case(Operator::Transpose, inputs, output, Attributes::Transpose(Transpose { permutation }))
}

pub fn copy(data_type: DataType, random: &mut Random) -> Case {
    let [n, h, w, c] = dims(random);
    let inputs = vec![input(random, data_type, [n, h, w, c])];
    case(Operator::Copy, inputs, [1, n, h * w, c], Attributes::None)
}
