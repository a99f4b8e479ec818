//! Armv8.2-A dot product: SDOT multiplies four values of four channels and adds them up in one instruction.
//!
//! Its intrinsics are unstable, hence `asm!`. The form with an index takes one cell of a vector of 16 values for all channels, so
//! that a column is loaded once for four cells: 64 instructions that multiply share 20 vectors that are loaded. A Cortex-A76 loads beside
//! multiplying; 16 sums are more than enough for its two pipes. An in-order Cortex-A55 multiplies in one instruction a cycle and is held up
//! by each vector that it loads for two. The compiler allocates registers and schedules here: what it makes of this has no copies and no
//! spills.

use core::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s8, vdupq_n_s32, vld1q_lane_s32, vld1q_s8, vreinterpretq_s8_s32,
};
use core::arch::asm;

use super::multiply::Multiply;
use super::panel::Quad;
use super::{convolution, dense, depthwise};
use crate::kernels::arch::{Band, Convolution, Dense, Depthwise, Kernels, Workspace};

/// Kernels for processors with the dot product. [`super::kernels`] hands them out only there.
pub(in crate::kernels::arch) struct NeonDot;

impl Kernels for NeonDot {
    fn prepare_conv2d(&self, job: &Convolution<'_>, prepared: &mut [u8]) {
        convolution::prepare::<NeonDot>(job, prepared);
    }

    fn prepare_depthwise_conv2d(&self, job: &Depthwise<'_>, prepared: &mut [u8]) {
        depthwise::prepare(job, prepared);
    }

    fn prepare_fully_connected(&self, job: &Dense<'_>, prepared: &mut [u8]) {
        dense::prepare::<NeonDot>(job, prepared);
    }

    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::kernels` has asked the processor for the dot product.
        unsafe { convolution::conv2d::<NeonDot>(job, band, workspace) };
    }

    fn depthwise_conv2d(&self, job: &Depthwise<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::kernels` has asked the processor for the dot product.
        unsafe { depthwise::depthwise_conv2d::<true>(job, band, workspace) };
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) {
        // SAFETY: `super::kernels` has asked the processor for the dot product.
        unsafe { dense::fully_connected::<NeonDot>(job, input, output, workspace) };
    }
}

/// Adds to each 32-bit lane of `sums` the four products of its bytes with cell `CELL` of `values`.
///
/// # Safety
/// The processor has the dot product.
#[inline(always)]
unsafe fn dot<const CELL: usize>(sums: &mut int32x4_t, weights: int8x16_t, values: int8x16_t) {
    // SAFETY: computes in registers alone; the caller has made sure of the instruction.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {weights:v}.16b, {values:v}.4b[{cell}]",
            sums = inout(vreg) *sums,
            weights = in(vreg) weights,
            values = in(vreg) values,
            cell = const CELL,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
}

impl Multiply for NeonDot {
    // Eight sums hide the latency of the instruction.
    const DENSE_BLOCKS: usize = 4;

    /// Four values of the first channel, four of the second, and so on.
    fn arrange(quad: &Quad) -> [i8; 16] {
        *quad.as_flattened().as_array().unwrap_or(&[0; 16])
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
            for &offset in offsets {
                let mut columns = columns.map(|column| column.add(offset as usize));
                for _ in 0..cells / 4 {
                    let mut values = [vdupq_n_s8(0); COLUMNS];
                    for (values, column) in values.iter_mut().zip(&mut columns) {
                        *values = vld1q_s8(*column);
                        *column = column.add(16);
                    }
                    add_cell::<0, _, _>(weights, values, &mut sums);
                    add_cell::<1, _, _>(weights.add(16 * QUADS), values, &mut sums);
                    add_cell::<2, _, _>(weights.add(32 * QUADS), values, &mut sums);
                    add_cell::<3, _, _>(weights.add(48 * QUADS), values, &mut sums);
                    weights = weights.add(64 * QUADS);
                }
                for _ in 0..cells % 4 {
                    let mut values = [vdupq_n_s8(0); COLUMNS];
                    for (values, column) in values.iter_mut().zip(&mut columns) {
                        *values = vreinterpretq_s8_s32(vld1q_lane_s32::<0>(column.cast(), vdupq_n_s32(0)));
                        *column = column.add(4);
                    }
                    add_cell::<0, _, _>(weights, values, &mut sums);
                    weights = weights.add(16 * QUADS);
                }
            }
        }
        sums
    }
}

/// Multiplies cell `CELL` of `values`.
///
/// # Safety
/// The processor has the dot product, and `weights` has `16 · QUADS` readable bytes.
#[inline(always)]
unsafe fn add_cell<const CELL: usize, const COLUMNS: usize, const QUADS: usize>(
    weights: *const i8,
    values: [int8x16_t; COLUMNS],
    sums: &mut [[int32x4_t; QUADS]; COLUMNS],
) {
    // SAFETY: reads what the caller promises; Advanced SIMD is a part of aarch64.
    unsafe {
        let mut quads = [vdupq_n_s8(0); QUADS];
        for (index, quad) in quads.iter_mut().enumerate() {
            *quad = vld1q_s8(weights.add(16 * index));
        }
        for (sums, values) in sums.iter_mut().zip(values) {
            for (sum, quad) in sums.iter_mut().zip(quads) {
                dot::<CELL>(sum, quad, values);
            }
        }
    }
}
