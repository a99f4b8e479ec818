//! The header of 256 bytes.

use bytemuck::{Pod, Zeroable};

/// First bytes of every blob.
pub const MAGIC: [u8; 4] = *b"\x89DNL";
/// The format version that this crate reads and writes.
pub const FORMAT_VERSION: u16 = 1;
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 256;
/// Number of entries of the section table.
pub const MAX_SECTIONS: usize = 12;

/// Section kinds.
pub mod section {
    /// Packed weights, channel blocks, tables and constants.
    pub const WEIGHTS: u32 = 1;
    /// Tensors and steps.
    pub const PROGRAM: u32 = 2;
    /// Names, versions and schemas, in postcard.
    pub const MANIFEST: u32 = 3;
    /// Test vectors.
    pub const GOLDEN: u32 = 4;
    /// Distribution of the calibration data, in postcard.
    pub const REFERENCE: u32 = 5;
    /// Names of the steps, one a line.
    pub const NAMES: u32 = 6;
}

/// An entry of the section table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct SectionEntry {
    /// One of [`section`], or a kind of a later version.
    pub kind: u32,
    /// Bytes from the start of the blob, a multiple of 16.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

/// The header of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`FORMAT_VERSION`].
    pub version: u16,
    /// [`HEADER_BYTES`].
    pub header_bytes: u16,
    /// Length of the blob in bytes, a multiple of 16.
    pub total_bytes: u32,
    /// Entries of `sections` in use.
    pub section_count: u32,
    /// Section table, ascending by offset.
    pub sections: [SectionEntry; MAX_SECTIONS],
    /// SHA-256 over everything but digest and signature.
    pub digest: [u8; 32],
    /// Ed25519 over the 192 bytes before it, in two halves; zero when not signed.
    pub signature: [[u8; 32]; 2],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

impl Header {
    /// Where the digest starts: the digest covers what is before it and what is behind the header.
    pub const DIGEST_OFFSET: usize = 160;
    /// Where the signature starts: the signature covers what is before it.
    pub const SIGNATURE_OFFSET: usize = 192;

    /// The section of this kind, if the blob has one.
    pub fn section(&self, kind: u32) -> Option<SectionEntry> {
        self.sections.iter().take(self.section_count as usize).copied().find(|entry| entry.kind == kind)
    }
}
