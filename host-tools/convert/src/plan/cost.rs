//! What makes one plan better than another.

/// Bytes, compared in this order: the arena of microcontrollers is what there is least of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// Activations and scratch of [`Family::Dsp`](dunlin_runtime::Family::Dsp).
    pub dsp: usize,
    /// Activations and scratch of [`Family::Portable`](dunlin_runtime::Family::Portable).
    pub portable: usize,
    /// Activations alone.
    pub activations: usize,
}

impl Cost {
    /// More than anything takes.
    pub const WORST: Cost = Cost { dsp: usize::MAX, portable: usize::MAX, activations: usize::MAX };

    /// Whether nothing is above a bound.
    pub fn is_within(&self, bound: &Cost) -> bool {
        self.dsp <= bound.dsp && self.portable <= bound.portable && self.activations <= bound.activations
    }
}
