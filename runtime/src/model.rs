//! Opening a blob.

use crate::blob::BLOB_ALIGNMENT;
use crate::engine;
use crate::error::{Defect, Error};
use crate::family::Family;
use crate::format::{FORMAT_VERSION, HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, section};
use crate::kernels::PREPARES;
use crate::program::Program;

/// A verified blob, used in place.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    bytes: &'a [u8],
    header: &'a Header,
    program: Program<'a>,
}

impl<'a> Model<'a> {
    /// Verifies the whole structure of a blob, so that running it cannot leave the blob or the arena.
    ///
    /// `bytes` may be longer than the blob: a flash slot, for example. The digest is not computed here; who installs or
    /// converts a model also calls [`Model::check_digest`].
    ///
    /// # Errors
    /// What is wrong with the blob, see [`Error`].
    #[inline(never)]
    pub fn open(bytes: &'a [u8]) -> Result<Model<'a>, Error> {
        let (header, bytes) = open_header(bytes)?;
        let body = |kind| section_bytes(bytes, header, kind).ok_or(Error::MalformedSection(kind));
        let program = Program::parse(body(section::PROGRAM)?, body(section::WEIGHTS)?)?;
        for &family in engine::BUILT {
            let mut usage = Usage { working: program.header().activation_bytes as usize, prepared: 0 };
            // Also where no step says it.
            if usage.working > stated_arena(&program, family) {
                return Err(Error::MalformedSection(section::PROGRAM));
            }
            for index in 0..program.steps().len() {
                let verdict = verify_step(&program, index, family, &mut usage);
                verdict.map_err(|defect| Error::MalformedStep { step: index as u16, defect })?;
            }
        }
        Ok(Model { bytes, header, program })
    }

    /// The bytes of the blob, without what follows it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The header.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// Tensors and steps.
    pub fn program(&self) -> &Program<'a> {
        &self.program
    }

    /// The bytes of a section, if the blob has it.
    pub fn section(&self, kind: u32) -> Option<&'a [u8]> {
        section_bytes(self.bytes, self.header, kind)
    }

    /// Names of the steps in the trained model; none if the blob does not tell them.
    pub fn step_names(&self) -> impl Iterator<Item = &'a str> {
        let names = self.section(section::NAMES).and_then(|names| core::str::from_utf8(names).ok());
        names.unwrap_or_default().lines()
    }

    /// Bytes of arena that a session with `family` needs: activations, scratch and prepared weights.
    pub fn arena_bytes(&self, family: Family) -> usize {
        stated_arena(&self.program, family)
    }

    /// The manifest, if the blob has one that this version reads.
    #[cfg(feature = "manifest")]
    pub fn manifest(&self) -> Option<crate::format::Manifest<'a>> {
        crate::format::Manifest::parse(self.section(section::MANIFEST)?)
    }

    /// Computes the digest of the content, see [`content_digest`].
    #[cfg(feature = "digest")]
    pub fn digest(&self) -> [u8; 32] {
        content_digest(self.bytes)
    }

    /// Compares the digest of the content with the one in the header.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] if the content was changed or damaged.
    #[cfg(feature = "digest")]
    pub fn check_digest(&self) -> Result<(), Error> {
        if self.digest() == self.header.digest { Ok(()) } else { Err(Error::DigestMismatch) }
    }
}

fn stated_arena(program: &Program<'_>, family: Family) -> usize {
    program.header().arena_bytes.get(family as usize).map_or(0, |&bytes| bytes as usize)
}

/// Bytes that the kernels of `family` prepare for all steps of a program.
///
/// # Errors
/// [`Error::MalformedStep`] if they do not fit the address space.
pub(crate) fn prepared_bytes(program: &Program<'_>, family: Family) -> Result<usize, Error> {
    let mut sum = 0usize;
    if !PREPARES {
        return Ok(sum);
    }
    for (step, index) in (0u16..).zip(0..program.steps().len()) {
        let needs = program.operation(index).ok_or(Defect::Operands);
        let needs = needs.and_then(|operation| engine::needs(&operation, family));
        let total = needs.and_then(|needs| sum.checked_add(needs.prepared).ok_or(Defect::Scratch));
        sum = total.map_err(|defect| Error::MalformedStep { step, defect })?;
    }
    Ok(sum)
}

