//! Tensors of the program before their places are known.

use dunlin_runtime::format::{DataType, MAX_RANK};

/// Scale and zero point: real value = scale · (q − zero point).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    /// Positive and finite.
    pub scale: f32,
    /// −128 to 127.
    pub zero_point: i32,
}

/// Where a tensor's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In this buffer of the arena.
    Buffer(usize),
    /// In the weights section, at this offset.
    Constant(u32),
}

/// Elements of a buffer or constant, seen in a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// Type of the elements.
    pub data_type: DataType,
    /// Number of dimensions.
    pub rank: u8,
    /// Dimensions n, h, w, c, the leading ones of a lower rank being 1.
    pub dims: [u32; MAX_RANK],
    /// What integers stand for; `None` for float32.
    pub quantization: Option<Affine>,
    /// Where the elements are.
    pub place: Place,
}

impl View {
    /// Number of bytes.
    pub fn bytes(&self) -> usize {
        self.dims.iter().map(|&dim| dim as usize).product::<usize>() * self.data_type.size()
    }

    /// Whether the elements are known at conversion.
    pub fn is_constant(&self) -> bool {
        matches!(self.place, Place::Constant(_))
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, shape: &[usize]) -> View {
        View { rank: shape.len() as u8, dims: dims(shape), ..*self }
    }
}

/// Names a [`View`] of one lowering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ViewId(pub usize);

/// A shape of at most four extents as n, h, w, c.
pub(super) fn dims(shape: &[usize]) -> [u32; MAX_RANK] {
    for_dimensions(shape, 1)
}

/// One value for each of n, h, w, c from one for each axis; `missing` for the dimensions that a lower rank leaves out.
pub(super) fn for_dimensions(values: &[usize], missing: u32) -> [u32; MAX_RANK] {
    let mut result = [missing; MAX_RANK];
    for (dimension, &value) in result.iter_mut().rev().zip(values.iter().rev()) {
        *dimension = u32::try_from(value).unwrap_or(u32::MAX);
    }
    result
}

/// The dimension of n, h, w, c that is `axis` of a tensor of this rank.
pub(super) fn dimension(axis: usize, rank: usize) -> usize {
    MAX_RANK.saturating_sub(rank) + axis
}
