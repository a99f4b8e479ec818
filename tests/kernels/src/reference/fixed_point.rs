//! The scaling functions, from their real-number definitions.

/// `numerator / 2^exponent` rounded to the nearest integer, ties up.
fn half_up(numerator: i128, exponent: u32) -> i128 {
    if exponent == 0 { numerator } else { (2 * numerator + (1 << exponent)).div_euclid(1 << (exponent + 1)) }
}

/// `numerator / 2^exponent` rounded to the nearest integer, ties away from zero.
fn half_away(numerator: i128, exponent: u32) -> i128 {
    numerator.signum() * half_up(numerator.abs(), exponent)
}

fn saturate(value: i128) -> i32 {
    value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Saturating rounding doubling high multiplication.
pub fn srdhm(a: i32, b: i32) -> i32 {
    saturate(half_up(i128::from(a) * i128::from(b), 31))
}

/// Rounding division by a power of two.
pub fn rdpot(x: i32, exponent: u32) -> i32 {
    half_away(x.into(), exponent) as i32
}

/// Scaling with two roundings.
pub fn twice(x: i32, multiplier: i32, shift: i32) -> i32 {
    let left = shift.max(0);
    let right = (-shift).max(0) as u32;
    // The shift to the left keeps the low 32 bits.
    rdpot(srdhm((i64::from(x) << left) as i32, multiplier), right)
}

/// Scaling with one rounding.
pub fn once(x: i32, multiplier: i32, shift: i32) -> i32 {
    // The kernel saturates the magnitude.
    let scaled = half_away(i128::from(x) * i128::from(multiplier), (31 - shift) as u32);
    scaled.clamp(-i128::from(i32::MAX), i32::MAX.into()) as i32
}

/// A scaled number as an element of an int8 tensor.
pub fn output(scaled: i32, zero_point: i32, (low, high): (i32, i32)) -> i8 {
    i8::try_from(scaled.wrapping_add(zero_point).max(low).min(high)).expect("the bounds are int8")
}
