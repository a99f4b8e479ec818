//! 3 × 3 depthwise convolution with the dot product, 8 channels of two rows of pixels at a time.
//!
//! SDOT adds up four bytes that lie side by side, but the values of a channel lie a pixel apart. The four rows that two pixels, one
//! above the other, see are transposed: then the four values of a column lie in one word. The upper pixel meets them with the weights of
//! its three rows and a zero, the lower one with a zero and its weights. A column is transposed once and serves the three columns of
//! pixels that see it. So 16 outputs cost 4 ZIP and 12 SDOT instead of 18 multiplications and 20 additions, and everything fits the
//! registers.

use core::arch::aarch64::{
    int8x8_t, int8x16_t, int32x4_t, vcombine_s8, vdup_n_s8, vld1_s8, vreinterpretq_s8_s16,
    vreinterpretq_s16_s8, vzip1q_s8, vzip1q_s16, vzip2q_s16,
};
use core::arch::asm;

use super::requantize::{Bounds, Scales, biases};
use crate::format::ChannelBlock;

/// The weights of a column of taps for each of 8 channels, four to a word.
type Column = [int8x16_t; 2];

/// What belongs to 8 channels.
pub(super) struct Channels {
    /// The columns of the kernel for the upper pixel.
    upper: [Column; 3],
    /// The same for the lower one.
    lower: [Column; 3],
    biases: [int32x4_t; 2],
    scales: Scales<2>,
    bounds: Bounds,
}

/// Two rows of pixels.
pub(super) struct RowPair {
    /// Where the first pixels see each of their four rows.
    pub rows: [*const i8; 4],
    /// From what a pixel sees to what the next one sees.
    pub pixel_bytes: usize,
    /// The first outputs of both rows. The upper ones are written last, and may be the same as the lower ones.
    pub outputs: [*mut i8; 2],
    /// From one output to the next.
    pub output_bytes: usize,
    /// Pixels of a row, not 0.
    pub width: usize,
}

/// Transposes a column of four rows.
#[inline]
#[target_feature(enable = "neon")]
fn transpose([a, b, c, d]: [int8x8_t; 4]) -> Column {
    let pairs = |first, second| {
        vreinterpretq_s16_s8(vzip1q_s8(vcombine_s8(first, first), vcombine_s8(second, second)))
    };
    let (first, second) = (pairs(a, b), pairs(c, d));
    [vreinterpretq_s8_s16(vzip1q_s16(first, second)), vreinterpretq_s8_s16(vzip2q_s16(first, second))]
}

/// Loads the column at `offset` and transposes it.
macro_rules! load {
    ($low:literal, $high:literal) => {
        concat!(
            "ldr d27, [{row0}, {offset}]\n",
            "ldr d28, [{row1}, {offset}]\n",
            "ldr d29, [{row2}, {offset}]\n",
            "ldr d30, [{row3}, {offset}]\n",
            "add {offset}, {offset}, {pixel_bytes}\n",
            "zip1 v27.16b, v27.16b, v28.16b\n",
            "zip1 v29.16b, v29.16b, v30.16b\n",
            "zip1 ",
            $low,
            ".8h, v27.8h, v29.8h\n",
            "zip2 ",
            $high,
            ".8h, v27.8h, v29.8h\n",
        )
    };
}

/// Adds the products of a column, given the vectors of its weights: four sums, so that each is used again by the fourth instruction.
macro_rules! multiply {
    ($low:literal, $high:literal, $upper0:literal, $upper1:literal, $lower0:literal, $lower1:literal) => {
        concat!(
            "sdot v27.4s, ",
            $upper0,
            ".16b, ",
            $low,
            ".16b\n",
            "sdot v28.4s, ",
            $upper1,
            ".16b, ",
            $high,
            ".16b\n",
            "sdot v29.4s, ",
            $lower0,
            ".16b, ",
            $low,
            ".16b\n",
            "sdot v30.4s, ",
            $lower1,
            ".16b, ",
            $high,
            ".16b\n",
        )
    };
}

