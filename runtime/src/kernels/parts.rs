//! Parts of equal length, without the division by the length that `chunks_exact` makes: it could panic.

use core::iter;

/// The consecutive parts of `slice` that have `length` elements, or one where that is 0.
pub(super) fn parts<T>(slice: &[T], length: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = slice;
    iter::from_fn(move || {
        let (part, behind) = rest.split_at_checked(length.max(1))?;
        rest = behind;
        Some(part)
    })
}

/// As [`parts`], to be written.
pub(super) fn parts_mut<T>(slice: &mut [T], length: usize) -> impl Iterator<Item = &mut [T]> {
    let mut rest = slice;
    iter::from_fn(move || {
        let (part, behind) = core::mem::take(&mut rest).split_at_mut_checked(length.max(1))?;
        rest = behind;
        Some(part)
    })
}
