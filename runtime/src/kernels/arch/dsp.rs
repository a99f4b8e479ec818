//! Arm's DSP extension: SMLAD multiplies two pairs of 16-bit values and adds both products.
//!
//! SXTB16 widens bytes 0 and 2 of a word to 16 bits, and after a rotation by 8 bytes 1 and 3: four products take two SMLADs, whose
//! operands pair up in the same way on both sides. The intrinsics are unstable, hence `asm!`; loads and registers are left to the compiler.

use core::arch::asm;

use super::blocks::{self, COLUMNS, Sums};
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for Cortex-M4, M7 and M33. They exist only in builds for such a target.
pub(super) struct Dsp;

impl Kernels for Dsp {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        blocks::gemm(job, output, multiply);
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        blocks::depthwise(job, input, taps, output);
    }
}

/// Bytes 0 and 2, and bytes 1 and 3, of four values as pairs of 16 bits.
#[inline(always)]
fn widen(values: [i8; 4]) -> [u32; 2] {
    let word = u32::from_le_bytes(values.map(|value| value as u8));
    let (even, odd);
    // SAFETY: computes in registers alone; the target has the instruction.
    unsafe {
        asm!(
            "sxtb16 {even}, {word}",
            "sxtb16 {odd}, {word}, ror #8",
            word = in(reg) word,
            even = out(reg) even,
            odd = lateout(reg) odd,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    [even, odd]
}

/// `sum` plus the products of both pairs.
#[inline(always)]
fn multiply_pairs(a: u32, b: u32, sum: i32) -> i32 {
    let result;
    // SAFETY: computes in registers alone; the target has the instruction. It may set the Q flag, which nothing reads.
    unsafe {
        asm!(
            "smlad {result}, {a}, {b}, {sum}",
            a = in(reg) a,
            b = in(reg) b,
            sum = in(reg) sum,
            result = lateout(reg) result,
            options(pure, nomem, nostack)
        );
    }
    result
}

/// Two rows and two columns at a time: as many sums as the registers hold beside the operands.
#[inline(always)]
fn multiply(cells: &[WeightCell], columns: [&[[i8; 4]]; COLUMNS]) -> Sums {
    let mut sums = [[0; LANES]; COLUMNS];
    let [a, b, c, d] = columns;
    for row in (0..LANES).step_by(2) {
        for (pair, [x, y]) in [[a, b], [c, d]].into_iter().enumerate() {
            let mut quad = [0; 4];
            for ((cell, x), y) in cells.iter().zip(x).zip(y) {
                let (first, second) = (widen(cell[row]), widen(cell[row + 1]));
                let (x, y) = (widen(*x), widen(*y));
                for half in 0..2 {
                    quad[0] = multiply_pairs(first[half], x[half], quad[0]);
                    quad[1] = multiply_pairs(second[half], x[half], quad[1]);
                    quad[2] = multiply_pairs(first[half], y[half], quad[2]);
                    quad[3] = multiply_pairs(second[half], y[half], quad[3]);
                }
            }
            let [x, y] = [2 * pair, 2 * pair + 1];
            [sums[x][row], sums[x][row + 1], sums[y][row], sums[y][row + 1]] = quad;
        }
    }
    sums
}
