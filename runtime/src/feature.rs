//! Parts of the kernels that an image may leave out.

use crate::error::Defect;

/// A part of the kernels of a Cortex-M4 that many models do without, and so a Cargo feature of its own. Every other target always has
/// all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Feature {
    /// Convolutions with dilation, or with more than one group.
    Conv2dDilationGroups,
    /// Depthwise convolutions with kernels other than 3 × 3, with dilation, or with other strides than 1 and 2.
    DepthwiseAnyKernel,
    /// Depthwise convolutions with a kernel of 3 × 3 and stride 2.
    DepthwiseStrideTwo,
    /// Convolutions and depthwise ones whose output channels, in each group, are not a multiple of 4.
    AnyChannels,
    /// Scaling sums of 2³⁰ and more, by multipliers above 1/2, or by less than 2⁻²².
    AnyRequantization,
}

impl Feature {
    /// All of them.
    pub const ALL: [Feature; 5] = [
        Feature::Conv2dDilationGroups,
        Feature::DepthwiseAnyKernel,
        Feature::DepthwiseStrideTwo,
        Feature::AnyChannels,
        Feature::AnyRequantization,
    ];

    /// The name of the Cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            Feature::Conv2dDilationGroups => "conv2d_dilation_groups",
            Feature::DepthwiseAnyKernel => "depthwise_any_kernel",
            Feature::DepthwiseStrideTwo => "depthwise_stride_two",
            Feature::AnyChannels => "any_channels",
            Feature::AnyRequantization => "any_requantization",
        }
    }

    /// Whether this build has the part.
    pub const fn is_built(self) -> bool {
        let is_chosen = match self {
            Feature::Conv2dDilationGroups => cfg!(feature = "conv2d_dilation_groups"),
            Feature::DepthwiseAnyKernel => cfg!(feature = "depthwise_any_kernel"),
            Feature::DepthwiseStrideTwo => cfg!(feature = "depthwise_stride_two"),
            Feature::AnyChannels => cfg!(feature = "any_channels"),
            Feature::AnyRequantization => cfg!(feature = "any_requantization"),
        };
        is_chosen || cfg!(not(dunlin_dsp))
    }

    /// Whether somebody wants to know if a layer needs it. A microcontroller only has to refuse what its build does not have.
    pub(crate) const fn is_asked(self) -> bool {
        cfg!(not(target_os = "none")) || !self.is_built()
    }
}

/// Some features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u8);

impl Features {
    /// Whether `feature` is one of them.
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    /// Adds a feature if it is needed, which only [`Feature::is_asked`] finds out.
    #[inline(always)]
    pub(crate) fn add(&mut self, feature: Feature, is_needed: impl FnOnce() -> bool) {
        if feature.is_asked() && is_needed() {
            self.0 |= 1 << feature as u8;
        }
    }

    /// Checks that this build has all of them.
    #[inline(always)]
    pub(crate) fn require_built(self) -> Result<(), Defect> {
        // Nothing is left of it in a build that has all there are.
        if Feature::ALL.iter().all(|feature| feature.is_built()) { Ok(()) } else { self.refuse_missing() }
    }

    #[inline(never)]
    fn refuse_missing(self) -> Result<(), Defect> {
        let missing = |feature: &Feature| !feature.is_built() && self.contains(*feature);
        Feature::ALL.into_iter().find(missing).map_or(Ok(()), |feature| Err(Defect::FeatureNotBuilt(feature)))
    }
}
