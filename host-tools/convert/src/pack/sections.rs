//! Sections into a blob: header, section table, digest.

use dunlin_runtime::format::{FORMAT_VERSION, HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, SectionEntry};
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

/// Puts sections behind a header, in their order; the first must be the weights. Empty ones are left out.
///
/// # Errors
/// If the blob is longer than 4 GiB.
pub(super) fn assemble(sections: &[Section]) -> Result<Blob, PackError> {
    let mut entries = [SectionEntry::default(); MAX_SECTIONS];
    let mut section_count = 0;
    let mut end = HEADER_BYTES;
    let present = || sections.iter().filter(|(_, content)| !content.is_empty());
    for (entry, (kind, content)) in entries.iter_mut().zip(present()) {
        let offset = end.next_multiple_of(BLOB_ALIGNMENT);
        end = offset + content.len();
        *entry = SectionEntry { kind: *kind, offset: offset as u32, length: content.len() as u32 };
        section_count += 1;
    }
    let total = end.next_multiple_of(BLOB_ALIGNMENT);
    if u32::try_from(total).is_err() {
        return Err(PackError::TooLarge { what: "bytes", count: total, limit: u32::MAX as usize });
    }
    let mut header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION,
        header_bytes: HEADER_BYTES as u16,
        total_bytes: total as u32,
        section_count,
        sections: entries,
        digest: [0; 32],
        signature: [[0; 32]; 2],
    };
    let mut bytes = AlignedBytes::zeroed(total);
    for (entry, (_, content)) in entries.iter().zip(present()) {
        let start = entry.offset as usize;
        bytes.as_mut_slice()[start..start + content.len()].copy_from_slice(content);
    }
    bytes.as_mut_slice()[..HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
    header.digest = Model::open(bytes.as_slice())?.digest();
    bytes.as_mut_slice()[..HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
    Ok(Blob { bytes })
}
