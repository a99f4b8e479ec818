//! `dunlin-runner [family=NAME] [trace] [profile] [arena-shortfall=BYTES]`: exercises the blob `model.dnl` with the samples
//! `inputs.bin` of the working directory; writes `outputs.bin` and `report.bin`.

use std::error::Error;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::time::Instant;

use dunlin_harness::{Options, Platform, Zone, exercise, files};
use dunlin_runtime::{BLOB_ALIGNMENT, Family, Model};

struct Linux {
    inputs: File,
    outputs: File,
    report: File,
    started: Instant,
}

/// The name of an exchanged file; all of them are ASCII.
fn name(name: &CStr) -> &str {
    name.to_str().unwrap_or_default()
}

impl Platform for Linux {
    type Error = io::Error;

    fn inputs_len(&mut self) -> io::Result<u32> {
        u32::try_from(self.inputs.metadata()?.len()).map_err(io::Error::other)
    }

    fn read_inputs(&mut self, offset: u32, input: &mut [u8]) -> io::Result<()> {
        self.inputs.seek(SeekFrom::Start(offset.into()))?;
        self.inputs.read_exact(input)
    }

    fn write_outputs(&mut self, output: &[u8]) -> io::Result<()> {
        self.outputs.write_all(output)
    }

    fn write_report(&mut self, frame: &[u8]) -> io::Result<()> {
        self.report.write_all(frame)
    }

    /// Nanoseconds.
    fn ticks(&mut self) -> u32 {
        self.started.elapsed().as_nanos() as u32
    }
}

/// Copies `bytes` to an address in `memory` at which a blob may start.
fn align<'m>(bytes: &[u8], memory: &'m mut Vec<u8>) -> &'m [u8] {
    memory.resize(bytes.len() + BLOB_ALIGNMENT, 0);
    let start = memory.as_ptr().addr().wrapping_neg() % BLOB_ALIGNMENT;
    let blob = &mut memory[start..start + bytes.len()];
    blob.copy_from_slice(bytes);
    blob
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    for word in std::env::args().skip(1) {
        options.apply(&word).map_err(|_| format!("`{word}` is no option of dunlin-runner"))?;
    }
    if options.write_blob {
        return Err("write-blob needs a device with memory protection".into());
    }
    let mut platform = Linux {
        inputs: File::open(name(files::INPUTS))?,
        outputs: File::create(name(files::OUTPUTS))?,
        report: File::create(name(files::REPORT))?,
        started: Instant::now(),
    };
    let mut memory = Vec::new();
    let blob = align(&fs::read(name(files::BLOB))?, &mut memory);
    let family = options.family.unwrap_or_else(Family::best);
    // A blob that cannot be opened is reported by the routine.
    let arena_bytes = Model::open(blob).map_or(0, |model| model.arena_bytes(family));
    let mut arena = vec![0; Zone::memory_bytes(arena_bytes)];
    exercise(blob, &mut arena, &options, &mut platform).map_err(|failure| failure.to_string())?;
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
