//! Reading files of the host.

use core::ffi::CStr;

use semihosting::fs::File;
use semihosting::io::{self, ErrorKind, Read};

/// Reads a whole file into the front of `memory`.
///
/// # Errors
/// The file cannot be read, or is longer than `memory`.
pub fn read_file<'m>(name: &CStr, memory: &'m mut [u8]) -> io::Result<&'m mut [u8]> {
    let mut file = File::open(name)?;
    let len = usize::try_from(file.metadata()?.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let content = memory.get_mut(..len).ok_or(ErrorKind::InvalidInput)?;
    file.read_exact(content)?;
    Ok(content)
}
