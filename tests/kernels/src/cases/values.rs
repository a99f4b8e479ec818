//! Random elements, quantizations and activations.

use dunlin_runtime::format::DataType;
use dunlin_runtime::format::attributes::Clamp;

use crate::case::{Input, Output, Quantization, Values};
use crate::random::Random;

/// One of `choices`.
pub fn choose<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len())]
}

/// Whether something happens that happens once in `times`.
pub fn once_in(random: &mut Random, times: usize) -> bool {
    random.below(times) == 0
}

/// Any int8.
pub fn any_int8(random: &mut Random) -> i8 {
    random.bits() as i8
}

/// −128, −127, 127 or 0.
fn extreme_int8(random: &mut Random) -> i8 {
    choose(random, &[-128, -128, -127, 127, 127, 0])
}

/// int8 elements: over the full range, or extremes, or all the same extreme.
pub fn int8_elements(random: &mut Random, count: usize) -> Vec<i8> {
    match random.below(6) {
        0 => vec![choose(random, &[-128, -127, 127]); count],
        1 => (0..count).map(|_| extreme_int8(random)).collect(),
        _ => (0..count).map(|_| any_int8(random)).collect(),
    }
}

/// float32 elements around 0, some of them 0.
pub fn float32_elements(random: &mut Random, count: usize) -> Vec<f32> {
    let range = choose(random, &[0.01, 1.0, 1.0, 4.0, 100.0]);
    (0..count).map(|_| if once_in(random, 16) { 0.0 } else { random.between(-range, range) }).collect()
}

/// Elements of a type.
pub fn elements(random: &mut Random, data_type: DataType, count: usize) -> Values {
    match data_type {
        DataType::Int8 => Values::Int8(int8_elements(random, count)),
        _ => Values::Float32(float32_elements(random, count)),
    }
}

/// A random quantization of int8, that of float32 otherwise.
pub fn quantization(random: &mut Random, data_type: DataType) -> Quantization {
    if data_type != DataType::Int8 {
        return Quantization::NONE;
    }
    let zero_point = match random.below(4) {
        0 => choose(random, &[-128, -128, 127, 0]),
        _ => any_int8(random).into(),
    };
    Quantization { scale: random.between(0.001, 0.2), zero_point }
}

/// An input with random elements and quantization.
pub fn input(random: &mut Random, data_type: DataType, dims: [u32; 4]) -> Input {
    let count = dims.iter().product::<u32>() as usize;
    let quantization = quantization(random, data_type);
    Input { dims, quantization, values: elements(random, data_type, count), constant: false }
}

/// An output with a random quantization.
pub fn output(random: &mut Random, data_type: DataType, dims: [u32; 4]) -> Output {
    Output { dims, quantization: quantization(random, data_type), data_type }
}

/// An activation: mostly none, otherwise random bounds in order.
pub fn clamp(random: &mut Random, data_type: DataType) -> Clamp {
    let narrow = once_in(random, 3);
    match (data_type, narrow) {
        (DataType::Int8, false) => Clamp::int8(-128, 127),
        (DataType::Int8, true) => {
            let (a, b) = (i32::from(any_int8(random)), i32::from(any_int8(random)));
            Clamp::int8(a.min(b), a.max(b))
        }
        (_, false) => Clamp::float32(f32::NEG_INFINITY, f32::INFINITY),
        (_, true) => Clamp::float32(0.0, 6.0),
    }
}

/// A multiplier and shift that bring numbers up to `largest` into the range of int8, roughly; sometimes any that are valid.
pub fn requantization(random: &mut Random, largest: f64) -> (i32, i32) {
    let normalized = || (1i64 << 30) as i32;
    let multiplier = match random.below(12) {
        0 => 0,
        1 => i32::MAX,
        2 => normalized(),
        3 => (random.bits() >> 33) as i32,
        _ => normalized() + (random.bits() >> 34) as i32,
    };
    let fitting = (100.0 / largest.max(1.0)).log2().round() as i32;
    let shift = match random.below(8) {
        0 => random.below(62) as i32 - 31,
        1 => choose(random, &[-31, 0, 1, 30]),
        _ => (fitting + random.below(5) as i32 - 2).clamp(-31, 30),
    };
    (multiplier, shift)
}
