//! Fixed-point arithmetic of the integer operators. `docs/numerics.md` states where each function is used.

/// Half of the last bit that [`doubling_high_multiply`] keeps. A build with `--cfg dunlin_broken_kernel` drops it: the tests show
/// that golden vectors notice.
const HALF: i64 = if cfg!(dunlin_broken_kernel) { 0 } else { 1 << 30 };

/// Product of two Q0.31 numbers, doubled, rounded half up; saturates at −1 · −1.
#[inline(always)]
pub const fn doubling_high_multiply(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    high_multiply(a, b)
}

/// [`doubling_high_multiply`] where not both numbers are −1.
#[inline(always)]
const fn high_multiply(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64 + HALF) >> 31) as i32
}

/// `value / 2^exponent`, rounded half away from zero. `exponent` is taken modulo 32.
#[inline(always)]
pub const fn rounding_shift_right(value: i32, exponent: u32) -> i32 {
    let mask = ((1u32 << (exponent & 31)) - 1) as i32;
    let remainder = value & mask;
    let threshold = (mask >> 1) + (value < 0) as i32;
    value.wrapping_shr(exponent) + (remainder > threshold) as i32
}

/// `value · multiplier · 2^(shift − 31)`, rounded twice: after the multiplication and after a shift to the right. A shift to
/// the left wraps. `multiplier` is not negative.
#[inline(always)]
pub const fn scale_rounding_twice(value: i32, multiplier: i32, shift: i32) -> i32 {
    let (left, right) = if shift > 0 { (shift as u32, 0) } else { (0, shift.unsigned_abs()) };
    rounding_shift_right(high_multiply(value.wrapping_shl(left), multiplier), right)
}

/// `value · multiplier · 2^(shift − 31)`, rounded once, half away from zero. `shift` is in −31 to 30, `multiplier` is not negative.
#[inline(always)]
pub const fn scale_rounding_once(value: i32, multiplier: i32, shift: i32) -> i32 {
    let exponent = (31i32.wrapping_sub(shift) as u32) & 63;
    let product = value.unsigned_abs() as u64 * multiplier.unsigned_abs() as u64;
    let magnitude = (product + ((1u64 << exponent) >> 1)) >> exponent;
    let magnitude = if magnitude > i32::MAX as u64 { i32::MAX } else { magnitude as i32 };
    if value < 0 { -magnitude } else { magnitude }
}

/// Whether a multiplier and shift are in the range for which the functions above are specified: multiplier in 0 to 2³¹ − 1,
/// shift in −31 to 30.
pub const fn is_requantization(multiplier: i32, shift: i32) -> bool {
    multiplier >= 0 && shift >= -31 && shift <= 30
}
