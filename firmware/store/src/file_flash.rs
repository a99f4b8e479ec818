//! A flash that is a file, for Linux.

use core::fmt;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    string::{String, ToString},
};

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::{Layout, LayoutError, Region, Sizes};

/// Name of the file in its directory.
const NAME: &str = "flash.bin";
/// Unit of writing in bytes.
const UNIT: usize = 8;
/// Length of an erase sector in bytes.
const SECTOR: usize = 4096;

/// A NOR flash in the file `flash.bin` of one directory: written in units of 8 bytes, erased in sectors of 4 KiB.
///
/// All of the file is allocated when it is made. Journal and outbox are on the disk when a call returns; slots are when the
/// journal is written next, before the journal's own bytes. One process at a time holds the file. When it may only be read,
/// everything but writing works.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    bytes: u32,
    /// Where each write is on the disk before the next.
    ordered: Region,
    /// Whether bytes outside of `ordered` wait for the disk.
    pending: bool,
    writable: bool,
}

/// What the file system said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFlashError {
    /// No space is left on the disk, or no quota.
    DiskFull,
    /// The file system or the file may only be read.
    ReadOnly,
    /// Another process holds the file.
    InUse(PathBuf),
    /// The file has another length than these sizes need, both in bytes.
    WrongLength {
        /// Length of the file.
        found: u64,
        /// What the sizes need.
        expected: u64,
    },
    /// The parts cannot be laid out.
    Layout(LayoutError),
    /// Bytes that are not erased were to be written, at this offset.
    NotErased(u32),
    /// Offset or length are no multiples of the unit.
    NotAligned,
    /// Offset or length lie outside of the flash.
    OutOfBounds,
    /// Anything else.
    Other {
        /// What was being done.
        operation: &'static str,
        /// What the system says.
        message: String,
    },
}

impl FileFlash {
    /// Opens the flash in a directory, or makes both.
    ///
    /// # Errors
    /// [`FileFlashError`]. A file system that may only be read is none when the file exists.
    pub fn open(directory: &Path, sizes: Sizes) -> Result<(Self, Layout), FileFlashError> {
        let layout = Layout::new(&Unbounded, sizes).map_err(FileFlashError::Layout)?;
        let path = directory.join(NAME);
        if !path.try_exists().map_err(|error| FileFlashError::new("look for the file", &error))? {
            create(directory, &path, layout.bytes())?;
        }
        let (file, writable) = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => (file, true),
            Err(error) => match FileFlashError::new("open the file", &error) {
                FileFlashError::ReadOnly => {
                    let file =
                        File::open(&path).map_err(|error| FileFlashError::new("open the file", &error))?;
                    (file, false)
                }
                other => return Err(other),
            },
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileFlashError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(FileFlashError::new("lock the file", &error)),
        }
        let found = file.metadata().map_err(|error| FileFlashError::new("read the length", &error))?.len();
        let expected = u64::from(layout.bytes());
        if found != expected {
            return Err(FileFlashError::WrongLength { found, expected });
        }
        let start = layout.journal().start;
        let ordered = Region { start, length: layout.bytes() - start };
        Ok((FileFlash { file, bytes: layout.bytes(), ordered, pending: false, writable }, layout))
    }

    /// Whether the flash takes writes.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    fn check(&self, offset: u32, length: usize, unit: usize) -> Result<(), FileFlashError> {
        if !(offset as usize).is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FileFlashError::NotAligned);
        }
        if u64::from(offset) + length as u64 > u64::from(self.bytes) {
            return Err(FileFlashError::OutOfBounds);
        }
        Ok(())
    }

    fn read_at(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileFlashError> {
        self.file
            .seek(SeekFrom::Start(offset.into()))
            .map_err(|error| FileFlashError::new("read", &error))?;
        self.file.read_exact(bytes).map_err(|error| FileFlashError::new("read", &error))
    }

    /// Writes, so that what is ordered reaches the disk behind all that was written before, and before all that follows.
    fn write_at(&mut self, offset: u32, bytes: &[u8], operation: &'static str) -> Result<(), FileFlashError> {
        if !self.writable {
            return Err(FileFlashError::ReadOnly);
        }
        let ordered = offset >= self.ordered.start;
        if ordered && self.pending {
            self.synchronize()?;
        }
        self.pending = true;
        self.file
            .seek(SeekFrom::Start(offset.into()))
            .map_err(|error| FileFlashError::new(operation, &error))?;
        self.file.write_all(bytes).map_err(|error| FileFlashError::new(operation, &error))?;
        if ordered { self.synchronize() } else { Ok(()) }
    }

    fn synchronize(&mut self) -> Result<(), FileFlashError> {
        self.file.sync_data().map_err(|error| FileFlashError::new("write to the disk", &error))?;
        self.pending = false;
        Ok(())
    }
}

