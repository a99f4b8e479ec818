//! Where a sliding window lies on one dimension of its input.

/// Taps of a window along one dimension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Number of taps.
    pub kernel: u32,
    /// Elements from one output to the next.
    pub stride: u32,
    /// Elements from one tap to the next.
    pub dilation: u32,
    /// Elements of padding before the input.
    pub padding: u32,
}

impl Window {
    /// Whether the fields are in a range in which no computation below overflows, and every output of `outputs` sees an element
    /// of `inputs`.
    pub fn fits(&self, inputs: u32, outputs: u32) -> bool {
        const LIMIT: u32 = 1 << 16;
        let Window { kernel, stride, dilation, padding } = *self;
        if kernel == 0
            || stride == 0
            || dilation == 0
            || kernel | stride | dilation | padding | inputs | outputs >= LIMIT
        {
            return false;
        }
        // Products of less than 2^32.
        let reach = (kernel - 1).wrapping_mul(dilation);
        let last = outputs.wrapping_sub(1).wrapping_mul(stride);
        padding <= reach && last < inputs + padding && reach < LIMIT
    }

    /// Input index of the first tap of `output`, negative in the padding.
    #[inline(always)]
    pub fn origin(&self, output: u32) -> i32 {
        (output.wrapping_mul(self.stride) as i32).wrapping_sub(self.padding as i32)
    }

    /// Input index of `tap`, if it is inside of `inputs` elements.
    #[inline(always)]
    pub fn tap(&self, origin: i32, tap: u32, inputs: u32) -> Option<u32> {
        let index = origin.wrapping_add(tap.wrapping_mul(self.dilation) as i32);
        if index >= 0 && (index as u32) < inputs { Some(index as u32) } else { None }
    }

    /// The taps of a window that begins at `origin` which are inside of `inputs` elements.
    #[cfg(dunlin_dsp)]
    #[inline(never)]
    pub fn inside(&self, origin: i32, inputs: usize) -> core::ops::Range<usize> {
        let dilation = self.dilation.max(1) as usize;
        let taps = |elements: i32| (elements.max(0) as usize).div_ceil(dilation).min(self.kernel as usize);
        let first = taps(origin.wrapping_neg());
        first..taps((inputs as i32).wrapping_sub(origin)).max(first)
    }
}
