//! softmax over the last dimension.

use core::cell::Cell;
use core::ops::Range;

use super::Memory;
use super::memory::{Element, Operand};
use super::parts::parts;
use crate::error::Defect;
use crate::fixed_point::{doubling_high_multiply, is_requantization, rounding_shift_right};
use crate::format::attributes::Softmax;
use crate::program::Operation;

/// Integer bits of the sum of exponentials.
const SUM_INTEGER_BITS: u32 = 12;
/// Longest row: its exponentials, each at most 1, sum up inside of [`SUM_INTEGER_BITS`].
const LONGEST_ROW: u32 = (1 << SUM_INTEGER_BITS) - 1;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Softmax = operation.attributes()?;
    operation.require_elements(1)?;
    operation.require_placement(true)?;
    let (input, output) = (operation.first_input(), operation.output());
    if !input.has_shape_of(output) || input.dims[3] > LONGEST_ROW {
        return Err(Defect::Shapes);
    }
    let is_valid = is_requantization(attributes.multiplier, attributes.shift)
        && attributes.shift >= 0
        && attributes.lowest_difference <= 0;
    if is_valid || operation.is_float32() { Ok(()) } else { Err(Defect::Requantization) }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Softmax = operation.attributes()?;
    let output = operation.output();
    let row = output.dims[3] as usize;
    let elements = output.elements().ok_or(Defect::Shapes)?;
    let cells = memory.cells();
    let (source, target) = (cells.input(operation.first_input())?, cells.output(output)?);
    if operation.is_float32() {
        for start in (0..elements).step_by(row.max(1)) {
            row_float32(source, target, start..start.wrapping_add(row));
        }
        return Ok(());
    }
    for index in 0..elements {
        i8::write(target, index, i8::read(source, index));
    }
    for row in parts(target, row) {
        row_int8(attributes, row);
    }
    Ok(())
}

/// Replaces the values of a row.
fn row_int8(attributes: &Softmax, row: &[Cell<u8>]) {
    let mut largest = i32::MIN;
    for value in row {
        largest = largest.max(i32::from(value.get() as i8));
    }
    let mut sum = 0i32;
    for value in row {
        let value = exponential(attributes, value, largest);
        sum = sum.wrapping_add(rounding_shift_right(value, SUM_INTEGER_BITS));
    }
    let headroom = (sum as u32).leading_zeros();
    let fraction = ((sum as u32).wrapping_shl(headroom)).wrapping_sub(1 << 31) as i32;
    let scale = reciprocal_of_one_plus(fraction);
    let shift = (SUM_INTEGER_BITS + 23).wrapping_sub(headroom);
    for value in row {
        // A power of 0 gives the lowest output.
        let power = exponential(attributes, value, largest);
        let output = rounding_shift_right(multiply(scale, power), shift).wrapping_sub(128);
        value.set(output.clamp(-128, 127) as u8);
    }
}

/// [`doubling_high_multiply`], once in the image of a microcontroller.
#[cfg_attr(target_os = "none", inline(never))]
fn multiply(a: i32, b: i32) -> i32 {
    doubling_high_multiply(a, b)
}

/// e to the power of the real difference of two values, in Q0.31; 0 if it is very low.
#[inline(never)]
fn exponential(attributes: &Softmax, value: &Cell<u8>, largest: i32) -> i32 {
    let difference = i32::from(value.get() as i8).wrapping_sub(largest);
    if difference < attributes.lowest_difference {
        return 0;
    }
    // There is no shift to the right, verified.
    let scaled = multiply(difference.wrapping_shl(attributes.shift as u32), attributes.multiplier);
    exponential_of_negative(scaled)
}

/// e^a in Q0.31 for `a` ≤ 0 in Q5.26.
fn exponential_of_negative(a: i32) -> i32 {
    const QUARTER: i32 = 1 << 24;
    // e^−2^i for i = −2 to 4, in Q0.31.
    static FACTORS: [i32; 7] = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];
    if a == 0 {
        return i32::MAX;
    }
    let fraction = (a & (QUARTER - 1)) - QUARTER;
    let mut bits = fraction.wrapping_sub(a) >> 24;
    let mut result = exponential_of_quarter(fraction.wrapping_shl(5));
    for &factor in &FACTORS {
        if bits & 1 != 0 {
            result = multiply(result, factor);
        }
        bits >>= 1;
    }
    result
}

/// e^a in Q0.31 for `a` in [−1/4, 0), in Q0.31: the Taylor polynomial of degree 4 around −1/8.
fn exponential_of_quarter(a: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1895147668;
    const THIRD: i32 = 715827883;
    let x = a.wrapping_add(1 << 28);
    let x2 = multiply(x, x);
    let x3 = multiply(x2, x);
    let x4 = multiply(x2, x2);
    let high = multiply(rounding_shift_right(x4, 2).wrapping_add(x3), THIRD).wrapping_add(x2);
    let sum = x.wrapping_add(rounding_shift_right(high, 1));
    EXP_MINUS_EIGHTH.wrapping_add(multiply(EXP_MINUS_EIGHTH, sum))
}

/// 1 / (1 + a) in Q0.31 for `a` in [0, 1) in Q0.31: three steps of Newton and Raphson.
fn reciprocal_of_one_plus(a: i32) -> i32 {
    // 48/17 and −32/17 in Q2.29.
    const START: i32 = 1515870810;
    const SLOPE: i32 = -1010580540;
    let half = ((i64::from(a) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut x = START.wrapping_add(multiply(half, SLOPE));
    for _ in 0..3 {
        let error = (1i32 << 29).wrapping_sub(multiply(half, x));
        x = x.wrapping_add(doubled(doubled(multiply(x, error))));
    }
    doubled(x)
}

/// Twice a number, saturating: one instruction of a Cortex-M4, which a multiplication is not.
fn doubled(a: i32) -> i32 {
    a.saturating_add(a)
}

fn row_float32(source: Operand<'_>, target: &[Cell<u8>], indices: Range<usize>) {
    let largest = indices.clone().map(|index| f32::read(source, index)).fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for index in indices.clone() {
        let value = libm::expf(f32::read(source, index) - largest);
        sum += value;
        f32::write(target, index, value);
    }
    for index in indices {
        f32::write(target, index, f32::read(Operand::Variable(target), index) / sum);
    }
}
