//! The host, as the harness sees it.

use core::fmt;

use dunlin_harness::{Platform, files};
use semihosting::fs::File;
use semihosting::io::{self, Read, Seek, SeekFrom, Write};

use crate::stack;

/// The files of the host, and the clock of the board.
pub struct Host {
    inputs: File,
    outputs: File,
    report: File,
    ticks: fn() -> u32,
}

/// A file of the host could not be read or written.
#[derive(Debug, Clone, Copy)]
pub struct FileError;

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file of the host could not be read or written")
    }
}

impl From<io::Error> for FileError {
    fn from(_: io::Error) -> Self {
        FileError
    }
}

impl Host {
    pub fn open(ticks: fn() -> u32) -> Result<Host, FileError> {
        Ok(Host {
            inputs: File::open(files::INPUTS)?,
            outputs: File::create(files::OUTPUTS)?,
            report: File::create(files::REPORT)?,
            ticks,
        })
    }
}

impl Platform for Host {
    type Error = FileError;

    fn inputs_len(&mut self) -> Result<u32, FileError> {
        u32::try_from(self.inputs.metadata()?.len()).map_err(|_| FileError)
    }

    fn read_inputs(&mut self, offset: u32, input: &mut [u8]) -> Result<(), FileError> {
        self.inputs.seek(SeekFrom::Start(offset.into()))?;
        Ok(self.inputs.read_exact(input)?)
    }

    fn write_outputs(&mut self, output: &[u8]) -> Result<(), FileError> {
        Ok(self.outputs.write_all(output)?)
    }

    fn write_report(&mut self, frame: &[u8]) -> Result<(), FileError> {
        Ok(self.report.write_all(frame)?)
    }

    fn ticks(&mut self) -> u32 {
        (self.ticks)()
    }

    fn paint_stack(&mut self) {
        stack::paint();
    }

    fn stack_used(&mut self) -> Option<u32> {
        Some(stack::used())
    }
}
