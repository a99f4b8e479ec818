//! The walk over the output rows of a depthwise convolution.

use super::super::ConvolutionShape;
use super::depthwise_layout::Depthwise;
use super::prepared::Prepared;

/// Vectors of outputs of some rows that have the same channels.
pub(super) struct Sequence {
    /// The first tap of the first vector.
    pub words: *const i32,
    /// Words from a plane to the next, and from the planes of an output row to those of the next.
    pub plane_words: usize,
    pub row_words: usize,
    pub weights: *const u8,
    pub constants: *const i32,
    pub output: *mut i8,
    /// Number of rows, and outputs from one to the next.
    pub rows: usize,
    pub row_values: usize,
    /// Number of vectors of a row.
    pub count: usize,
    /// Outputs of the first vector of a row; those of another one are fewer by `lost` for each before it. More than a
    /// vector has mean all.
    pub values: usize,
    pub lost: usize,
}

/// A depthwise convolution, prepared.
pub(super) struct Rows<'a> {
    pub layout: &'a Depthwise,
    pub shape: &'a ConvolutionShape,
    pub prepared: &'a Prepared<'a>,
    /// The word of a pixel in the padding.
    pub border: i32,
}

impl Rows<'_> {
    /// For every output row, calls `fill` with the input rows that a plane interleaves (`None` for padding and behind
    /// the last kernel row) and its words from the first input pixel on; then `multiply` for the sequences of some
    /// rows.
    ///
    /// What `multiply` gets is as long as the layout says, in all directions.
    pub fn for_each(
        &self,
        input: &[i8],
        output: &mut [i8],
        planes: &mut [i32],
        fill: impl Fn(&[Option<&[i8]>; 4], &mut [i32]),
        multiply: impl Fn(&Sequence),
    ) {
        let Rows { layout, shape, prepared, border } = *self;
        let [h, w, c] = shape.input;
        let [height, width, _] = shape.output;
        let lanes = layout.vectors.lanes;
        let (vector_bytes, constant_bytes) = (layout.vectors.bytes(), layout.vectors.constant_bytes());
        let (Some(depth), Some(plane_bytes)) = (layout.depth(), layout.plane_bytes()) else { return };
        let plane_words = plane_bytes / 4;
        let row_words = plane_words * layout.planes;
        if planes.len() < row_words * layout.rows_at_once
            || prepared.weights.len() < layout.phases * depth * vector_bytes
            || prepared.constants.len() < layout.phases * constant_bytes
            || output.len() < height * width * c
            || input.len() < h * w * c
        {
            return;
        }
        let left = (shape.columns.padding as usize * c).min(layout.row_words);
        let inside = (w * c).min(layout.row_words - left);
        // The borders at the left and right stay as they are.
        for words in planes.chunks_exact_mut(plane_words.max(1)).take(layout.planes * layout.rows_at_once) {
            words.get_mut(..left).unwrap_or_default().fill(border);
            words.get_mut(left + inside..).unwrap_or_default().fill(border);
        }
        let at_once = layout.rows_at_once;
        for (band, output) in
            output.chunks_mut((at_once * width * c).max(1)).take(height.div_ceil(at_once)).enumerate()
        {
            let first_row = band * at_once;
            let rows = at_once.min(height - first_row);
            for (y, planes) in (first_row..first_row + rows).zip(planes.chunks_exact_mut(row_words.max(1))) {
                let origin = shape.rows.origin(y as u32);
                for (plane, words) in planes.chunks_exact_mut(plane_words.max(1)).enumerate() {
                    let mut lines = [None; 4];
                    for (value, line) in lines.iter_mut().take(layout.vectors.values).enumerate() {
                        let row = (plane * layout.vectors.values + value) as u32;
                        if row < shape.rows.kernel {
                            let source = shape.rows.tap(origin, row, h as u32);
                            *line =
                                source.and_then(|source| input.get(source as usize * w * c..)?.get(..inside));
                        }
                    }
                    fill(&lines, words.get_mut(left..left + inside).unwrap_or_default());
                }
            }
            for phase in 0..layout.phases {
                let first = phase * lanes;
                let Some(values) = layout.values.checked_sub(first).filter(|&values| values > 0) else {
                    break;
                };
                let [_, step] = layout.steps;
                let (count, lost) =
                    if layout.is_flat { (values.div_ceil(step), step) } else { (layout.sequences, 0) };
                multiply(&Sequence {
                    words: planes.as_ptr().wrapping_add(first),
                    plane_words,
                    row_words,
                    weights: prepared.weights.as_ptr().wrapping_add(phase * depth * vector_bytes),
                    constants: prepared.constants.as_ptr().wrapping_add(phase * constant_bytes).cast(),
                    output: output.as_mut_ptr().wrapping_add(first),
                    rows,
                    row_values: width * c,
                    count,
                    values,
                    lost,
                });
            }
        }
    }
}
