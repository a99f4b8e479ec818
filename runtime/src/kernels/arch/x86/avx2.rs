//! x86-64 with AVX2.

use super::super::{Band, Convolution, Dense, Depthwise as DepthwiseJob, Kernels, Workspace};
use super::depthwise_layout::Depthwise;
use super::layout::{Layout, Vectors};
use super::lines::prepare_depthwise;
use super::panels::{prepare_convolution, prepare_dense};
use super::prepared::{Prepared, aligned, groups};
use super::requantize_avx2::Requantization;
use super::sequences::Rows;
use super::tiles::{Product, for_each_tile};
use super::{depthwise_avx2, image, product_avx2};

const VECTORS: Vectors = Vectors::AVX2;
const DENSE: Vectors = Vectors::AVX2_DENSE;
/// Both operands are signed.
const RAISED: i32 = 0;

/// Kernels for processors with AVX2. [`super::super::kernels`] hands them out only there.
pub(in super::super) struct Avx2;

impl Kernels for Avx2 {
    fn prepare_conv2d(&self, job: &Convolution<'_>, prepared: &mut [u8]) {
        prepare_convolution(VECTORS, RAISED, job, prepared);
    }

    fn prepare_depthwise_conv2d(&self, job: &DepthwiseJob<'_>, prepared: &mut [u8]) {
        if let Some(layout) = Depthwise::of(VECTORS, &job.shape) {
            prepare_depthwise(&layout, RAISED, job, prepared);
        }
    }

    fn prepare_fully_connected(&self, job: &Dense<'_>, prepared: &mut [u8]) {
        prepare_dense(DENSE, RAISED, job, prepared);
    }

    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for it.
        unsafe { conv2d(job, band, workspace) };
    }

    fn depthwise_conv2d(&self, job: &DepthwiseJob<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for it.
        unsafe { depthwise_conv2d(job, band, workspace) };
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for it.
        unsafe { fully_connected(job, input, output, workspace) };
    }
}

/// Widens values.
#[target_feature(enable = "avx2")]
fn widen(values: &[i8], wide: &mut [i16]) {
    for (wide, &value) in wide.iter_mut().zip(values) {
        *wide = value.into();
    }
}

#[target_feature(enable = "avx2")]
fn conv2d(job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) -> Option<()> {
    let (Band { input, output, .. }, Workspace { scratch, prepared }) = (band, workspace);
    let shape = &job.shape;
    let layout = Layout::of(VECTORS, shape)?;
    let prepared = Prepared::of(VECTORS, layout.panels * shape.groups, layout.depth()?, prepared)?;
    let scratch = aligned(scratch);
    let image: &mut [i16] = bytemuck::try_cast_slice_mut(&mut *scratch).ok()?;
    let border = job.quantization.input_zero_point as i16;
    image::copy(
        &layout,
        shape,
        input,
        image,
        |values, wide| widen(values, wide),
        |around| {
            around.fill(border);
        },
    );
    let requantization = Requantization::of(&job.quantization, prepared.is_fast);
    let product = Product { layout, output_stride: shape.output[2] };
    for_each_tile(&product, shape, &prepared, scratch, output, |tile| {
        // SAFETY: the walk makes sure of it.
        unsafe { product_avx2::multiply(&product, &requantization, tile) }
    });
    Some(())
}

#[target_feature(enable = "avx2")]
fn depthwise_conv2d(job: &DepthwiseJob<'_>, band: Band<'_>, workspace: Workspace<'_>) -> Option<()> {
    let (Band { input, output, .. }, Workspace { scratch, prepared }) = (band, workspace);
    let shape = &job.shape;
    let layout = Depthwise::of(VECTORS, shape)?;
    let prepared = Prepared::of(VECTORS, layout.phases, layout.depth()?, prepared)?;
    let planes: &mut [i32] = bytemuck::try_cast_slice_mut(aligned(scratch)).ok()?;
    let requantization = Requantization::of(&job.quantization, prepared.is_fast);
    let border = job.quantization.input_zero_point as i8;
    let rows = Rows {
        layout: &layout,
        shape,
        prepared: &prepared,
        border: i32::from(border) & 0xffff | i32::from(border) << 16,
    };
    rows.for_each(
        input,
        output,
        planes,
        |lines, words| depthwise_avx2::fill(lines, border, words),
        // SAFETY: the walk makes sure of it.
        |sequence| unsafe { depthwise_avx2::multiply(&layout, &requantization, sequence) },
    );
    Some(())
}

#[target_feature(enable = "avx2")]
fn fully_connected(job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) -> Option<()> {
    let Workspace { scratch, prepared } = workspace;
    let (panels, depth) = (job.outputs.div_ceil(DENSE.lanes), job.inputs.div_ceil(DENSE.values));
    let prepared = Prepared::of(DENSE, panels, depth, prepared)?;
    let words: &mut [[i16; 2]] = bytemuck::try_cast_slice_mut(scratch).ok()?;
    let words = words.get_mut(..depth)?;
    widen(input.get(..job.inputs)?, words.as_flattened_mut());
    let requantization = Requantization::of(&job.quantization, prepared.is_fast);
    let output = output.get_mut(..job.outputs)?;
    for (first, count) in groups(panels, DENSE.dense) {
        let weights = prepared.weights.as_ptr().wrapping_add(first * depth * DENSE.bytes());
        let constants = prepared.constants.as_ptr().wrapping_add(first * DENSE.constant_bytes()).cast();
        let dense = match count {
            1 => product_avx2::dense::<1>,
            2 => product_avx2::dense::<2>,
            _ => product_avx2::dense::<4>,
        };
        let outputs = output.get_mut(first * DENSE.lanes..)?;
        // SAFETY: the group has `count` vectors of channels, whose weights and constants are as long as
        // `Prepared::of` has checked, and as many outputs as are left.
        unsafe { dense(&requantization, words, weights, constants, outputs.as_mut_ptr(), outputs.len()) };
    }
    Some(())
}
