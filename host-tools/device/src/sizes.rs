//! What an image takes of a board's memory.

use std::path::Path;

use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::{Object, ObjectSection, SectionFlags, SectionKind};

use crate::error::DeviceError;

/// What an image takes of a board's memory, in bytes, without stack, arena and blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Code, constants, and the values that variables start with.
    pub flash: u64,
    /// Variables.
    pub static_ram: u64,
}

/// Measures the sections of an ELF file that are loaded or reserved on the board.
///
/// # Errors
/// [`DeviceError::Io`] and [`DeviceError::NotElf`].
pub fn sizes(elf: &Path) -> Result<Sizes, DeviceError> {
    let bytes = std::fs::read(elf).map_err(DeviceError::io(format!("reading {}", elf.display())))?;
    let file = object::File::parse(&*bytes)
        .map_err(|source| DeviceError::NotElf { path: elf.to_owned(), source })?;
    let mut sizes = Sizes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        if sh_flags & u64::from(SHF_ALLOC) == 0 {
            continue;
        }
        if section.kind() != SectionKind::UninitializedData {
            sizes.flash += section.size();
        }
        if sh_flags & u64::from(SHF_WRITE) != 0 {
            sizes.static_ram += section.size();
        }
    }
    Ok(sizes)
}