impl ErrorType for FileFlash {
    type Error = FileFlashError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileFlashError> {
        self.check(offset, bytes.len(), 1)?;
        self.read_at(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FileFlashError> {
        self.check(from, to.checked_sub(from).ok_or(FileFlashError::OutOfBounds)? as usize, SECTOR)?;
        for start in (from..to).step_by(SECTOR) {
            self.write_at(start, &[0xFF; SECTOR], "erase")?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileFlashError> {
        self.check(offset, bytes.len(), UNIT)?;
        let mut found = std::vec![0; bytes.len()];
        self.read_at(offset, &mut found)?;
        if let Some(place) = found.iter().position(|byte| *byte != 0xFF) {
            return Err(FileFlashError::NotErased(offset.saturating_add(place as u32)));
        }
        self.write_at(offset, bytes, "write")
    }
}

/// Makes the directory and, in one piece, the file with all its blocks allocated.
fn create(directory: &Path, path: &Path, bytes: u32) -> Result<(), FileFlashError> {
    let failed = |error: io::Error| FileFlashError::new("make the file", &error);
    fs::create_dir_all(directory).map_err(failed)?;
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = File::create(&new)?;
        for _ in 0..bytes as usize / SECTOR {
            file.write_all(&[0xFF; SECTOR])?;
        }
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name is on the disk, too.
        File::open(directory)?.sync_all()
    })();
    written.map_err(|error| {
        // The space of half a file would be missing for the next attempt.
        let _ = fs::remove_file(&new);
        failed(error)
    })
}

impl FileFlashError {
    fn new(operation: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FileFlashError::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => FileFlashError::ReadOnly,
            _ => FileFlashError::Other { operation, message: error.to_string() },
        }
    }
}

impl NorFlashError for FileFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FileFlashError::NotAligned => NorFlashErrorKind::NotAligned,
            FileFlashError::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl fmt::Display for FileFlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileFlashError::DiskFull => write!(f, "the disk of the state directory is full: make room"),
            FileFlashError::ReadOnly => {
                write!(f, "the state directory may only be read: check its owner and its mount")
            }
            FileFlashError::InUse(path) => {
                write!(f, "{} is held by another process: stop that one", path.display())
            }
            FileFlashError::WrongLength { found, expected } => {
                write!(f, "{NAME} has {found} bytes, the configured sizes need {expected}: restore the sizes")
            }
            FileFlashError::Layout(error) => error.fmt(f),
            FileFlashError::NotErased(offset) => write!(f, "the bytes at {offset} of {NAME} are not erased"),
            FileFlashError::NotAligned => write!(f, "offset or length are no multiple of the unit"),
            FileFlashError::OutOfBounds => write!(f, "offset or length lie outside of {NAME}"),
            FileFlashError::Other { operation, message } => {
                write!(f, "could not {operation} {NAME}: {message}")
            }
        }
    }
}

impl core::error::Error for FileFlashError {}

/// The geometry alone: the file is made as long as the parts are.
struct Unbounded;

impl ErrorType for Unbounded {
    type Error = FileFlashError;
}

impl ReadNorFlash for Unbounded {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), FileFlashError> {
        Err(FileFlashError::OutOfBounds)
    }

    fn capacity(&self) -> usize {
        u32::MAX as usize
    }
}

impl NorFlash for Unbounded {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, _: u32, _: u32) -> Result<(), FileFlashError> {
        Err(FileFlashError::OutOfBounds)
    }

    async fn write(&mut self, _: u32, _: &[u8]) -> Result<(), FileFlashError> {
        Err(FileFlashError::OutOfBounds)
    }
}

