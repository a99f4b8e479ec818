//! Addition of int8 tensors: for one element, and for many where there are vectors.

use core::cell::Cell;

use crate::family::Family;
use crate::fixed_point::scale_rounding_twice;
use crate::kernels::memory::Operand;

/// Bits that both terms gain before they are brought to a common scale.
pub(crate) const HEADROOM_BITS: u32 = 20;

/// How a term comes to the common scale, or the sum to that of the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Zero point of the term or the output.
    pub zero_point: i32,
    /// Multiplier in Q0.31.
    pub multiplier: i32,
    /// Power of two, positive to the left.
    pub shift: i32,
}

/// An addition or subtraction, element by element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addition {
    /// The first term.
    pub left: Scale,
    /// The other one.
    pub right: Scale,
    /// The sum.
    pub output: Scale,
    /// Whether the other term is subtracted.
    pub subtract: bool,
    /// Lowest output, in int8.
    pub low: i32,
    /// Highest output, in int8.
    pub high: i32,
}

impl Addition {
    /// One element.
    #[inline(always)]
    pub fn element(&self, left: i8, right: i8) -> i8 {
        let scaled = |value: i8, scale: &Scale| {
            let value = i32::from(value).wrapping_sub(scale.zero_point).wrapping_shl(HEADROOM_BITS);
            scale_rounding_twice(value, scale.multiplier, scale.shift)
        };
        let (left, right) = (scaled(left, &self.left), scaled(right, &self.right));
        let sum = if self.subtract { left.wrapping_sub(right) } else { left.wrapping_add(right) };
        let output = scale_rounding_twice(sum, self.output.multiplier, self.output.shift);
        output.wrapping_add(self.output.zero_point).max(self.low).min(self.high) as i8
    }
}

/// Adds as many elements as the family has a short way for, from the first one on, and returns their number. The output may be one of the
/// terms.
#[cfg_attr(
    not(any(dunlin_dsp, target_arch = "aarch64", target_arch = "x86_64")),
    allow(unused_variables, reason = "the portable kernels have no short way")
)]
pub(crate) fn add(
    family: Family,
    job: &Addition,
    left: Operand<'_>,
    right: Operand<'_>,
    output: &[Cell<u8>],
) -> usize {
    match family {
        #[cfg(dunlin_dsp)]
        Family::Dsp => super::dsp::addition::add(job, left, right, output),
        #[cfg(target_arch = "aarch64")]
        Family::Neon | Family::NeonDot => super::aarch64::addition::add(job, left, right, output),
        #[cfg(target_arch = "x86_64")]
        Family::Avx2 | Family::Vnni => super::x86::addition::add(job, left, right, output),
        _ => 0,
    }
}
