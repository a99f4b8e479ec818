//! Tables of functions of one int8.
//!
//! Relu, clip, leaky relu and hard swish follow LiteRT's fixed-point formulas, sigmoid and tanh its tables. The others
//! are computed in f64 and rounded once. `libm` gives the same bits on every host.

use super::lookup::{Table, tabulate};
use crate::graph::UnaryFunction;
use crate::pack::activation::bounds_int8;
use crate::pack::error::Refusal;
use crate::pack::multiplier::Multiplier;
use crate::pack::view::Affine;

/// The table of `function` between two quantizations.
///
/// # Errors
/// If the scales are too far apart.
pub(super) fn table(function: UnaryFunction, input: Affine, output: Affine) -> Result<Table, Refusal> {
    match function {
        UnaryFunction::Relu => clip((0.0, f32::INFINITY), input, output),
        UnaryFunction::Clip { min, max } => clip((min, max), input, output),
        UnaryFunction::LeakyRelu { alpha } => leaky_relu(alpha, input, output),
        UnaryFunction::HardSwish => match hard_swish(input, output)? {
            Some(table) => Ok(table),
            None => Ok(real(input, output, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0)),
        },
        UnaryFunction::Sigmoid => Ok(sigmoid(input, output)),
        UnaryFunction::Tanh => Ok(real(input, output, libm::tanh)),
        UnaryFunction::Elu { alpha } => {
            let alpha = f64::from(alpha);
            Ok(real(input, output, |x| if x >= 0.0 { x } else { alpha * libm::expm1(x) }))
        }
        UnaryFunction::HardSigmoid { alpha, beta } => {
            Ok(real(input, output, |x| (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0)))
        }
        UnaryFunction::Exp => Ok(real(input, output, libm::exp)),
        UnaryFunction::Log => Ok(real(input, output, libm::log)),
        UnaryFunction::Sqrt => Ok(real(input, output, f64::sqrt)),
        UnaryFunction::Abs => Ok(real(input, output, f64::abs)),
        UnaryFunction::Neg => Ok(real(input, output, |x| -x)),
    }
}

/// A real function: exact up to one rounding, half away from zero. What is not a number becomes the zero point.
fn real(input: Affine, output: Affine, function: impl Fn(f64) -> f64) -> Table {
    tabulate(|q| {
        let x = input.scale * (q - input.zero_point) as f32;
        let steps = (function(f64::from(x)) / f64::from(output.scale)).round();
        (steps as i32).saturating_add(output.zero_point)
    })
}

/// In single precision, as LiteRT: in double precision one entry in some ten thousand would differ.
fn sigmoid(input: Affine, output: Affine) -> Table {
    tabulate(|q| {
        let x = input.scale * (q - input.zero_point) as f32;
        let value = 1.0 / (1.0 + libm::expf(-x));
        ((value * (1.0 / output.scale)).round() as i32).saturating_add(output.zero_point)
    })
}

fn clip(bounds: (f32, f32), input: Affine, output: Affine) -> Result<Table, Refusal> {
    let factor = Multiplier::of(f64::from(input.scale / output.scale))?;
    let (low, high) = bounds_int8(bounds, output);
    let scaled = |q: i32| factor.scale(q - input.zero_point).saturating_add(output.zero_point);
    Ok(tabulate(|q| scaled(q).clamp(low, high)))
}

fn leaky_relu(alpha: f32, input: Affine, output: Affine) -> Result<Table, Refusal> {
    let identity = Multiplier::of(f64::from(input.scale / output.scale))?;
    let slope = Multiplier::of(f64::from((input.scale * alpha / output.scale).abs()))?;
    Ok(tabulate(|q| {
        let value = q - input.zero_point;
        let scaled = match value {
            0.. => identity.scale(value),
            _ if alpha < 0.0 => -slope.scale(value),
            _ => slope.scale(value),
        };
        scaled.saturating_add(output.zero_point)
    }))
}

/// LiteRT's int16 arithmetic; `None` where the output is so fine that it is not defined.
fn hard_swish(input: Affine, output: Affine) -> Result<Option<Table>, Refusal> {
    const THREE: f32 = 3.0 / 32768.0;
    let fine = (1.0 / 128.0) * input.scale;
    let to_output = Multiplier::of(f64::from(fine / output.scale))?;
    let to_relu = Multiplier::of(f64::from(fine / THREE))?;
    if to_output.shift > 0 {
        return Ok(None);
    }
    let (output_multiplier, relu_multiplier) = (to_int16(to_output), to_int16(to_relu));
    Ok(Some(tabulate(|q| {
        let value = (q - input.zero_point) * 128;
        let scaled = doubling_high_multiply_int16(value, output_multiplier);
        let mut gate = value;
        if to_relu.shift > 0 {
            gate = clamp_int16(i64::from(gate) << (to_relu.shift - 1));
        }
        gate = doubling_high_multiply_int16(gate, relu_multiplier);
        if to_relu.shift > 0 {
            gate = clamp_int16(i64::from(gate) << 1);
        } else {
            gate = divide_by_power(gate, -to_relu.shift);
        }
        let gate = (gate + 32768) >> 1;
        let product = (gate * scaled) / (1 << 15);
        divide_by_power(product, -to_output.shift) + output.zero_point
    })))
}

/// The high half of a multiplier, rounded, saturated.
fn to_int16(Multiplier { multiplier, .. }: Multiplier) -> i32 {
    if multiplier >= i32::MAX - 0x8000 { 0x7FFF } else { (multiplier + 0x8000) >> 16 }
}

fn doubling_high_multiply_int16(a: i32, b: i32) -> i32 {
    if a == -32768 && b == -32768 {
        return 32767;
    }
    let product = a * b;
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    (product + nudge) / (1 << 15)
}

fn clamp_int16(value: i64) -> i32 {
    value.clamp(-32768, 32767) as i32
}

/// Rounds half away from zero.
fn divide_by_power(value: i32, exponent: i32) -> i32 {
    dunlin_runtime::fixed_point::rounding_shift_right(value, exponent.unsigned_abs())
}
