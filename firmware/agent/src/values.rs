//! Samples and results, in real units or as a model holds them.

use dunlin_runtime::dequantize;

/// Elements of an input or output, in the order n, h, w, c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// In real units.
    Real(&'a [f32]),
    /// Quantized: real value = scale · (q − zero point).
    Quantized {
        /// The elements.
        values: &'a [i8],
        /// See above.
        scale: f32,
        /// See above.
        zero_point: i32,
    },
}

impl<'a> Values<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        match self {
            Values::Real(values) => values.len(),
            Values::Quantized { values, .. } => values.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element in real units.
    pub fn get(&self, index: usize) -> Option<f32> {
        match *self {
            Values::Real(values) => values.get(index).copied(),
            Values::Quantized { values, scale, zero_point } => {
                values.get(index).map(|&value| dequantize(value, scale, zero_point))
            }
        }
    }

    /// The elements in real units.
    pub fn iter(self) -> impl Iterator<Item = f32> + 'a {
        (0..self.len()).filter_map(move |index| self.get(index))
    }

    /// Index and value of the largest element; of equal ones the first.
    pub fn largest(self) -> Option<(usize, f32)> {
        self.iter().enumerate().reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}
