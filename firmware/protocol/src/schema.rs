//! The schema hash: whether two models take the same samples, or give the same results.

use sha2::{Digest as _, Sha256};

use crate::bytes::{Digest, Schema};

/// One input or output, as program and manifest of a blob describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Number of dimensions, at most 4.
    pub rank: u8,
    /// Dimensions [n, h, w, c]; leading ones are 1.
    pub dimensions: [u32; 4],
    /// Name in the trained model.
    pub name: &'a str,
    /// Physical unit, or empty.
    pub unit: &'a str,
    /// Labels, one a line, or empty.
    pub labels: &'a str,
    /// Preprocessing in words, or empty.
    pub preprocessing: &'a str,
}

/// The hash over all inputs, or all outputs, in order.
pub fn schema<'a>(interfaces: impl IntoIterator<Item = Interface<'a>>) -> Schema {
    let mut hash = Sha256::new();
    for interface in interfaces {
        hash.update([interface.rank]);
        for dimension in interface.dimensions {
            hash.update(dimension.to_le_bytes());
        }
        for text in [interface.name, interface.unit, interface.labels, interface.preprocessing] {
            // No section of a blob is longer than u32 can say.
            hash.update((text.len() as u32).to_le_bytes());
            hash.update(text);
        }
    }
    Schema(Digest(hash.finalize().into()).first())
}