/// Loads the last of the three columns that a pair of pixels sees, and computes the pair. Sums become outputs as in
/// [`super::requantize::TwiceRight`].
macro_rules! pixels {
    ($a:literal, $a_high:literal, $b:literal, $b_high:literal, $c:literal, $c_high:literal) => {
        concat!(
            load!($c, $c_high),
            "mov v27.16b, v18.16b\n",
            "mov v28.16b, v19.16b\n",
            "mov v29.16b, v18.16b\n",
            "mov v30.16b, v19.16b\n",
            multiply!($a, $a_high, "v0", "v1", "v6", "v7"),
            multiply!($b, $b_high, "v2", "v3", "v8", "v9"),
            multiply!($c, $c_high, "v4", "v5", "v10", "v11"),
            "sqrdmulh v27.4s, v27.4s, v20.4s\n",
            "sqrdmulh v28.4s, v28.4s, v21.4s\n",
            "sqrdmulh v29.4s, v29.4s, v20.4s\n",
            "sqrdmulh v30.4s, v30.4s, v21.4s\n",
            "ssra v27.4s, v27.4s, #31\n",
            "ssra v28.4s, v28.4s, #31\n",
            "ssra v29.4s, v29.4s, #31\n",
            "ssra v30.4s, v30.4s, #31\n",
            "srshl v27.4s, v27.4s, v22.4s\n",
            "srshl v28.4s, v28.4s, v23.4s\n",
            "srshl v29.4s, v29.4s, v22.4s\n",
            "srshl v30.4s, v30.4s, v23.4s\n",
            "sqxtn v27.4h, v27.4s\n",
            "sqxtn v29.4h, v29.4s\n",
            "subs {left}, {left}, #1\n",
            "sqxtn2 v27.8h, v28.4s\n",
            "sqxtn2 v29.8h, v30.4s\n",
            "sqadd v27.8h, v27.8h, v24.8h\n",
            "sqadd v29.8h, v29.8h, v24.8h\n",
            "sqxtn v27.8b, v27.8h\n",
            "sqxtn2 v27.16b, v29.8h\n",
            "smax v27.16b, v27.16b, v25.16b\n",
            "smin v27.16b, v27.16b, v26.16b\n",
            "st1 {{v27.d}}[1], [{lower}], {output_bytes}\n",
            "st1 {{v27.d}}[0], [{upper}], {output_bytes}\n",
        )
    };
}

impl Channels {
    /// From the weights of the taps, row after row, of which `first` is the first channel.
    ///
    /// # Safety
    /// There are 8 weights from `first` on.
    #[inline]
    #[target_feature(enable = "neon")]
    pub unsafe fn of(taps: &[[i8; 16]; 9], first: usize, block: &ChannelBlock, bounds: Bounds) -> Channels {
        // SAFETY: as the caller promises.
        let [a, b, c, d, e, f, g, h, i] =
            taps.each_ref().map(|tap| unsafe { vld1_s8(tap.as_ptr().add(first)) });
        let zero = vdup_n_s8(0);
        Channels {
            upper: [transpose([a, d, g, zero]), transpose([b, e, h, zero]), transpose([c, f, i, zero])],
            lower: [transpose([zero, a, d, g]), transpose([zero, b, e, h]), transpose([zero, c, f, i])],
            // SAFETY: two quads have one block.
            biases: unsafe { biases(block) },
            // SAFETY: as above.
            scales: unsafe { Scales::of(block) },
            bounds,
        }
    }

    /// Computes two rows.
    ///
    /// # Safety
    /// The processor has the dot product, and all shifts are below 0. From each row on, 8 bytes of `width` + 2 pixels can be read, and
    /// 8 bytes of `width` outputs be written.
    #[inline]
    #[target_feature(enable = "neon")]
    pub unsafe fn compute(&self, pair: &RowPair) {
        let [[[u0, u1], [u2, u3], [u4, u5]], [[l0, l1], [l2, l3], [l4, l5]]] = [self.upper, self.lower];
        let Scales { multipliers, shifts } = self.scales;
        // SAFETY: reads and writes what the caller promises.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                load!("v12", "v13"),
                load!("v14", "v15"),
                // Columns stay in their registers while pixels move on: three steps make a round.
                "2:",
                pixels!("v12", "v13", "v14", "v15", "v16", "v17"),
                "b.eq 3f",
                pixels!("v14", "v15", "v16", "v17", "v12", "v13"),
                "b.eq 3f",
                pixels!("v16", "v17", "v12", "v13", "v14", "v15"),
                "b.ne 2b",
                "3:",
                row0 = in(reg) pair.rows[0],
                row1 = in(reg) pair.rows[1],
                row2 = in(reg) pair.rows[2],
                row3 = in(reg) pair.rows[3],
                offset = inout(reg) 0usize => _,
                pixel_bytes = in(reg) pair.pixel_bytes,
                upper = inout(reg) pair.outputs[0] => _,
                lower = inout(reg) pair.outputs[1] => _,
                output_bytes = in(reg) pair.output_bytes,
                left = inout(reg) pair.width => _,
                in("v0") u0, in("v1") u1, in("v2") u2, in("v3") u3, in("v4") u4, in("v5") u5,
                in("v6") l0, in("v7") l1, in("v8") l2, in("v9") l3, in("v10") l4, in("v11") l5,
                out("v12") _, out("v13") _, out("v14") _, out("v15") _, out("v16") _, out("v17") _,
                in("v18") self.biases[0], in("v19") self.biases[1],
                in("v20") multipliers[0], in("v21") multipliers[1],
                in("v22") shifts[0], in("v23") shifts[1],
                in("v24") self.bounds.narrow_zero_point(),
                in("v25") self.bounds.low,
                in("v26") self.bounds.high,
                out("v27") _, out("v28") _, out("v29") _, out("v30") _,
                options(nostack)
            );
        }
    }
}
