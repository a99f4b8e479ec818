//! What an operator computes, written down from `docs/numerics.md` element by element: integers with unbounded arithmetic where
//! the definition does not wrap, floats in double precision with a bound for what rounding in single precision may change.

mod elementwise;
mod fixed_point;
mod layers;
mod movement;
mod pooling;
mod quantization;
mod reduction;
mod softmax;

use dunlin_runtime::format::{DataType, Operator};

use crate::case::Case;

/// What a kernel has to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    /// float32 near these.
    Near(Vec<Approximation>),
}

/// A real number and how far a float32 computation may be from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Approximation {
    /// The number.
    pub value: f64,
    /// Largest absolute difference.
    pub tolerance: f64,
}

impl Approximation {
    /// A number that `roundings` operations in float32 compute from terms whose magnitudes add up to `magnitude`: each
    /// operation adds a relative error of at most 2⁻²⁴ (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
    fn new(value: f64, roundings: usize, magnitude: f64) -> Approximation {
        let relative = (roundings as f64 + 1.0) * f64::from(f32::EPSILON) / 2.0;
        Approximation {
            value,
            tolerance: magnitude.max(value.abs()) * relative * 1.01 + f64::from(f32::MIN_POSITIVE),
        }
    }

    /// The same after an activation.
    fn clamp(self, low: f32, high: f32) -> Approximation {
        Approximation { value: self.value.max(low.into()).min(high.into()), ..self }
    }
}

/// The output of a case.
pub fn evaluate(case: &Case) -> Expected {
    let integer = case.output.data_type == DataType::Int8;
    match case.operator {
        Operator::Conv2d | Operator::DepthwiseConv2d | Operator::FullyConnected if integer => {
            Expected::Bytes(bytes(layers::int8(case)))
        }
        Operator::Conv2d | Operator::DepthwiseConv2d | Operator::FullyConnected => {
            Expected::Near(layers::float32(case))
        }
        Operator::Add | Operator::Sub | Operator::Mul if integer => {
            Expected::Bytes(bytes(elementwise::int8(case)))
        }
        Operator::Add | Operator::Sub | Operator::Mul => Expected::Near(elementwise::float32(case)),
        Operator::Lookup => Expected::Bytes(bytes(elementwise::lookup(case))),
        Operator::Unary => Expected::Near(elementwise::unary(case)),
        Operator::AveragePool2d | Operator::MaxPool2d if integer => {
            Expected::Bytes(bytes(pooling::int8(case)))
        }
        Operator::AveragePool2d | Operator::MaxPool2d => Expected::Near(pooling::float32(case)),
        Operator::Softmax if integer => Expected::Bytes(bytes(softmax::int8(case))),
        Operator::Softmax => Expected::Near(softmax::float32(case)),
        Operator::Mean | Operator::Sum if integer => Expected::Bytes(bytes(reduction::int8(case))),
        Operator::Mean | Operator::Sum => Expected::Near(reduction::float32(case)),
        Operator::Quantize => Expected::Bytes(bytes(quantization::quantize(case))),
        Operator::Dequantize => Expected::Near(quantization::dequantize(case)),
        Operator::Concat
        | Operator::Pad
        | Operator::ResizeNearest
        | Operator::Slice
        | Operator::Transpose
        | Operator::Copy => Expected::Bytes(movement::bytes(case)),
    }
}

impl Expected {
    /// Where `found` is not what is expected, in words.
    pub fn difference(&self, found: &[u8]) -> Option<String> {
        match self {
            Expected::Bytes(expected) => {
                let index = expected.iter().zip(found).position(|(expected, found)| expected != found);
                match index {
                    Some(index) => {
                        let (expected, found) = (expected[index] as i8, found[index] as i8);
                        Some(format!("byte {index} is {found}, not {expected}"))
                    }
                    None if expected.len() != found.len() => Some(format!("{} bytes", found.len())),
                    None => None,
                }
            }
            Expected::Near(expected) => {
                let found: Vec<f32> =
                    found.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
                let is_near = |(near, &found): (&Approximation, &f32)| {
                    // Infinities are equal without having a finite difference; NaN is never near.
                    let found = f64::from(found);
                    near.value == found || (near.value - found).abs() <= near.tolerance
                };
                match expected.iter().zip(&found).position(|pair| !is_near(pair)) {
                    Some(index) => {
                        Some(format!("element {index} is {}, not {:?}", found[index], expected[index]))
                    }
                    None if expected.len() != found.len() => Some(format!("{} elements", found.len())),
                    None => None,
                }
            }
        }
    }
}

fn bytes(values: Vec<i8>) -> Vec<u8> {
    values.into_iter().map(|value| value as u8).collect()
}

/// All indices of a tensor of `dims`, in the order of its elements.
fn indices([n, h, w, c]: [u32; 4]) -> impl Iterator<Item = [u32; 4]> {
    (0..n).flat_map(move |n| {
        (0..h).flat_map(move |y| (0..w).flat_map(move |x| (0..c).map(move |channel| [n, y, x, channel])))
    })
}

/// Number of the element at `index` in a tensor of `dims`.
fn element(dims: [u32; 4], index: [u32; 4]) -> usize {
    dims.iter().zip(index).fold(0, |element, (&dim, index)| {
        assert!(index < dim, "index {index} of {dim}");
        element * dim as usize + index as usize
    })
}

/// Input index of a tap, if it lies inside of the input.
fn tap(output: u32, stride: u32, tap: u32, dilation: u32, padding: u32, inputs: u32) -> Option<u32> {
    (output * stride + tap * dilation).checked_sub(padding).filter(|&index| index < inputs)
}