#[cfg(test)]
mod tests {
    use core::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use tempfile::tempdir;

    use super::*;
    use crate::{BootCause, Error, Store};

    fn run<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("a file never makes its caller wait"),
        }
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("state");
        for boots in 1..4 {
            let (flash, layout) = FileFlash::open(&path, Sizes::default()).unwrap();
            let mut store = run(Store::open(flash, layout)).unwrap();
            run(store.begin_boot(BootCause::Power)).unwrap();
            assert_eq!(run(store.push_event(b"started")).unwrap(), u64::from(boots));
            assert_eq!(store.state().boots(), boots);
        }
        let names: std::vec::Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [NAME]);
    }

    #[test]
    fn one_process_holds_the_file_and_its_length_is_that_of_the_parts() {
        let directory = tempdir().unwrap();
        let (flash, layout) = FileFlash::open(directory.path(), Sizes::default()).unwrap();
        let second = FileFlash::open(directory.path(), Sizes::default()).unwrap_err();
        assert_eq!(second, FileFlashError::InUse(directory.path().join(NAME)));
        drop(flash);
        let sizes = Sizes { slot_bytes: 256 * 1024, ..Sizes::default() };
        let other = FileFlash::open(directory.path(), sizes).unwrap_err();
        let (found, expected) = (u64::from(layout.bytes()), u64::from(layout.bytes()) + 256 * 1024);
        assert_eq!(other, FileFlashError::WrongLength { found, expected });
    }

    #[test]
    fn bytes_are_written_once() {
        let directory = tempdir().unwrap();
        let (mut flash, _) = FileFlash::open(directory.path(), Sizes::default()).unwrap();
        run(flash.write(16, &[0x55; 16])).unwrap();
        assert_eq!(run(flash.write(8, &[0; 16])), Err(FileFlashError::NotErased(16)));
        assert_eq!(run(flash.write(4, &[0; 8])), Err(FileFlashError::NotAligned));
        assert_eq!(run(flash.erase(0, !4095)), Err(FileFlashError::OutOfBounds));
        run(flash.erase(0, 4096)).unwrap();
        run(flash.write(8, &[0; 16])).unwrap();
    }

    #[test]
    fn slots_reach_the_disk_before_the_journal_says_so() {
        let directory = tempdir().unwrap();
        let (mut flash, layout) = FileFlash::open(directory.path(), Sizes::default()).unwrap();
        run(flash.write(0, &[1; 8])).unwrap();
        assert!(flash.pending);
        run(flash.write(layout.journal().start, &[1; 8])).unwrap();
        assert!(!flash.pending);
    }

    #[test]
    fn a_read_only_file_system_is_survived() {
        let directory = tempdir().unwrap();
        let (flash, layout) = FileFlash::open(directory.path(), Sizes::default()).unwrap();
        let mut store = run(Store::open(flash, layout)).unwrap();
        run(store.begin_boot(BootCause::Power)).unwrap();
        let mut flash = store.into_flash();
        flash.writable = false;
        let mut store = run(Store::open(flash, layout)).unwrap();
        assert_eq!(store.state().boots(), 1);
        let refused = Error::Flash(FileFlashError::ReadOnly);
        assert_eq!(run(store.begin_boot(BootCause::Power)).unwrap_err(), refused);
        assert_eq!(run(store.push_event(b"lost")).unwrap_err(), refused);
        assert_eq!(store.state().boots(), 1);
    }

    #[test]
    fn errors_of_the_system_are_told_apart() {
        // ENOSPC, EDQUOT, EROFS, EACCES, EIO on Linux.
        let errors = [28, 122, 30, 13, 5]
            .map(|code| FileFlashError::new("write", &io::Error::from_raw_os_error(code)));
        let [full, quota, read_only, denied, other] = errors;
        assert_eq!((full, quota), (FileFlashError::DiskFull, FileFlashError::DiskFull));
        assert_eq!((read_only, denied), (FileFlashError::ReadOnly, FileFlashError::ReadOnly));
        assert!(matches!(other, FileFlashError::Other { operation: "write", .. }));
    }
}
