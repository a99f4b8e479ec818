//! A file as its decoder sees it.

use std::fs::File;
use std::io::{self, Read};

use prost::bytes::Buf;

/// Bytes that are read at once.
const WINDOW: usize = 1 << 16;

/// The bytes of a file, a window at a time: the file and what is decoded from it are never both in memory.
pub struct FileBuffer {
    file: File,
    window: Vec<u8>,
    /// Bytes of the window that were taken.
    taken: usize,
    /// Bytes of the file behind the window.
    behind: usize,
    error: Option<io::Error>,
}

impl FileBuffer {
    /// The whole content of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(file: File) -> io::Result<FileBuffer> {
        let length = file.metadata()?.len();
        let behind = usize::try_from(length).map_err(io::Error::other)?;
        let mut buffer = FileBuffer { file, window: Vec::new(), taken: 0, behind, error: None };
        buffer.refill();
        buffer.finish().map(|()| buffer)
    }

    /// Whether everything so far could be read. The trait has no errors: in the place of what could not be read there are zeros.
    ///
    /// # Errors
    /// Why it could not.
    pub fn finish(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn refill(&mut self) {
        self.window.clear();
        self.window.resize(self.behind.min(WINDOW), 0);
        self.taken = 0;
        self.behind -= self.window.len();
        if self.error.is_none()
            && let Err(error) = self.file.read_exact(&mut self.window)
        {
            self.error = Some(error);
        }
    }
}

impl Buf for FileBuffer {
    fn remaining(&self) -> usize {
        self.window.len() - self.taken + self.behind
    }

    fn chunk(&self) -> &[u8] {
        &self.window[self.taken..]
    }

    fn advance(&mut self, mut count: usize) {
        loop {
            let left = self.window.len() - self.taken;
            self.taken += left.min(count);
            if count < left || self.behind == 0 {
                return;
            }
            count -= left;
            self.refill();
        }
    }
}
