//! What the families multiply differently.

use core::arch::aarch64::int32x4_t;

use super::panel::Quad;

/// The inner loop of a matrix product.
pub(super) trait Multiply {
    /// Blocks of 8 channels that are multiplied with one column at once, at most.
    const DENSE_BLOCKS: usize;

    /// The order of a quad's weights.
    fn arrange(quad: &Quad) -> [i8; 16];

    /// Adds the products of `4 · QUADS` channels and `COLUMNS` columns to `sums`.
    ///
    /// # Safety
    /// The processor has the instructions of the family; `weights` has `offsets.len() · cells · QUADS · 16` readable bytes, and each
    /// of `columns` has `4 · cells` from each of `offsets` on.
    unsafe fn multiply<const COLUMNS: usize, const QUADS: usize>(
        weights: *const i8,
        columns: [*const i8; COLUMNS],
        offsets: &[u32],
        cells: usize,
        sums: [[int32x4_t; QUADS]; COLUMNS],
    ) -> [[int32x4_t; QUADS]; COLUMNS];
}
