//! Values counted in the bins of a blob's reference section (`docs/format.md`, "Reference").

use dunlin_protocol::List;
use dunlin_protocol::message::{Distributions, MAX_BINS, MAX_DISTRIBUTIONS};

use crate::Values;

/// Which distributions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Features,
    Outputs,
}

/// Counts of at most 16 distributions that follow each other.
pub(super) struct Bins {
    side: Side,
    window: u32,
    /// Where they are in the reference, once a reference was seen.
    place: Option<Place>,
    counts: Distributions,
}

#[derive(Clone, Copy)]
struct Place {
    /// Length of the reference.
    length: usize,
    /// Where the first of them begins.
    offset: usize,
    /// How many distributions there are of all features or outputs.
    all: usize,
}

impl Bins {
    pub(super) fn new(side: Side, window: u32) -> Bins {
        Bins { side, window, place: None, counts: Distributions { first: 0, counts: List::new() } }
    }

    pub(super) fn distributions(&self) -> Distributions {
        self.counts.clone()
    }

    /// Counts the elements of an input or output. A reference that is malformed has no distributions.
    pub(super) fn count(&mut self, reference: &[u8], values: Values<'_>) {
        if self.place.is_none_or(|place| place.length != reference.len()) {
            self.place = Some(self.find(reference));
        }
        let Some(place) = self.place.filter(|place| place.all != 0) else { return };
        let Some(mut rest) = reference.get(place.offset..).map(Reader) else { return };
        let first = usize::from(self.counts.first);
        for (index, counts) in self.counts.counts.iter_mut().enumerate() {
            let Some(edges) = rest.distribution() else { return };
            let mut element = first + index;
            while let Some(value) = values.get(element) {
                let bin = edges.iter().take_while(|edge| value >= f32::from_le_bytes(**edge)).count();
                if let Some(count) = counts.get_mut(bin) {
                    *count = count.saturating_add(1);
                }
                element += place.all;
            }
        }
    }

    /// Finds the distributions of this window, and makes room to count.
    fn find(&mut self, reference: &[u8]) -> Place {
        let none = Place { length: reference.len(), offset: 0, all: 0 };
        self.counts = Distributions { first: 0, counts: List::new() };
        self.locate(reference).unwrap_or(none)
    }

    fn locate(&mut self, reference: &[u8]) -> Option<Place> {
        let mut reader = Reader(reference);
        let header = reader.header()?;
        let (skipped, all) = match self.side {
            Side::Features => (0, header.features),
            Side::Outputs => (usize::from(header.features), header.outputs),
        };
        let first = Distributions::first_of_window(self.window, all);
        for _ in 0..skipped + usize::from(first) {
            reader.distribution()?;
        }
        let offset = reference.len() - reader.0.len();
        let mut counts = List::new();
        for _ in usize::from(first)..usize::from(all).min(usize::from(first) + MAX_DISTRIBUTIONS) {
            let bins = reader.distribution()?.len() + 1;
            let _ = counts.push(List::from_first(core::iter::repeat_n(0, bins.min(MAX_BINS))));
        }
        self.counts = Distributions { first, counts };
        Some(Place { length: reference.len(), offset, all: all.into() })
    }
}

struct Header {
    features: u16,
    outputs: u16,
}

/// Reads postcard: lengths and counts are varints, an f32 four bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Version (1), samples, number of features, number of outputs.
    fn header(&mut self) -> Option<Header> {
        let (&version, rest) = self.0.split_first()?;
        self.0 = rest;
        self.varint().filter(|_| version == 1)?;
        Some(Header { features: self.varint()?.try_into().ok()?, outputs: self.varint()?.try_into().ok()? })
    }

    /// The edges of the next distribution; its counts are skipped.
    fn distribution(&mut self) -> Option<&'a [[u8; 4]]> {
        let edges = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(edges.checked_mul(4)?)?;
        self.0 = rest;
        for _ in 0..self.varint()? {
            self.varint()?;
        }
        Some(bytes.as_chunks().0)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u32::from(byte & 0x7F).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use dunlin_runtime::format::{Distribution, Reference};

    use super::*;

    fn reference(features: u16, outputs: u16) -> Vec<u8> {
        let header = Reference { version: 1, samples: 1000, features, outputs };
        let mut buffer = [0; 8192];
        let mut bytes = postcard::to_slice(&header, &mut buffer).unwrap().to_vec();
        for index in 0..features + outputs {
            let edges = heapless::Vec::from_slice(&[f32::from(index), f32::from(index) + 1.0]).unwrap();
            let counts = heapless::Vec::from_slice(&[300, 400, 300]).unwrap();
            bytes.extend(&*postcard::to_slice(&Distribution { edges, counts }, &mut buffer).unwrap());
        }
        bytes
    }

    #[test]
    fn values_are_counted_in_the_bins_of_their_feature_and_edges_belong_to_the_bin_above() {
        let reference = reference(2, 3);
        let mut features = Bins::new(Side::Features, 0);
        for sample in [[-1.0, 0.5], [0.0, 1.0], [0.5, 2.0], [1.0, f32::NAN]] {
            features.count(&reference, Values::Real(&sample));
        }
        let counted = features.distributions();
        assert_eq!(counted.first, 0);
        assert_eq!(counted.counts[0][..], [1, 2, 1]);
        assert_eq!(counted.counts[1][..], [2, 1, 1]);
        let mut outputs = Bins::new(Side::Outputs, 7);
        let quantized = Values::Quantized { values: &[4, 4, 20], scale: 0.5, zero_point: 0 };
        outputs.count(&reference, quantized);
        assert_eq!(
            outputs.distributions().counts.iter().map(|c| c.to_vec()).collect::<Vec<_>>(),
            [[0, 1, 0].to_vec(), [1, 0, 0].to_vec(), [0, 0, 1].to_vec()]
        );
    }

    #[test]
    fn models_with_many_features_count_sixteen_at_a_time() {
        let reference = reference(20, 1);
        let sample: Vec<f32> = (0..20u8).map(f32::from).collect();
        let mut bins = Bins::new(Side::Features, 3);
        bins.count(&reference, Values::Real(&sample));
        let counted = bins.distributions();
        assert_eq!((counted.first, counted.counts.len()), (16, 4));
        assert!(counted.counts.iter().all(|counts| counts[..] == [0, 1, 0]));
    }

    #[test]
    fn one_distribution_counts_all_elements() {
        let reference = reference(1, 1);
        let mut bins = Bins::new(Side::Features, 3);
        bins.count(&reference, Values::Real(&[-1.0, 0.0, 0.5, 3.0, 9.0]));
        assert_eq!(bins.distributions().counts[0][..], [1, 2, 2]);
    }

    #[test]
    fn cut_references_count_nothing_and_do_not_panic() {
        let whole = reference(3, 2);
        for length in 0..whole.len() {
            let mut bins = Bins::new(Side::Outputs, 0);
            bins.count(&whole[..length], Values::Real(&[1.0, 2.0]));
            assert!(bins.distributions().counts.is_empty(), "{length}");
        }
    }
}
