//! x86-64 with AVX-512 VNNI on 512-bit vectors.

use core::arch::x86_64::{
    _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_xor_si512,
};

use super::super::{Band, Convolution, Dense, Depthwise as DepthwiseJob, Kernels, Workspace};
use super::depthwise_layout::Depthwise;
use super::layout::{Layout, Vectors};
use super::lines::prepare_depthwise;
use super::panels::{prepare_convolution, prepare_dense};
use super::prepared::{Prepared, aligned, groups};
use super::requantize_avx512::Requantization;
use super::sequences::Rows;
use super::tiles::{Product, for_each_tile};
use super::{depthwise_vnni, image, product_vnni};

const VECTORS: Vectors = Vectors::VNNI;
/// The unsigned operand is the input.
const RAISED: i32 = 128;

/// Kernels for processors with AVX-512 F, BW, VL and VNNI. [`super::super::kernels`] hands them out only there.
pub(in super::super) struct Vnni;

impl Kernels for Vnni {
    fn prepare_conv2d(&self, job: &Convolution<'_>, prepared: &mut [u8]) {
        prepare_convolution(VECTORS, RAISED, job, prepared);
    }

    fn prepare_depthwise_conv2d(&self, job: &DepthwiseJob<'_>, prepared: &mut [u8]) {
        if let Some(layout) = Depthwise::of(VECTORS, &job.shape) {
            prepare_depthwise(&layout, RAISED, job, prepared);
        }
    }

    fn prepare_fully_connected(&self, job: &Dense<'_>, prepared: &mut [u8]) {
        prepare_dense(VECTORS, RAISED, job, prepared);
    }

    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for these extensions.
        unsafe { conv2d(job, band, workspace) };
    }

    fn depthwise_conv2d(&self, job: &DepthwiseJob<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for these extensions.
        unsafe { depthwise_conv2d(job, band, workspace) };
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) {
        // SAFETY: `super::super::kernels` has asked the processor for these extensions.
        unsafe { fully_connected(job, input, output, workspace) };
    }
}

/// Copies values raised by 128, as many as there are of both.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn raise(values: &[i8], raised: &mut [u8]) {
    let sign = _mm512_set1_epi8(i8::MIN);
    for (values, raised) in values.chunks(64).zip(raised.chunks_mut(64)) {
        let mask = u64::MAX >> (64 - values.len().min(raised.len()));
        // SAFETY: the mask has a bit for each value.
        unsafe {
            let values = _mm512_maskz_loadu_epi8(mask, values.as_ptr());
            _mm512_mask_storeu_epi8(raised.as_mut_ptr().cast(), mask, _mm512_xor_si512(values, sign));
        }
    }
}

/// Writes `value` everywhere: mostly to so few bytes that calling a function for it would take longer.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn fill(bytes: &mut [u8], value: u8) {
    let vector = _mm512_set1_epi8(value as i8);
    for bytes in bytes.chunks_mut(64) {
        // SAFETY: the mask has a bit for each byte.
        unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), u64::MAX >> (64 - bytes.len()), vector) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn conv2d(job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) -> Option<()> {
    let (Band { input, output, .. }, Workspace { scratch, prepared }) = (band, workspace);
    let shape = &job.shape;
    let layout = Layout::of(VECTORS, shape)?;
    let prepared = Prepared::of(VECTORS, layout.panels * shape.groups, layout.depth()?, prepared)?;
    let scratch = aligned(scratch);
    let border = job.quantization.input_zero_point as u8 ^ 0x80;
    image::copy(
        &layout,
        shape,
        input,
        scratch,
        |values, raised| raise(values, raised),
        |around| {
            fill(around, border);
        },
    );
    let requantization = Requantization::of(&job.quantization, prepared.is_fast);
    let product = Product { layout, output_stride: shape.output[2] };
    for_each_tile(&product, shape, &prepared, scratch, output, |tile| {
        // SAFETY: the walk makes sure of it.
        unsafe { product_vnni::multiply(&product, &requantization, tile) }
    });
    Some(())
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
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
        border: i32::from_le_bytes([border as u8 ^ 0x80; 4]),
    };
    rows.for_each(
        input,
        output,
        planes,
        |lines, words| depthwise_vnni::fill(lines, border, words),
        // SAFETY: the walk makes sure of it.
        |sequence| unsafe { depthwise_vnni::multiply(&layout, &requantization, sequence) },
    );
    Some(())
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn fully_connected(job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>) -> Option<()> {
    let Workspace { scratch, prepared } = workspace;
    let (panels, depth) = (job.outputs.div_ceil(VECTORS.lanes), job.inputs.div_ceil(VECTORS.values));
    let prepared = Prepared::of(VECTORS, panels, depth, prepared)?;
    let words = scratch.as_chunks_mut::<4>().0.get_mut(..depth)?;
    raise(input.get(..job.inputs)?, words.as_flattened_mut());
    let requantization = Requantization::of(&job.quantization, prepared.is_fast);
    let output = output.get_mut(..job.outputs)?;
    for (first, count) in groups(panels, VECTORS.dense) {
        let weights = prepared.weights.as_ptr().wrapping_add(first * depth * VECTORS.bytes());
        let constants = prepared.constants.as_ptr().wrapping_add(first * VECTORS.constant_bytes()).cast();
        let dense = match count {
            1 => product_vnni::dense::<1>,
            2 => product_vnni::dense::<2>,
            4 => product_vnni::dense::<4>,
            _ => product_vnni::dense::<8>,
        };
        let outputs = output.get_mut(first * VECTORS.lanes..)?;
        // SAFETY: the group has `count` vectors of channels, whose weights and constants are as long as
        // `Prepared::of` has checked, and as many outputs as are left.
        unsafe { dense(&requantization, words, weights, constants, outputs.as_mut_ptr(), outputs.len()) };
    }
    Some(())
}
