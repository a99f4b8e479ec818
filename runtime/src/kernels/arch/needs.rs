//! The memory that kernels need beside their operands, for every family on every machine: the converter states it in the blob.

use super::x86::depthwise_layout;
use super::x86::layout::{self as x86, Vectors};
use super::{ConvolutionShape, aarch64, dsp};
use crate::family::Family;

/// Bytes of the arena that a step needs beside its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// For the time of the step.
    pub scratch: usize,
    /// For the life of the session: what is computed from the weights once.
    pub prepared: usize,
}

/// Whether a build answers for a family: a microcontroller is never asked what other machines need, and keeps nothing of it.
const fn is_answered(family: Family) -> bool {
    cfg!(not(target_os = "none")) || matches!(family, Family::Portable | Family::Dsp)
}

/// For a convolution; `None` if it does not fit the address space.
pub(crate) fn conv2d(family: Family, shape: &ConvolutionShape) -> Option<Needs> {
    if !is_answered(family) {
        return None;
    }
    match family {
        Family::Portable => Some(Needs { scratch: shape.cells().checked_mul(4)?, prepared: 0 }),
        Family::Dsp => dsp::layout::conv2d(shape),
        Family::Neon | Family::NeonDot => aarch64::layout::conv2d(shape),
        Family::Avx2 => x86::conv2d(Vectors::AVX2, shape),
        Family::Vnni => x86::conv2d(Vectors::VNNI, shape),
    }
}

/// For a depthwise convolution; `None` if it does not fit the address space.
pub(crate) fn depthwise_conv2d(family: Family, shape: &ConvolutionShape) -> Option<Needs> {
    if !is_answered(family) {
        return None;
    }
    match family {
        Family::Dsp => Some(dsp::layout::depthwise_conv2d(shape)),
        Family::Neon | Family::NeonDot => aarch64::layout::depthwise_conv2d(shape),
        Family::Avx2 => depthwise_layout::depthwise_conv2d(Vectors::AVX2, shape),
        Family::Vnni => depthwise_layout::depthwise_conv2d(Vectors::VNNI, shape),
        _ => Some(Needs::default()),
    }
}

/// For a fully connected layer; `None` if it does not fit the address space.
pub(crate) fn fully_connected(family: Family, inputs: usize, outputs: usize) -> Option<Needs> {
    if !is_answered(family) {
        return None;
    }
    match family {
        Family::Neon | Family::NeonDot => aarch64::layout::fully_connected(inputs, outputs),
        Family::Avx2 => x86::fully_connected(Vectors::AVX2_DENSE, inputs, outputs),
        Family::Vnni => x86::fully_connected(Vectors::VNNI, inputs, outputs),
        _ => Some(Needs::default()),
    }
}
