//! The sums of a depthwise convolution with nine taps, of 3 × 3 mostly: all weights and addresses stay in registers.
//!
//! The arithmetic is that of [`super::all_taps`].

use core::arch::aarch64::{int8x16_t, int32x4_t};
use core::arch::asm;

/// Loads the values of two taps, and multiplies them while the sums of the two taps before are widened: then multiplications and
/// additions, which different pipes of a Cortex-A72 execute, alternate, and no instruction waits for the one before.
macro_rules! two_taps {
    ($first:literal, $second:literal, $low:literal, $high:literal, $from:tt, $done_low:literal, $done_high:literal) => {
        concat!(
            "ldr {a:q}, [{tap",
            $first,
            "}, {offset}]\n",
            "ldr {b:q}, [{tap",
            $second,
            "}, {offset}]\n",
            widen!($from, "0", "saddw", $done_low, "4h"),
            "smull {",
            $low,
            ":v}.8h, {weights",
            $first,
            ":v}.8b, {a:v}.8b\n",
            widen!($from, "1", "saddw2", $done_low, "8h"),
            "smull2 {",
            $high,
            ":v}.8h, {weights",
            $first,
            ":v}.16b, {a:v}.16b\n",
            widen!($from, "2", "saddw", $done_high, "4h"),
            "smlal {",
            $low,
            ":v}.8h, {weights",
            $second,
            ":v}.8b, {b:v}.8b\n",
            widen!($from, "3", "saddw2", $done_high, "8h"),
            "smlal2 {",
            $high,
            ":v}.8h, {weights",
            $second,
            ":v}.16b, {b:v}.16b\n",
        )
    };
}

/// Adds a quarter of finished sums of 16 bits to the sum in `$index`, which starts `from` the bias or from itself.
macro_rules! widen {
    (nothing, $index:literal, $instruction:literal, $done:literal, $lanes:literal) => {
        ""
    };
    (bias, $index:literal, $instruction:literal, $done:literal, $lanes:literal) => {
        concat!(
            $instruction,
            " {sum",
            $index,
            ":v}.4s, {bias",
            $index,
            ":v}.4s, {",
            $done,
            ":v}.",
            $lanes,
            "\n"
        )
    };
    (sum, $index:literal, $instruction:literal, $done:literal, $lanes:literal) => {
        concat!(
            $instruction,
            " {sum",
            $index,
            ":v}.4s, {sum",
            $index,
            ":v}.4s, {",
            $done,
            ":v}.",
            $lanes,
            "\n"
        )
    };
}

/// The sums of 16 channels of a pixel, from their biases.
///
/// # Safety
/// 16 bytes `offset` bytes behind each of `taps` can be read.
#[inline(always)]
pub(super) unsafe fn nine_taps(
    weights: &[int8x16_t; 9],
    taps: &[*const i8; 9],
    offset: usize,
    biases: [int32x4_t; 4],
) -> [int32x4_t; 4] {
    let (sum0, sum1, sum2, sum3): (int32x4_t, int32x4_t, int32x4_t, int32x4_t);
    // SAFETY: reads what the caller promises.
    unsafe {
        asm!(
            two_taps!("0", "1", "low", "high", nothing, "", ""),
            two_taps!("2", "3", "next_low", "next_high", bias, "low", "high"),
            two_taps!("4", "5", "low", "high", sum, "next_low", "next_high"),
            two_taps!("6", "7", "next_low", "next_high", sum, "low", "high"),
            "ldr {a:q}, [{tap8}, {offset}]",
            widen!(sum, "0", "saddw", "next_low", "4h"),
            widen!(sum, "1", "saddw2", "next_low", "8h"),
            "smull {low:v}.8h, {weights8:v}.8b, {a:v}.8b",
            widen!(sum, "2", "saddw", "next_high", "4h"),
            "smull2 {high:v}.8h, {weights8:v}.16b, {a:v}.16b",
            widen!(sum, "3", "saddw2", "next_high", "8h"),
            widen!(sum, "0", "saddw", "low", "4h"),
            widen!(sum, "1", "saddw2", "low", "8h"),
            widen!(sum, "2", "saddw", "high", "4h"),
            widen!(sum, "3", "saddw2", "high", "8h"),
            offset = in(reg) offset,
            tap0 = in(reg) taps[0], tap1 = in(reg) taps[1], tap2 = in(reg) taps[2],
            tap3 = in(reg) taps[3], tap4 = in(reg) taps[4], tap5 = in(reg) taps[5],
            tap6 = in(reg) taps[6], tap7 = in(reg) taps[7], tap8 = in(reg) taps[8],
            weights0 = in(vreg) weights[0], weights1 = in(vreg) weights[1], weights2 = in(vreg) weights[2],
            weights3 = in(vreg) weights[3], weights4 = in(vreg) weights[4], weights5 = in(vreg) weights[5],
            weights6 = in(vreg) weights[6], weights7 = in(vreg) weights[7], weights8 = in(vreg) weights[8],
            bias0 = in(vreg) biases[0], bias1 = in(vreg) biases[1],
            bias2 = in(vreg) biases[2], bias3 = in(vreg) biases[3],
            sum0 = out(vreg) sum0, sum1 = out(vreg) sum1, sum2 = out(vreg) sum2, sum3 = out(vreg) sum3,
            a = out(vreg) _, b = out(vreg) _, low = out(vreg) _, high = out(vreg) _,
            next_low = out(vreg) _, next_high = out(vreg) _,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    [sum0, sum1, sum2, sum3]
}
