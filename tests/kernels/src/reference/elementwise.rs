//! add, sub, mul, lookup and unary.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::UnaryFunction;

use super::{Approximation, element, fixed_point, indices};
use crate::case::{Attributes, Case, Input};

/// Number of the element of an input that is stretched to the output.
fn stretched(input: &Input, index: [u32; 4]) -> usize {
    let mut index = index;
    for (index, dim) in index.iter_mut().zip(input.dims) {
        *index = if dim == 1 { 0 } else { *index };
    }
    element(input.dims, index)
}

pub fn int8(case: &Case) -> Vec<i8> {
    let [left, right] = &case.inputs[..] else { panic!("there are two inputs") };
    let centered = |input: &Input, index| {
        i32::from(input.values.int8()[stretched(input, index)]) - input.quantization.zero_point
    };
    indices(case.output.dims)
        .map(|index| {
            let (left, right) = (centered(left, index), centered(right, index));
            let (scaled, clamp) = match &case.attributes {
                Attributes::Multiplication(record) => (
                    fixed_point::twice(left * right, record.output_multiplier, record.output_shift),
                    record.clamp,
                ),
                Attributes::Addition(record) => {
                    let left = fixed_point::twice(left << 20, record.left_multiplier, record.left_shift);
                    let right = fixed_point::twice(right << 20, record.right_multiplier, record.right_shift);
                    let sum = match case.operator {
                        Operator::Sub => left.wrapping_sub(right),
                        _ => left.wrapping_add(right),
                    };
                    (fixed_point::twice(sum, record.output_multiplier, record.output_shift), record.clamp)
                }
                _ => panic!("not element-wise"),
            };
            let bounds = (clamp.low as i32, clamp.high as i32);
            fixed_point::output(scaled, case.output.quantization.zero_point, bounds)
        })
        .collect()
}

pub fn float32(case: &Case) -> Vec<Approximation> {
    let [left, right] = &case.inputs[..] else { panic!("there are two inputs") };
    let clamp = match &case.attributes {
        Attributes::Addition(record) => record.clamp,
        Attributes::Multiplication(record) => record.clamp,
        _ => panic!("not element-wise"),
    };
    let (low, high) = clamp.as_float32();
    let at = |input: &Input, index| f64::from(input.values.float32()[stretched(input, index)]);
    indices(case.output.dims)
        .map(|index| {
            let (left, right) = (at(left, index), at(right, index));
            let value = match case.operator {
                Operator::Add => left + right,
                Operator::Sub => left - right,
                _ => left * right,
            };
            Approximation::new(value, 1, value.abs()).clamp(low, high)
        })
        .collect()
}

pub fn lookup(case: &Case) -> Vec<i8> {
    let Attributes::Lookup(table) = &case.attributes else { panic!("there is a table") };
    let values = case.inputs[0].values.int8();
    values.iter().map(|&value| table[(i32::from(value) + 128) as usize]).collect()
}

pub fn unary(case: &Case) -> Vec<Approximation> {
    let Attributes::Unary(record) = &case.attributes else { panic!("there is a function") };
    let function = UnaryFunction::from_number(record.function).expect("the case names a function");
    let (a, b) = (f64::from(record.a), f64::from(record.b));
    let values = case.inputs[0].values.float32();
    values
        .iter()
        .map(|&x| {
            let x = f64::from(x);
            // The second number: what the terms of the function add up to, before they cancel.
            let (value, magnitude) = match function {
                UnaryFunction::Clip => (x.max(a).min(b), 0.0),
                UnaryFunction::LeakyRelu => (if x >= 0.0 { x } else { a * x }, 0.0),
                UnaryFunction::Sigmoid => (1.0 / (1.0 + (-x).exp()), 0.0),
                UnaryFunction::Tanh => (x.tanh(), 0.0),
                UnaryFunction::HardSwish => {
                    (x * (x + 3.0).clamp(0.0, 6.0) / 6.0, x.abs() * (x.abs() + 3.0) / 6.0)
                }
                UnaryFunction::Exp => (x.exp(), 0.0),
                UnaryFunction::Sqrt => (x.sqrt(), 0.0),
                UnaryFunction::Abs => (x.abs(), 0.0),
                UnaryFunction::HardSigmoid => ((a * x + b).clamp(0.0, 1.0), (a * x).abs() + b.abs()),
                UnaryFunction::Elu => (if x >= 0.0 { x } else { a * x.exp_m1() }, 0.0),
                UnaryFunction::Log => (x.ln(), 0.0),
                UnaryFunction::Neg => (-x, 0.0),
            };
            // The functions of libm are within one unit in the last place: two roundings.
            Approximation::new(value, 6, magnitude)
        })
        .collect()
}