/// Bytes of the arena that some steps use.
struct Usage {
    /// Up to the end of tensors and scratch.
    working: usize,
    /// What the kernels prepare.
    prepared: usize,
}

/// Checks a step, and that the arena that the program header states holds what it and those before it use.
#[inline(never)]
fn verify_step(program: &Program<'_>, index: usize, family: Family, usage: &mut Usage) -> Result<(), Defect> {
    let Some(operation) = program.operation(index) else { return Err(Defect::Operands) };
    engine::verify(&operation)?;
    operation.require_scratch_behind()?;
    let needs = engine::needs(&operation, family)?;
    let end = operation.scratch_offset().saturating_add(needs.scratch);
    usage.working = usage.working.max(end);
    if PREPARES {
        usage.prepared = usage.prepared.saturating_add(needs.prepared);
    }
    if usage.working.saturating_add(usage.prepared) <= stated_arena(program, family) {
        Ok(())
    } else {
        Err(Defect::Scratch)
    }
}

/// SHA-256 over everything of a blob but its digest and signature. `blob` ends where the blob ends.
#[cfg(feature = "digest")]
pub fn content_digest(blob: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    hasher.update(blob.get(..Header::DIGEST_OFFSET).unwrap_or_default());
    hasher.update(blob.get(HEADER_BYTES..).unwrap_or_default());
    hasher.finalize().into()
}

/// Checks header and section table; returns the header and the bytes that it claims.
fn open_header(bytes: &[u8]) -> Result<(&Header, &[u8]), Error> {
    if !bytes.as_ptr().addr().is_multiple_of(BLOB_ALIGNMENT) {
        return Err(Error::MisalignedBlob);
    }
    let truncated = |expected| Error::Truncated { found: bytes.len(), expected };
    let head = bytes.get(..HEADER_BYTES).ok_or(truncated(HEADER_BYTES))?;
    let header: &Header = bytemuck::try_from_bytes(head).map_err(|_| Error::MisalignedBlob)?;
    if u32::from_le_bytes(header.magic) != u32::from_le_bytes(MAGIC) {
        return Err(Error::NotABlob);
    }
    if header.version != FORMAT_VERSION {
        return Err(Error::UnsupportedVersion(header.version));
    }
    if !is_consistent(header) {
        return Err(Error::MalformedHeader);
    }
    let total = header.total_bytes as usize;
    Ok((header, bytes.get(..total).ok_or(truncated(total))?))
}

/// Whether the sections follow one another and fill the blob, and entries that are not used are zero.
fn is_consistent(header: &Header) -> bool {
    let total = header.total_bytes;
    let count = header.section_count as usize;
    let mut end = HEADER_BYTES as u32;
    let mut is_consistent = usize::from(header.header_bytes) == HEADER_BYTES && count <= MAX_SECTIONS;
    for (index, entry) in header.sections.iter().enumerate() {
        if index < count {
            // Weights may be empty: the section behind them then has the same offset.
            is_consistent &= entry.offset == end && (entry.kind == section::WEIGHTS) == (index == 0);
            let (used, overflows) = entry.offset.overflowing_add(entry.length);
            is_consistent &= !overflows && used <= total;
            end = used.wrapping_add(BLOB_ALIGNMENT as u32 - 1) & !(BLOB_ALIGNMENT as u32 - 1);
        } else {
            is_consistent &= entry.kind | entry.offset | entry.length == 0;
        }
    }
    is_consistent && end == total
}

fn section_bytes<'a>(bytes: &'a [u8], header: &Header, kind: u32) -> Option<&'a [u8]> {
    let entry = header.section(kind)?;
    let start = entry.offset as usize;
    bytes.get(start..start.checked_add(entry.length as usize)?)
}
