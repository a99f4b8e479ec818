//! Arm's DSP extension: SMLAD multiplies two pairs of 16-bit values and adds both products.
//!
//! SXTB16 widens bytes 0 and 2 of a word to 16 bits, and after a rotation by 8 bytes 1 and 3: four products take two SMLADs, whose
//! operands pair up in the same way on both sides. The intrinsics are unstable, hence `asm!`; whole loops are written in it, as compilers
//! spill the accumulators. Words are loaded by LDR, which takes any address, where LDRD would fault on an odd one.

use core::arch::asm;

use super::blocks::{self, COLUMNS, Columns, Pixels, Taps, blocks};
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for Cortex-M4, M7 and M33. They exist only in builds for such a target.
pub(super) struct Dsp;

impl Kernels for Dsp {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        blocks::gemm(
            job,
            output,
            |columns, pixels| tile(job, columns, pixels),
            |column, pixel| single(job, column, pixel),
        );
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        blocks::depthwise(job, input, taps, output, |taps| {
            blocks::requantize(&job.quantization, taps.channels, &multiply_taps(taps))
        });
    }
}

#[inline(always)]
fn tile(job: &Gemm<'_>, columns: Columns<'_, COLUMNS>, mut pixels: Pixels<'_, COLUMNS>) {
    for block in blocks(job) {
        let mut sums = [[0; LANES]; COLUMNS];
        let (halves, _) = sums.as_chunks_mut::<2>();
        for (half, [x_sums, y_sums]) in halves.iter_mut().enumerate() {
            let (x, y) = (columns.column(2 * half), columns.column(2 * half + 1));
            let rows = x_sums.as_chunks_mut::<2>().0.iter_mut().zip(y_sums.as_chunks_mut::<2>().0);
            for (pair, (x_sums, y_sums)) in rows.enumerate() {
                [*x_sums, *y_sums] = two_by_two(block.cells, pair, x, y);
            }
        }
        let outputs = sums.map(|sums| blocks::requantize(&job.quantization, block.channels, &sums));
        blocks::write(&mut pixels, outputs);
    }
}

#[inline(always)]
fn single(job: &Gemm<'_>, column: Columns<'_, 1>, mut pixel: Pixels<'_, 1>) {
    for block in blocks(job) {
        let [a, b, c, d] = four_by_one(block.cells, 0, column.column(0));
        let [e, f, g, h] = four_by_one(block.cells, 1, column.column(0));
        let sums = [a, b, c, d, e, f, g, h];
        blocks::write(&mut pixel, [blocks::requantize(&job.quantization, block.channels, &sums)]);
    }
}

/// Sums of rows 2 · `pair` and 2 · `pair` + 1 for each of two columns: all that the registers hold.
#[inline(always)]
fn two_by_two(cells: &[WeightCell], pair: usize, x: &[[i8; 4]], y: &[[i8; 4]]) -> [[i32; 2]; 2] {
    let count = cells.len().min(x.len()).min(y.len());
    if count == 0 || pair >= LANES / 2 {
        return [[0; 2]; 2];
    }
    let weights = cells.as_ptr().cast::<u8>().wrapping_add(8 * pair);
    let (mut first_x, mut second_x, mut first_y, mut second_y) = (0i32, 0i32, 0i32, 0i32);
    // Fourteen registers are needed, but r6 and r7 cannot be named. So the others are named one by one, lest the compiler puts
    // an operand into those two, which are saved.
    // r0: weights, r1: x, r2: y, r3: cells left; r4, r5: even and odd values of x, r8, r9: of y; r10, r11: sums of x, r12, lr: of y.
    // SAFETY: reads two words, at `8 · pair` ≤ 24, of each of `count` ≥ 1 cells of 32 bytes, and one word of each of `count` cells
    // of both columns. r6 and r7 are restored. SMLAD may set the Q flag, which nothing reads.
    unsafe {
        asm!(
            "push {{r6, r7}}",
            "2:",
            "ldr r6, [r1], #4",
            "ldr r7, [r2], #4",
            "sxtb16 r5, r6, ror #8",
            "sxtb16 r4, r6",
            "ldr r6, [r0, #4]",
            "sxtb16 r9, r7, ror #8",
            "sxtb16 r8, r7",
            "sxtb16 r7, r6, ror #8",
            "sxtb16 r6, r6",
            "smlad r11, r7, r5, r11",
            "smlad lr, r7, r9, lr",
            "ldr r7, [r0], #32",
            "smlad r11, r6, r4, r11",
            "smlad lr, r6, r8, lr",
            "sxtb16 r6, r7, ror #8",
            "sxtb16 r7, r7",
            "smlad r10, r6, r5, r10",
            "smlad r12, r6, r9, r12",
            "smlad r10, r7, r4, r10",
            "smlad r12, r7, r8, r12",
            "subs r3, r3, #1",
            "bne 2b",
            "pop {{r6, r7}}",
            inout("r0") weights => _,
            inout("r1") x.as_ptr() => _,
            inout("r2") y.as_ptr() => _,
            inout("r3") count => _,
            out("r4") _,
            out("r5") _,
            out("r8") _,
            out("r9") _,
            inout("r10") first_x,
            inout("r11") second_x,
            inout("r12") first_y,
            inout("lr") second_y,
        );
    }
    [[first_x, second_x], [first_y, second_y]]
}

