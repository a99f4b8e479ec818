//! Armv8-A Advanced SIMD.
//!
//! As no weight is −128, two products fit 16 bits: SMULL and SMLAL2 multiply a quad, 16 weights, with four values of a column, and
//! SADALP adds neighbours to the 32-bit sums of its four channels.

use core::arch::aarch64::{
    int8x16_t, int32x4_t, uint8x16_t, vdupq_n_s8, vdupq_n_s32, vget_low_s8, vld1q_lane_s32, vld1q_s8,
    vld1q_u8, vmlal_high_s8, vmull_s8, vpadalq_s16, vqtbl1q_s8, vreinterpretq_s8_s32,
};

use super::multiply::Multiply;
use super::neon_tile::{self, REPEAT};
use super::panel::Quad;
use super::{convolution, dense, depthwise};
use crate::kernels::arch::{Band, Convolution, Dense, Depthwise, Kernels, Workspace};

/// Kernels for every aarch64 processor: Advanced SIMD is a part of the architecture.
pub(in crate::kernels::arch) struct Neon;

impl Kernels for Neon {
    fn prepare_conv2d(&self, job: &Convolution<'_>, prepared: &mut [u8]) {
        convolution::prepare::<Neon>(job, prepared);
    }

    fn prepare_depthwise_conv2d(&self, job: &Depthwise<'_>, prepared: &mut [u8]) {
        depthwise::prepare(job, prepared);
    }

    fn prepare_fully_connected(&self, job: &Dense<'_>, prepared: &mut [u8]) {
        dense::prepare::<Neon>(job, prepared);
    }

    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { convolution::conv2d::<Neon>(job, band, workspace) };
    }

    fn depthwise_conv2d(&self, job: &Depthwise<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { depthwise::depthwise_conv2d::<false>(job, band, workspace) };
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { dense::fully_connected::<Neon>(job, input, output, workspace) };
    }
}

impl Multiply for Neon {
    // With more, the compiler runs out of registers for products.
    const DENSE_BLOCKS: usize = 2;

    /// The first two values of K of all channels, then the other two.
    fn arrange(quad: &Quad) -> [i8; 16] {
        let mut weights = [0; 16];
        for (channel, row) in quad.iter().enumerate() {
            for (k, &weight) in row.iter().enumerate() {
                weights[k / 2 * 8 + 2 * channel + k % 2] = weight;
            }
        }
        weights
    }

    #[inline(always)]
    unsafe fn multiply<const COLUMNS: usize, const QUADS: usize>(
        mut weights: *const i8,
        columns: [*const i8; COLUMNS],
        offsets: &[u32],
        cells: usize,
        mut sums: [[int32x4_t; QUADS]; COLUMNS],
    ) -> [[int32x4_t; QUADS]; COLUMNS] {
        // SAFETY: weights and columns are as long as the caller promises.
        unsafe {
            let repeat = REPEAT.as_ptr().cast::<u8>();
            for &offset in offsets {
                let mut columns = columns.map(|column| column.add(offset as usize));
                let mut spans = cells / 4;
                if let (Some(columns), Some(sums)) = (tile_of(&mut columns), tile_of_sums(&mut sums))
                    && spans > 0
                {
                    neon_tile::multiply(spans, &mut weights, columns, sums);
                    spans = 0;
                }
                for _ in 0..spans {
                    let mut values = [vdupq_n_s8(0); COLUMNS];
                    for (values, column) in values.iter_mut().zip(&mut columns) {
                        *values = vld1q_s8(*column);
                        *column = column.add(16);
                    }
                    add_cell(weights, values, vld1q_u8(repeat), &mut sums);
                    add_cell(weights.add(16 * QUADS), values, vld1q_u8(repeat.add(16)), &mut sums);
                    add_cell(weights.add(32 * QUADS), values, vld1q_u8(repeat.add(32)), &mut sums);
                    add_cell(weights.add(48 * QUADS), values, vld1q_u8(repeat.add(48)), &mut sums);
                    weights = weights.add(64 * QUADS);
                }
                for _ in 0..cells % 4 {
                    let mut values = [vdupq_n_s8(0); COLUMNS];
                    for (values, column) in values.iter_mut().zip(&mut columns) {
                        *values = vreinterpretq_s8_s32(vld1q_lane_s32::<0>(column.cast(), vdupq_n_s32(0)));
                        *column = column.add(4);
                    }
                    add_cell(weights, values, vld1q_u8(repeat), &mut sums);
                    weights = weights.add(16 * QUADS);
                }
            }
        }
        sums
    }
}

/// The columns if there are four.
#[inline(always)]
fn tile_of<const N: usize>(columns: &mut [*const i8; N]) -> Option<&mut [*const i8; 4]> {
    columns.as_mut_slice().as_mut_array()
}

/// The sums if there are four of four.
#[inline(always)]
fn tile_of_sums<const N: usize, const QUADS: usize>(
    sums: &mut [[int32x4_t; QUADS]; N],
) -> Option<&mut [[int32x4_t; 4]; 4]> {
    if N != 4 || QUADS != 4 {
        return None;
    }
    // SAFETY: this is the type that it has.
    Some(unsafe { &mut *core::ptr::from_mut(sums).cast() })
}

/// Multiplies the cell of `values` that `repeat` picks.
///
/// # Safety
/// `weights` has `16 · QUADS` readable bytes.
#[inline(always)]
unsafe fn add_cell<const COLUMNS: usize, const QUADS: usize>(
    weights: *const i8,
    values: [int8x16_t; COLUMNS],
    repeat: uint8x16_t,
    sums: &mut [[int32x4_t; QUADS]; COLUMNS],
) {
    // SAFETY: reads what the caller promises; Advanced SIMD is a part of aarch64.
    unsafe {
        let mut quads = [vdupq_n_s8(0); QUADS];
        for (index, quad) in quads.iter_mut().enumerate() {
            *quad = vld1q_s8(weights.add(16 * index));
        }
        for (sums, values) in sums.iter_mut().zip(values) {
            let values = vqtbl1q_s8(values, repeat);
            for (sum, quad) in sums.iter_mut().zip(quads) {
                let products = vmull_s8(vget_low_s8(quad), vget_low_s8(values));
                *sum = vpadalq_s16(*sum, vmlal_high_s8(products, quad, values));
            }
        }
    }
}
