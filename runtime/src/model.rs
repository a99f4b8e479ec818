//! Opening a blob.

use crate::blob::BLOB_ALIGNMENT;
use crate::engine;
use crate::error::{Defect, Error};
use crate::family::Family;
use crate::format::{FORMAT_VERSION, HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, section};
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
    pub fn open(bytes: &'a [u8]) -> Result<Model<'a>, Error> {
        let (header, bytes) = open_header(bytes)?;
        let body = |kind| section_bytes(bytes, header, kind).ok_or(Error::MalformedSection(kind));
        let program = Program::parse(body(section::PROGRAM)?, body(section::WEIGHTS)?)?;
        for (step, index) in (0u16..).zip(0..program.steps().len()) {
            let verdict = program.operation(index).ok_or(Defect::Operands).and_then(|operation| {
                engine::verify(&operation)?;
                operation.require_scratch_behind()
            });
            verdict.map_err(|defect| Error::MalformedStep { step, defect })?;
        }
        for &family in engine::BUILT {
            let prepared = prepared_bytes(&program, family)?;
            require_stated_arena(&program, family, prepared)?;
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
    pub fn program(&self) -> Program<'a> {
        self.program
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
    if matches!(family, Family::Portable | Family::Dsp) {
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

/// Checks that the arena that the program header states holds tensors, the scratch of every step, and `prepared` bytes behind them.
fn require_stated_arena(program: &Program<'_>, family: Family, prepared: usize) -> Result<(), Error> {
    let working = stated_arena(program, family).checked_sub(prepared);
    let working = working.filter(|&working| working >= program.header().activation_bytes as usize);
    for (step, index) in (0u16..).zip(0..program.steps().len()) {
        let defect = |defect| Error::MalformedStep { step, defect };
        let operation = program.operation(index).ok_or(defect(Defect::Operands))?;
        let scratch = engine::needs(&operation, family).map_err(defect)?.scratch;
        let end = operation.scratch_offset().checked_add(scratch);
        if !end.zip(working).is_some_and(|(end, working)| end <= working) {
            return Err(defect(Defect::Scratch));
        }
    }
    Ok(())
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
    if header.magic != MAGIC {
        return Err(Error::NotABlob);
    }
    if header.version != FORMAT_VERSION {
        return Err(Error::UnsupportedVersion(header.version));
    }
    let total = header.total_bytes as usize;
    if usize::from(header.header_bytes) != HEADER_BYTES
        || !total.is_multiple_of(BLOB_ALIGNMENT)
        || total < HEADER_BYTES
        || header.section_count as usize > MAX_SECTIONS
    {
        return Err(Error::MalformedHeader);
    }
    let claimed = bytes.get(..total).ok_or(truncated(total))?;
    let (used, unused) =
        header.sections.split_at_checked(header.section_count as usize).ok_or(Error::MalformedHeader)?;
    let mut end = HEADER_BYTES;
    for (index, entry) in used.iter().enumerate() {
        let start = entry.offset as usize;
        // Weights may be empty: the section behind them then has the same offset.
        if start != end.next_multiple_of(BLOB_ALIGNMENT) || (entry.kind == section::WEIGHTS) != (index == 0) {
            return Err(Error::MalformedHeader);
        }
        end = start
            .checked_add(entry.length as usize)
            .filter(|&end| end <= total)
            .ok_or(Error::MalformedHeader)?;
    }
    if end.next_multiple_of(BLOB_ALIGNMENT) != total
        || unused.iter().any(|entry| *entry != Default::default())
    {
        return Err(Error::MalformedHeader);
    }
    Ok((header, claimed))
}

fn section_bytes<'a>(bytes: &'a [u8], header: &Header, kind: u32) -> Option<&'a [u8]> {
    let entry = header.section(kind)?;
    let start = entry.offset as usize;
    bytes.get(start..start.checked_add(entry.length as usize)?)
}
