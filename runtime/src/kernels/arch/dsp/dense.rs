//! Fully connected layers: eight outputs at a time, and values that are widened as they come.

use core::arch::naked_asm;

use super::copy::copy_few;
use super::requantize::{clamp, requantize};
use crate::feature::Feature;
use crate::format::{ChannelBlock, LANES, WeightCell};
use crate::kernels::arch::Dense;

/// Cells after which the sums of two channels that share a word must be told apart: 512 products of at most 2¹⁴ stay below 2²³.
const SEGMENT: usize = 128;

/// Multiplies one vector.
pub(super) fn fully_connected(job: &Dense<'_>, input: &[i8], output: &mut [i8]) {
    let (words, tail) = input.get(..job.inputs).unwrap_or_default().as_chunks::<4>();
    let mut last = [0; 4];
    for (last, &value) in last.iter_mut().zip(tail) {
        *last = value;
    }
    let cells = job.inputs.div_ceil(4);
    let Some(output) = output.get_mut(..job.outputs) else { return };
    // Blobs have weights at multiples of 16.
    let is_complete = cells.checked_mul(job.channels.len()).is_some_and(|cells| cells <= job.weights.len());
    if cells == 0 || job.outputs == 0 || !is_complete || !job.weights.as_ptr().cast::<u32>().is_aligned() {
        return;
    }
    let rounding = job.quantization.output_zero_point.wrapping_mul(2).wrapping_add(1);
    let mut weights = job.weights.as_ptr();
    let (mut target, mut left) = (output.as_mut_ptr(), job.outputs);
    for channels in job.channels {
        let mut sums = channels.bias;
        let (mut values, mut words_left) = (words.as_ptr(), words.len());
        let count = left.min(LANES);
        // SAFETY: every block has a cell for each word, and one for the tail; `left` outputs are there.
        unsafe {
            while words_left != 0 {
                let count = words_left.min(SEGMENT);
                let end = values.add(count);
                multiply(weights, values, end, &mut sums);
                (weights, values) = (weights.add(count), end);
                words_left -= count;
            }
            if !tail.is_empty() {
                multiply(weights, &last, (&raw const last).wrapping_add(1), &mut sums);
                weights = weights.add(1);
            }
            let mut values = [0; LANES];
            let is_whole = count == LANES;
            let scaled = if is_whole { target.cast() } else { &raw mut values };
            let is_scaled = scale(&sums, channels, rounding, scaled, count) >= 0;
            // A build without the way for other shifts has refused them.
            let is_exact = is_scaled || !Feature::AnyRequantization.is_built();
            if !is_exact {
                scale_any(job, channels, &sums, &mut values);
            }
            if !is_exact || !is_whole {
                copy_few(values.as_ptr(), target, count);
            }
            target = target.add(count);
        }
        left -= count;
        if left == 0 {
            break;
        }
    }
    clamp(&job.quantization, output);
}

/// Scales the sums of a block, whatever the shifts.
#[inline(never)]
fn scale_any(job: &Dense<'_>, channels: &ChannelBlock, sums: &[i32; LANES], values: &mut [i8; LANES]) {
    for (lane, (value, (&sum, &bias))) in values.iter_mut().zip(sums.iter().zip(&channels.bias)).enumerate() {
        *value = requantize(&job.quantization, sum.wrapping_sub(bias), channels, lane);
    }
}

/// Two pairs of channels at two values of K, which are in `$x`: sums of both channels, and of the even one.
macro_rules! pairs {
    ($load:literal, $x:literal, $both:literal, $even:literal, $both_behind:literal, $even_behind:literal) => {
        concat!(
            $load,
            "smlad ",
            $both,
            ", r12, ",
            $x,
            ", ",
            $both,
            "\n",
            "smlad ",
            $both_behind,
            ", lr, ",
            $x,
            ", ",
            $both_behind,
            "\n",
            "sxtb16 r12, r12\n",
            "sxtb16 lr, lr\n",
            "smlad ",
            $even,
            ", r12, ",
            $x,
            ", ",
            $even,
            "\n",
            "smlad ",
            $even_behind,
            ", lr, ",
            $x,
            ", ",
            $even_behind,
            "\n",
        )
    };
}

