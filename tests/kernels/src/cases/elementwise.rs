//! Cases of add, sub, mul, lookup and unary.

use dunlin_runtime::format::attributes::{Addition, Multiplication, Unary, UnaryFunction};
use dunlin_runtime::format::{DataType, Operator};

use super::values::{any_int8, choose, clamp, input, once_in, output, requantization};
use crate::case::{Attributes, Case, Input, Values};
use crate::random::Random;

fn dims(random: &mut Random) -> [u32; 4] {
    // Sometimes more elements than are handed out at once.
    let most = if once_in(random, 4) && !cfg!(miri) { [1, 6, 6, 24] } else { [1, 2, 4, 9] };
    most.map(|bound| 1 + random.below(bound) as u32)
}

/// Two inputs that stretch to the output, and whether the output may be written over the first one.
fn operands(random: &mut Random, data_type: DataType) -> ([u32; 4], Vec<Input>, bool) {
    let output = dims(random);
    let mut stretched = |times| output.map(|dim| if once_in(random, times) { 1 } else { dim });
    let (left, right) = match stretched(4)[3] {
        1 => (stretched(3), stretched(3)),
        _ => (output, stretched(5)),
    };
    let inputs = [left, right].map(|dims| input(random, data_type, dims));
    let [left, mut right] = inputs;
    right.constant = once_in(random, 3);
    let in_place = left.dims == output && once_in(random, 2);
    (output, vec![left, right], in_place)
}

pub fn addition(operator: Operator, data_type: DataType, random: &mut Random) -> Case {
    let (dims, inputs, in_place) = operands(random, data_type);
    let mut attributes = Addition {
        clamp: clamp(random, data_type),
        left_multiplier: 0,
        left_shift: 0,
        right_multiplier: 0,
        right_shift: 0,
        output_multiplier: 0,
        output_shift: 0,
    };
    if data_type == DataType::Int8 {
        // The operator raises its inputs by 20 bits and brings the larger scale to one half.
        let raised = f64::from(1 << 28);
        let to_common = |random: &mut Random| match random.below(4) {
            0 => requantization(random, 1.0),
            1 => (1 << 30, 0),
            _ => (requantization(random, 1.0).0, -(random.below(4) as i32)),
        };
        (attributes.left_multiplier, attributes.left_shift) = to_common(random);
        (attributes.right_multiplier, attributes.right_shift) = to_common(random);
        (attributes.output_multiplier, attributes.output_shift) = requantization(random, raised);
    }
    Case {
        operator,
        inputs,
        output: output(random, data_type, dims),
        attributes: Attributes::Addition(attributes),
        in_place,
    }
}

pub fn multiplication(data_type: DataType, random: &mut Random) -> Case {
    let (dims, inputs, in_place) = operands(random, data_type);
    let (output_multiplier, output_shift) =
        if data_type == DataType::Int8 { requantization(random, 16384.0) } else { (0, 0) };
    let attributes = Multiplication { clamp: clamp(random, data_type), output_multiplier, output_shift };
    Case {
        operator: Operator::Mul,
        inputs,
        output: output(random, data_type, dims),
        attributes: Attributes::Multiplication(attributes),
        in_place,
    }
}

pub fn lookup(random: &mut Random) -> Case {
    let dims = dims(random);
    Case {
        operator: Operator::Lookup,
        inputs: vec![input(random, DataType::Int8, dims)],
        output: output(random, DataType::Int8, dims),
        attributes: Attributes::Lookup(Box::new([(); 256].map(|()| any_int8(random)))),
        in_place: once_in(random, 2),
    }
}

pub fn unary(random: &mut Random) -> Case {
    let function = random.below(12) as u32;
    let function = UnaryFunction::from_number(function).expect("there are 12 functions");
    let dims = dims(random);
    let mut input = input(random, DataType::Float32, dims);
    if let (UnaryFunction::Exp | UnaryFunction::Sqrt | UnaryFunction::Log, Values::Float32(values)) =
        (function, &mut input.values)
    {
        // Where the functions are defined and finite.
        values.iter_mut().for_each(|value| *value = value.abs().clamp(0.001, 80.0));
    }
    let (a, b) = match function {
        UnaryFunction::Clip => (-1.0, choose(random, &[1.0, 6.0])),
        UnaryFunction::HardSigmoid => (choose(random, &[0.2, 1.0 / 6.0]), 0.5),
        _ => (random.between(0.01, 1.0), 0.0),
    };
    Case {
        operator: Operator::Unary,
        inputs: vec![input],
        output: output(random, DataType::Float32, dims),
        attributes: Attributes::Unary(Unary { function: function as u32, a, b }),
        in_place: once_in(random, 2),
    }
}
