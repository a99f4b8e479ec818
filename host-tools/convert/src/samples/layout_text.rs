//! The layout of a trained model's input or output, in words that a blob's manifest can carry.

use crate::graph::FileLayout;

const BEGIN: &str = "transposed from ";
const BETWEEN: &str = " by ";

/// Says how a tensor comes about from the trained model's: `transposed from 1×3×32×32 by 0,2,3,1`. It is meant for
/// the `preprocessing` of a manifest's schema, where [`parse_layout`] finds it again.
pub fn describe_layout(layout: &FileLayout) -> String {
    let join = |numbers: &[usize], separator: &str| {
        numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(separator)
    };
    format!("{BEGIN}{}{BETWEEN}{}", join(&layout.shape, "×"), join(&layout.permutation, ","))
}

/// Finds what [`describe_layout`] wrote, in any text.
pub fn parse_layout(text: &str) -> Option<FileLayout> {
    let (shape, rest) = text.split_once(BEGIN)?.1.split_once(BETWEEN)?;
    let end =
        rest.find(|character: char| character != ',' && !character.is_ascii_digit()).unwrap_or(rest.len());
    let numbers = |text: &str, separator: char| {
        text.split(separator).map(|number| number.parse().ok()).collect::<Option<Vec<usize>>>()
    };
    let layout = FileLayout { shape: numbers(shape, '×')?, permutation: numbers(&rest[..end], ',')? };
    let mut axes = layout.permutation.clone();
    axes.sort_unstable();
    axes.into_iter().eq(0..layout.shape.len()).then_some(layout)
}
