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
        if [kernel, stride, dilation].contains(&0)
            || [kernel, stride, dilation, padding, inputs, outputs].iter().any(|&value| value >= LIMIT)
        {
            return false;
        }
        let reach = u64::from(kernel - 1) * u64::from(dilation);
        let last = u64::from(outputs - 1) * u64::from(stride);
        u64::from(padding) <= reach
            && last < u64::from(inputs) + u64::from(padding)
            && reach < u64::from(LIMIT)
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
}
