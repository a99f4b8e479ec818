//! Prepared memory: a header, the constants of all vectors of channels, their weights.
//!
//! Weights of vectors of channels that are multiplied at once lie side by side: for each word of K one vector for each of them.

use super::layout::{HEADER, LINE, Vectors};

/// The parts of prepared memory.
pub(super) struct Prepared<'a> {
    /// Whether the fast requantization is exact.
    pub is_fast: bool,
    /// [`super::layout::CONSTANTS`] vectors for each vector of channels.
    pub constants: &'a [u8],
    /// Vectors of weights.
    pub weights: &'a [u8],
}

/// The same, to be filled.
pub(super) struct Preparation<'a> {
    pub header: Header<'a>,
    pub constants: &'a mut [i32],
    pub weights: &'a mut [u8],
}

/// The start of prepared memory.
pub(super) struct Header<'a>(&'a mut [u8]);

/// Bytes before the next cache line.
fn loss(start: *const u8) -> usize {
    start.addr().wrapping_neg() % LINE
}

/// Memory from the next cache line on.
pub(super) fn aligned(memory: &mut [u8]) -> &mut [u8] {
    let loss = loss(memory.as_ptr());
    memory.get_mut(loss..).unwrap_or_default()
}

impl<'a> Prepared<'a> {
    /// Memory that [`Preparation`] has filled for `panels` vectors of channels with `depth` vectors of weights each.
    /// `None` if it is too short.
    pub fn of(vectors: Vectors, panels: usize, depth: usize, memory: &'a [u8]) -> Option<Prepared<'a>> {
        let aligned = memory.get(loss(memory.as_ptr())..)?;
        let (header, rest) = aligned.split_at_checked(HEADER)?;
        let (constants, rest) = rest.split_at_checked(panels * vectors.constant_bytes())?;
        let weights = rest.get(..panels.checked_mul(depth)?.checked_mul(vectors.bytes())?)?;
        Some(Prepared { is_fast: header.first() == Some(&1), constants, weights })
    }
}

impl<'a> Preparation<'a> {
    /// As [`Prepared::of`].
    pub fn of(
        vectors: Vectors,
        panels: usize,
        depth: usize,
        memory: &'a mut [u8],
    ) -> Option<Preparation<'a>> {
        let (header, rest) = aligned(memory).split_at_mut_checked(HEADER)?;
        let (constants, rest) = rest.split_at_mut_checked(panels * vectors.constant_bytes())?;
        let weights = rest.get_mut(..panels.checked_mul(depth)?.checked_mul(vectors.bytes())?)?;
        Some(Preparation {
            header: Header(header),
            constants: bytemuck::try_cast_slice_mut(constants).ok()?,
            weights,
        })
    }
}

impl Header<'_> {
    /// States whether the fast requantization is exact.
    pub fn write(self, is_fast: bool) {
        self.0.fill(u8::from(is_fast));
    }
}

/// Splits `panels` vectors of channels into the groups that are multiplied at once: the first one of each, and how
/// many. They have a power of two, at most `at_once`.
pub(super) fn groups(panels: usize, at_once: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    core::iter::from_fn(move || {
        let left = panels.checked_sub(first).filter(|&left| left > 0)?;
        let mut count = at_once.max(1);
        while count > left {
            count /= 2;
        }
        let group = (first, count);
        first += count;
        Some(group)
    })
}