/// Sums of rows 4 · `half` to 4 · `half` + 3 for one column.
#[inline(always)]
fn four_by_one(cells: &[WeightCell], half: usize, column: &[[i8; 4]]) -> [i32; 4] {
    let count = cells.len().min(column.len());
    if count == 0 || half > 1 {
        return [0; 4];
    }
    let weights = cells.as_ptr().cast::<u8>().wrapping_add(16 * half);
    let (mut a, mut b, mut c, mut d) = (0i32, 0i32, 0i32, 0i32);
    // SAFETY: reads four words, at `16 · half` ≤ 16, of each of `count` ≥ 1 cells of 32 bytes, and one word of each of `count` cells
    // of the column. SMLAD may set the Q flag, which nothing reads.
    unsafe {
        asm!(
            "2:",
            "ldr {odd}, [{column}], #4",
            "ldr {word}, [{weights}, #4]",
            "sxtb16 {even}, {odd}",
            "sxtb16 {odd}, {odd}, ror #8",
            "sxtb16 {half}, {word}, ror #8",
            "sxtb16 {word}, {word}",
            "smlad {b}, {half}, {odd}, {b}",
            "ldr {half}, [{weights}, #8]",
            "smlad {b}, {word}, {even}, {b}",
            "sxtb16 {word}, {half}, ror #8",
            "sxtb16 {half}, {half}",
            "smlad {c}, {word}, {odd}, {c}",
            "ldr {word}, [{weights}, #12]",
            "smlad {c}, {half}, {even}, {c}",
            "sxtb16 {half}, {word}, ror #8",
            "sxtb16 {word}, {word}",
            "smlad {d}, {half}, {odd}, {d}",
            "ldr {half}, [{weights}], #32",
            "smlad {d}, {word}, {even}, {d}",
            "sxtb16 {word}, {half}, ror #8",
            "sxtb16 {half}, {half}",
            "smlad {a}, {word}, {odd}, {a}",
            "smlad {a}, {half}, {even}, {a}",
            "subs {count}, {count}, #1",
            "bne 2b",
            weights = inout(reg) weights => _,
            column = inout(reg) column.as_ptr() => _,
            count = inout(reg) count => _,
            even = out(reg) _,
            odd = out(reg) _,
            half = out(reg) _,
            word = out(reg) _,
            a = inout(reg) a,
            b = inout(reg) b,
            c = inout(reg) c,
            d = inout(reg) d,
            options(nostack, readonly)
        );
    }
    [a, b, c, d]
}

/// The sums of eight channels, four at a time. Channels of a depthwise convolution do not add up: SMLABB and SMLATT multiply the lower
/// and the upper value of a pair.
#[inline(always)]
fn multiply_taps(taps: &Taps<'_>) -> [i32; LANES] {
    let mut sums = [0; LANES];
    for (half, sums) in sums.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        for (line, values) in taps.quarters(half) {
            let (weights_odd, weights_even) = widen(line);
            let (values_odd, values_even) = widen(values);
            let [a, b, c, d] = *sums;
            *sums = [
                multiply_low(weights_even, values_even, a),
                multiply_low(weights_odd, values_odd, b),
                multiply_high(weights_even, values_even, c),
                multiply_high(weights_odd, values_odd, d),
            ];
        }
    }
    sums
}

/// Bytes 1 and 3, and bytes 0 and 2, of four values as pairs of 16 bits.
#[inline(always)]
fn widen(values: [i8; 4]) -> (u32, u32) {
    let word = u32::from_le_bytes(values.map(|value| value as u8));
    let (odd, even);
    // SAFETY: computes in registers alone; the target has the instruction.
    unsafe {
        asm!(
            "sxtb16 {odd}, {word}, ror #8",
            "sxtb16 {even}, {word}",
            word = in(reg) word,
            odd = out(reg) odd,
            even = lateout(reg) even,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    (odd, even)
}

/// `sum` plus the product of the lower values.
#[inline(always)]
fn multiply_low(a: u32, b: u32, sum: i32) -> i32 {
    let result;
    // SAFETY: computes in registers alone; the target has the instruction. It may set the Q flag, which nothing reads.
    unsafe {
        asm!(
            "smlabb {result}, {a}, {b}, {sum}",
            a = in(reg) a,
            b = in(reg) b,
            sum = in(reg) sum,
            result = lateout(reg) result,
            options(pure, nomem, nostack)
        );
    }
    result
}

/// `sum` plus the product of the upper values.
#[inline(always)]
fn multiply_high(a: u32, b: u32, sum: i32) -> i32 {
    let result;
    // SAFETY: computes in registers alone; the target has the instruction. It may set the Q flag, which nothing reads.
    unsafe {
        asm!(
            "smlatt {result}, {a}, {b}, {sum}",
            a = in(reg) a,
            b = in(reg) b,
            sum = in(reg) sum,
            result = lateout(reg) result,
            options(pure, nomem, nostack)
        );
    }
    result
}
