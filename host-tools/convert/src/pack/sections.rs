//! Sections into a blob: header, section table, digest.

use dunlin_runtime::format::{
    FORMAT_VERSION, HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, SectionEntry, section,
};
use dunlin_runtime::{BLOB_ALIGNMENT, Model};

use super::aligned_bytes::AlignedBytes;
use super::error::PackError;

/// A finished blob: one model, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The content of the file.
    pub bytes: AlignedBytes,
}

impl Blob {
    /// The content of the file.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Verifies the blob.
    ///
    /// # Errors
    /// What the runtime refuses; never for a blob that [`pack`](super::pack) returned.
    pub fn open(&self) -> Result<Model<'_>, dunlin_runtime::Error> {
        Model::open(self.as_slice())
    }
}

/// A kind and a content.
pub(super) type Section = (u32, Vec<u8>);

/// A blob under construction: the weights, and behind them sections that differ from draft to draft.
pub(super) struct Draft {
    blob: Blob,
    weights_length: usize,
}

impl Draft {
    /// Begins with the weights, which lie behind the place of the header.
    pub fn new(weights: AlignedBytes) -> Draft {
        Draft { weights_length: weights.len() - HEADER_BYTES, blob: Blob { bytes: weights } }
    }

    /// Puts sections behind the weights, in their order, in the place of those that are there. Empty ones are left out.
    ///
    /// # Errors
    /// If the blob is longer than 4 GiB.
    pub fn assemble(&mut self, sections: &[Section]) -> Result<&Blob, PackError> {
        let mut entries = vec![(section::WEIGHTS, HEADER_BYTES, self.weights_length)];
        let mut end = HEADER_BYTES + self.weights_length;
        let bytes = &mut self.blob.bytes;
        for (kind, content) in sections.iter().filter(|(_, content)| !content.is_empty()) {
            let offset = end.next_multiple_of(BLOB_ALIGNMENT);
            // Nothing is left of earlier sections: what is between two is zero.
            bytes.resize(end);
            bytes.resize(offset);
            bytes.extend_from_slice(content);
            entries.push((*kind, offset, content.len()));
            end = offset + content.len();
        }
        bytes.resize(end);
        let total = end.next_multiple_of(BLOB_ALIGNMENT);
        bytes.resize(total);
        if u32::try_from(total).is_err() {
            return Err(PackError::TooLarge { what: "bytes", count: total, limit: u32::MAX as usize });
        }
        let mut header = Header {
            magic: MAGIC,
            version: FORMAT_VERSION,
            header_bytes: HEADER_BYTES as u16,
            total_bytes: total as u32,
            section_count: entries.len() as u32,
            sections: [SectionEntry::default(); MAX_SECTIONS],
            digest: [0; 32],
            signature: [[0; 32]; 2],
        };
        for (entry, (kind, offset, length)) in header.sections.iter_mut().zip(entries) {
            *entry = SectionEntry { kind, offset: offset as u32, length: length as u32 };
        }
        bytes.as_mut_slice()[..HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
        Ok(&self.blob)
    }

    /// The blob with its digest.
    ///
    /// # Errors
    /// If the runtime refuses it.
    pub fn finish(mut self) -> Result<Blob, PackError> {
        let digest = self.blob.open()?.digest();
        let place = Header::DIGEST_OFFSET..Header::DIGEST_OFFSET + digest.len();
        self.blob.bytes.as_mut_slice()[place].copy_from_slice(&digest);
        Ok(self.blob)
    }
}
