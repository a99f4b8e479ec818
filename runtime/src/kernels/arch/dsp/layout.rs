//! The scratch of the kernels. Compiled for every machine: the converter states the needs.

use crate::feature::Feature;
use crate::kernels::arch::ConvolutionShape;
use crate::kernels::arch::needs::Needs;

/// Bytes of a slot: four channels at one input column, two words each.
pub(super) const SLOT: usize = 32;

/// Slots that a pass has at most.
const SLOTS: usize = 34;

/// For a convolution: two columns, each value in 16 bits. `None` if it does not fit the address space.
pub(crate) fn conv2d(shape: &ConvolutionShape) -> Option<Needs> {
    Some(Needs { scratch: shape.cells().checked_mul(16)?, prepared: 0 })
}

/// For a depthwise convolution: the slots of a pass.
pub(crate) fn depthwise_conv2d(shape: &ConvolutionShape) -> Needs {
    let slots = if is_three_by_three(shape) { Pass::of(shape).slots } else { 0 };
    Needs { scratch: slots.wrapping_mul(SLOT), prepared: 0 }
}

/// Whether a depthwise kernel has 3 × 3 taps side by side, and stride 1 or 2.
pub(super) fn is_three_by_three(shape: &ConvolutionShape) -> bool {
    let (rows, columns) = (&shape.rows, &shape.columns);
    let is_three = [rows, columns].iter().all(|window| window.kernel == 3 && window.dilation == 1);
    is_three && rows.stride == columns.stride && (1..=2).contains(&rows.stride)
}

/// How much of a row a depthwise kernel of 3 × 3 computes at once.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    /// Output columns.
    pub columns: usize,
    /// Slots of the input columns that they see.
    pub slots: usize,
}

impl Pass {
    /// The row in equal passes of at most [`SLOTS`].
    pub fn of(shape: &ConvolutionShape) -> Pass {
        let width = shape.output[1];
        let at_most = |columns: usize| width.div_ceil(width.div_ceil(columns).max(1));
        if shape.columns.stride == 1 || !Feature::DepthwiseStrideTwo.is_built() {
            let columns = at_most(SLOTS - 2);
            Pass { columns, slots: columns.wrapping_add(2) }
        } else {
            // Two columns are computed at a time.
            let columns = at_most(SLOTS / 2 - 1);
            Pass { columns, slots: columns.div_ceil(2).wrapping_mul(4).wrapping_add(1) }
        }
    }
}
