//! A named pipe, as long as somebody reads it.

use std::io;
use std::path::Path;

use tokio::net::unix::pipe;

use crate::input::make_fifo;

/// A pipe, and what of the last line did not fit into it.
pub struct Fifo {
    pipe: pipe::Sender,
    rest: Vec<u8>,
}

impl Fifo {
    /// Opens the pipe. That nobody reads it yet is no error: the system keeps some lines.
    pub fn open(path: &Path) -> io::Result<Fifo> {
        make_fifo(path)?;
        let pipe = pipe::OpenOptions::new().read_write(true).open_sender(path)?;
        Ok(Fifo { pipe, rest: Vec::new() })
    }

    /// Writes a line whole or not at all.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        self.flush()?;
        match self.pipe.try_write(line.as_bytes()) {
            Ok(written) => {
                self.rest.extend_from_slice(line.as_bytes().get(written..).unwrap_or_default());
                Ok(())
            }
            Err(error) => Err(in_words(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            let written = self.pipe.try_write(&self.rest).map_err(in_words)?;
            self.rest.drain(..written.min(self.rest.len()));
        }
        Ok(())
    }
}

fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::Error::other("nobody reads the pipe") } else { error }
}