/// A cell, 124 bytes of code: r0 weights, r1 values; both channels of the four pairs in r4 to r7, even ones in r8 to r11.
macro_rules! cell {
    () => {
        concat!(
            "ldr.w r3, [r1], #4\n",
            "sxtb16 r2, r3\n",
            "sxtb16 r3, r3, ror #8\n",
            pairs!("ldrd r12, lr, [r0], #8\n", "r2", "r4", "r8", "r5", "r9"),
            pairs!("ldrd r12, lr, [r0], #8\n", "r3", "r4", "r8", "r5", "r9"),
            pairs!("ldrd r12, lr, [r0], #8\n", "r2", "r6", "r10", "r7", "r11"),
            pairs!("ldrd r12, lr, [r0], #8\n", "r3", "r6", "r10", "r7", "r11"),
        )
    };
}

/// Adds what a pair has gained to the sums of its channels.
macro_rules! fold {
    ($both:literal, $even:literal, $at:literal) => {
        concat!(
            "ldrd r2, r3, [r0, #",
            $at,
            "]\n",
            "sub.w ",
            $both,
            ", ",
            $both,
            ", ",
            $even,
            "\n",
            "add.w r2, r2, ",
            $even,
            "\n",
            "add.w r3, r3, ",
            $both,
            ", asr #8\n",
            "strd r2, r3, [r0, #",
            $at,
            "]\n",
        )
    };
}

/// Adds the products of the cells from `weights` on and the words from `words` to `end` to `sums`.
///
/// # Safety
///
/// There must be as many cells, at an address of words, as words of values, at least one and at most [`SEGMENT`].
#[unsafe(naked)]
unsafe extern "C" fn multiply(
    weights: *const WeightCell,
    words: *const [i8; 4],
    end: *const [i8; 4],
    sums: *mut [i32; LANES],
) {
    // Stack: 0 end, 4 sums. The first time, the loop is entered where as many of its four cells are left as bring the rest
    // to a multiple of four.
    naked_asm!(
        "push {{r2-r11, lr}}",
        "mov.w r4, #0",
        "mov.w r5, #0",
        "mov.w r6, #0",
        "mov.w r7, #0",
        "mov.w r8, #0",
        "mov.w r9, #0",
        "mov.w r10, #0",
        "mov.w r11, #0",
        "subs r2, r1, r2",
        "and r2, r2, #12",
        "adr.w r3, 2f",
        "rsb.w r2, r2, r2, lsl #5",
        "add r3, r2",
        "adds r3, #1",
        "bx r3",
        ".p2align 2",
        "2:",
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        "ldr r2, [sp, #0]",
        "cmp r1, r2",
        "bne.w 2b",
        "ldr r0, [sp, #4]",
        fold!("r4", "r8", "0"),
        fold!("r5", "r9", "8"),
        fold!("r6", "r10", "16"),
        fold!("r7", "r11", "24"),
        "pop {{r2-r11, pc}}",
    )
}

/// One channel: r0 sums, r1 block, r2 rounding, r3 outputs.
macro_rules! scale {
    ($sum:literal, $multiplier:literal, $shift:literal) => {
        concat!(
            "ldr.w r4, [r0, #",
            $sum,
            "]\n",
            "ldr.w r5, [r1, #",
            $multiplier,
            "]\n",
            "ldr.w r6, [r1, #",
            $shift,
            "]\n",
            "smull r5, r7, r4, r5\n",
            "mvns r6, r6\n",
            "orr.w lr, lr, r6\n",
            "adds.w r5, r5, r4, asr #31\n",
            "adc.w r7, r7, r4, asr #31\n",
            "adds r5, r5, r5\n",
            "adcs r7, r7\n",
            "asrs r7, r6\n",
            "qadd r7, r7, r2\n",
            "ssat r7, #8, r7, asr #1\n",
            "strb r7, [r3], #1\n",
        )
    };
}

/// Scales the sums of the first `count` channels of a block, rounded up to an even number, by a product of 64 bits, rounded half away
/// from zero: with one less for a negative product, ⌊product / 2^(30 − shift)⌋ + 1 is halved, which needs only the upper word of the
/// doubled product if the shift is −1 or less.
/// `rounding` is 2 · zero point + 1. Returns a negative number if there is another shift, and then the outputs are of no meaning.
///
/// # Safety
///
/// The operands must be there; their alignment is that of their types.
#[unsafe(naked)]
unsafe extern "C" fn scale(
    sums: *const [i32; LANES],
    channels: *const ChannelBlock,
    rounding: i32,
    outputs: *mut [i8; LANES],
    count: usize,
) -> i32 {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "ldr.w r12, [sp, #20]",
        "mov.w lr, #0",
        "2:",
        scale!("0", "64", "96"),
        scale!("4", "68", "100"),
        "adds r0, #8",
        "adds r1, #8",
        "subs.w r12, r12, #2",
        "bgt 2b",
        "mov r0, lr",
        "pop {{r4-r7, pc}}",
    )
}
