//! Arm's DSP extension (Cortex-M4, M7, M33): SMLAD multiplies two pairs of 16-bit values and adds both products.
//!
//! The inner loops are naked functions: they need all registers, of which `asm!` has two less, and the intrinsics are unstable. Words of
//! int8 are read by LDR, which takes any address; LDRD and LDM only read weights and scratch, which are aligned.

#![cfg_attr(not(dunlin_dsp), allow(dead_code, reason = "only sizes are asked for there"))]

#[cfg(dunlin_dsp)]
pub(crate) mod addition;
#[cfg(dunlin_dsp)]
mod conv2d;
#[cfg(dunlin_dsp)]
mod copy;
#[cfg(dunlin_dsp)]
mod dense;
#[cfg(dunlin_dsp)]
mod depthwise;
pub(crate) mod features;
#[cfg(dunlin_dsp)]
mod gather;
#[cfg(dunlin_dsp)]
mod gemm;
pub(crate) mod layout;
#[cfg(dunlin_dsp)]
pub(crate) mod pool;
#[cfg(dunlin_dsp)]
mod requantize;
mod scaling;

#[cfg(dunlin_dsp)]
use super::{Band, Convolution, Dense, Depthwise, Kernels, Sums, Workspace};

/// Kernels for Cortex-M4, M7 and M33. They exist only in builds for such a target.
#[cfg(dunlin_dsp)]
pub(super) struct Dsp;

#[cfg(dunlin_dsp)]
impl Kernels for Dsp {
    fn conv2d_sums(&self, job: &Convolution<'_>) -> Sums {
        scaling::conv2d(job)
    }

    fn depthwise_conv2d_sums(&self, job: &Depthwise<'_>) -> Sums {
        scaling::depthwise_conv2d(job)
    }

    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        conv2d::conv2d(job, band, workspace.scratch);
    }

    fn depthwise_conv2d(&self, job: &Depthwise<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        depthwise::depthwise_conv2d(job, band, workspace.scratch);
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], _: Workspace<'_>) {
        dense::fully_connected(job, input, output);
    }
}
