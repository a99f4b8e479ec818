//! x86-64 with AVX-512 VNNI on 256-bit vectors.
//!
//! VPDPBUSD takes one unsigned operand. That is the weights, raised by 128: once a cell for all columns, and 128 times the sum of a column is
//! taken back, which is the same for all blocks. The instruction wraps where VPDPBUSDS would saturate, and so do the sums of
//! the portable kernels: the results are equal modulo 2³², whatever the operands are.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_dpbusd_epi32, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_sub_epi32, _mm256_xor_si256,
};

use super::blocks::{self, COLUMNS, Columns, Pixels, blocks};
use super::requantize_avx2::requantize;
use super::{Depthwise, Gemm, Kernels, avx2};
use crate::format::{ChannelBlock, LANES, WeightCell};

/// Kernels for processors with AVX-512 VNNI and VL. [`super::kernels`] hands them out only there.
pub(super) struct Vnni;

impl Kernels for Vnni {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for AVX2, AVX-512 VNNI and VL.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        // VPDPBUSD adds up what lies side by side in memory; channels of a depthwise convolution do not add up.
        // SAFETY: `super::kernels` has asked the processor for AVX2, AVX-512 VNNI and VL.
        unsafe { avx2::depthwise(job, input, taps, output) }
    }
}

#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(
        job,
        output,
        |columns, pixels| tile(job, columns, pixels),
        |column, pixel| {
            single(job, column, pixel);
        },
    );
}

/// The words of columns, for all rows of a cell.
#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn repeat(values: &[i8; 4]) -> __m256i {
    _mm256_set1_epi32(i32::from_le_bytes(values.map(|value| value as u8)))
}

/// A cell of weights, raised by 128.
#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn raised(cell: &WeightCell) -> __m256i {
    // SAFETY: a cell is 32 readable bytes, and the load needs no alignment.
    let weights = unsafe { _mm256_loadu_si256(cell.as_ptr().cast()) };
    _mm256_xor_si256(weights, _mm256_set1_epi8(i8::MIN))
}

#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn tile(job: &Gemm<'_>, columns: Columns<'_, COLUMNS>, mut pixels: Pixels<'_, COLUMNS>) {
    let zero = [_mm256_setzero_si256(); COLUMNS];
    // 128 times the values of a column: what the raised weights add too much.
    let mut offsets = zero;
    for values in columns.iter() {
        for (offset, values) in offsets.iter_mut().zip(values) {
            *offset = _mm256_dpbusd_epi32(*offset, _mm256_set1_epi8(i8::MIN), repeat(values));
        }
    }
    let mut blocks = blocks(job);
    while let Some(block) = blocks.next() {
        // Two blocks at once: eight sums in flight hide the latency of the instruction.
        let Some(next) = blocks.next() else {
            let mut sums = zero;
            for (cell, values) in block.cells.iter().zip(columns.iter()) {
                let weights = raised(cell);
                for (sums, values) in sums.iter_mut().zip(values) {
                    *sums = _mm256_dpbusd_epi32(*sums, weights, repeat(values));
                }
            }
            finish(job, &mut pixels, block.channels, sums, offsets);
            return;
        };
        let (mut sums, mut next_sums) = (zero, zero);
        let cells = block.cells.iter().zip(next.cells);
        for ((cell, next_cell), values) in cells.zip(columns.iter()) {
            let (weights, next_weights) = (raised(cell), raised(next_cell));
            for ((sums, next_sums), values) in sums.iter_mut().zip(&mut next_sums).zip(values) {
                *sums = _mm256_dpbusd_epi32(*sums, weights, repeat(values));
                *next_sums = _mm256_dpbusd_epi32(*next_sums, next_weights, repeat(values));
            }
        }
        finish(job, &mut pixels, block.channels, sums, offsets);
        finish(job, &mut pixels, next.channels, next_sums, offsets);
    }
}

/// Takes back the offsets and writes the outputs of a block.
#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn finish<const N: usize>(
    job: &Gemm<'_>,
    pixels: &mut Pixels<'_, N>,
    channels: &ChannelBlock,
    sums: [__m256i; N],
    offsets: [__m256i; N],
) {
    let mut outputs = [[0; LANES]; N];
    for ((outputs, sums), offsets) in outputs.iter_mut().zip(sums).zip(offsets) {
        *outputs = requantize(&job.quantization, channels, _mm256_sub_epi32(sums, offsets));
    }
    blocks::write(pixels, outputs);
}

/// One column: four cells at once, as many sums hide the latency of the instruction.
#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn single(job: &Gemm<'_>, column: Columns<'_, 1>, mut pixel: Pixels<'_, 1>) {
    let column = column.column(0);
    let mut offsets = _mm256_setzero_si256();
    for values in column {
        offsets = _mm256_dpbusd_epi32(offsets, _mm256_set1_epi8(i8::MIN), repeat(values));
    }
    let (values_by_four, last_values) = column.as_chunks::<4>();
    for block in blocks(job) {
        let (cells_by_four, last_cells) = block.cells.as_chunks::<4>();
        let mut sums = [_mm256_setzero_si256(); 4];
        for (cells, values) in cells_by_four.iter().zip(values_by_four) {
            for ((sum, cell), values) in sums.iter_mut().zip(cells).zip(values) {
                *sum = _mm256_dpbusd_epi32(*sum, raised(cell), repeat(values));
            }
        }
        for ((sum, cell), values) in sums.iter_mut().zip(last_cells).zip(last_values) {
            *sum = _mm256_dpbusd_epi32(*sum, raised(cell), repeat(values));
        }
        let [a, b, c, d] = sums;
        let sum = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
        finish(job, &mut pixel, block.channels, [sum], [offsets]);
    }
}
