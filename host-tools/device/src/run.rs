//! Running a blob on a board.

use std::ffi::CStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dunlin_harness::{Options, files};

use crate::board::{Board, Subject};
use crate::build::{build_plugin, build_selected};
use crate::counter::{self, Counts};
use crate::emulator::{self, machine_command};
use crate::error::DeviceError;
use crate::log;
use crate::process::Running;
use crate::report::{Clock, RunReport};
use crate::selection::Selection;
use crate::sizes::sizes;

/// An emulated instruction takes 2^8 ns, several ticks of every board's clock, so that instructions are counted exactly.
const INSTRUCTION_SHIFT: u32 = 8;
/// What the device logs, in the temporary folder.
const LOG: &str = "log.bin";
/// What the emulator has to say, in the temporary folder.
const ERRORS: &str = "errors.txt";

/// What to run, beside blob and samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the device is asked for.
    pub options: Options,
    /// QEMU's name of the processor for the board `aarch64`: `cortex-a72` has no dot product, `cortex-a76` has it.
    pub processor: Option<String>,
    /// Whether to count instructions, and on 32-bit Arm to model cycles, with a plugin of the emulator. Slower by half or so, and not
    /// on the board `host`.
    pub count: bool,
    /// What a bare-metal image contains of the runtime.
    pub selection: Selection,
    /// When to give up.
    pub time_limit: Duration,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            options: Options::default(),
            processor: None,
            count: false,
            selection: Selection::default(),
            time_limit: Duration::from_secs(300),
        }
    }
}

/// Builds the image of `board` if need be and runs `blob` on it, with `samples` of all inputs in the order of the program.
///
/// # Errors
/// See [`DeviceError`].
pub fn run(
    board: &Board,
    blob: &[u8],
    samples: &[Vec<u8>],
    request: &Request,
) -> Result<RunReport, DeviceError> {
    let subject = board.subject()?;
    if let Subject::Machine { blob_at: Some((_, room)), .. } = subject
        && blob.len() > room
    {
        return Err(DeviceError::BlobTooLong { board: board.name, bytes: blob.len(), room });
    }
    let program = build_selected(board, &request.selection)?;
    let folder = tempfile::tempdir().map_err(DeviceError::io("creating a temporary folder"))?;
    let folder = folder.path();
    write(folder, files::BLOB, blob)?;
    write(folder, files::INPUTS, &samples.concat())?;

    let (mut command, tool, install) = command(subject, &program, request)?;
    command.current_dir(folder);
    let (log_path, errors_path) = (folder.join(LOG), folder.join(ERRORS));
    let mut running = Running::start(&mut command, &log_path, &errors_path, tool, install)?;
    let status = running
        .wait(request.time_limit)?
        .ok_or(DeviceError::TimedOut { board: board.name, limit: request.time_limit })?;

    let mut lines = match subject {
        Subject::Machine { .. } => {
            let elf = fs::read(&program).map_err(DeviceError::io("reading the image"))?;
            log::decode(&elf, &read(folder, LOG)?)
        }
        Subject::Emulated { .. } | Subject::Native => Vec::new(),
    };
    let records = fs::read(folder.join(name(files::REPORT))).unwrap_or_default();
    let outputs = fs::read(folder.join(name(files::OUTPUTS))).unwrap_or_default();
    let report = RunReport::read(board.name, clock(subject), records, &outputs);
    // A failure that the report explains is not an early end.
    if !status.success() && !matches!(report, Err(DeviceError::Refused { .. })) {
        lines.extend(String::from_utf8_lossy(&read(folder, ERRORS)?).lines().map(str::to_owned));
        return Err(DeviceError::Ended { board: board.name, code: status.code(), log: lines.join("\n") });
    }
    let mut report = report?;
    if request.options.family.is_some_and(|family| family != report.family) {
        let what = "it tells of another kernel family than was asked for";
        return Err(DeviceError::MalformedReport { board: board.name, what });
    }
    if is_counted(subject, request) {
        let spans = fs::read_to_string(folder.join(counter::SPANS));
        let spans = spans.map_err(DeviceError::io("reading what the emulator counted"))?;
        let what = "the emulator counted other spans than the program was to mark";
        let counts = Counts::read(&spans, request.options.profile);
        report.counts = Some(counts.ok_or(DeviceError::MalformedReport { board: board.name, what })?);
    }
    report.log = lines;
    if matches!(subject, Subject::Machine { .. }) {
        report.sizes = Some(sizes(&program)?);
    }
    Ok(report)
}

/// The command for an emulator, or for the program itself; the tool that it starts; how that is installed.
fn command(
    subject: Subject,
    program: &Path,
    request: &Request,
) -> Result<(Command, &'static str, &'static str), DeviceError> {
    let mut words = Vec::new();
    request.options.for_each_word(|word| words.push(word.to_string()));
    let (mut command, tool, install) = match subject {
        Subject::Machine { machine, blob_at, .. } => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut command = machine_command(machine, &words);
            command.args(["-nic", "none", "-icount", &format!("shift={INSTRUCTION_SHIFT}")]);
            if let Some((address, _)) = blob_at {
                let blob = name(files::BLOB);
                command.args(["-device", &format!("loader,file={blob},addr={address:#x},force-raw=on")]);
            }
            (command, emulator::TOOL, emulator::INSTALL)
        }
        Subject::Emulated { processor, .. } => {
            let mut command = Command::new("qemu-aarch64");
            command.args(["-cpu", request.processor.as_deref().unwrap_or(processor)]);
            (command, "qemu-aarch64", "apt-get install qemu-user")
        }
        Subject::Native => {
            let install = "cargo build --release --package dunlin-runner";
            (Command::new(program), "dunlin-runner", install)
        }
    };
    if is_counted(subject, request) {
        command.arg("-plugin").arg(counter::argument(&build_plugin()?, program)?);
    }
    match subject {
        Subject::Machine { .. } => command.arg("-kernel").arg(program),
        Subject::Emulated { .. } => command.arg(program).args(&words),
        Subject::Native => command.args(&words),
    };
    Ok((command, tool, install))
}

/// Whether an emulator runs the program, and is to count.
fn is_counted(subject: Subject, request: &Request) -> bool {
    request.count && subject != Subject::Native
}

fn clock(subject: Subject) -> Clock {
    match subject {
        Subject::Machine { clock_hertz, .. } => {
            Clock::Instructions { hertz: clock_hertz, instruction_ns: 1 << INSTRUCTION_SHIFT }
        }
        Subject::Emulated { .. } | Subject::Native => Clock::Nanoseconds,
    }
}

/// The name of an exchanged file; all of them are ASCII.
fn name(name: &CStr) -> &str {
    name.to_str().unwrap_or_default()
}

fn write(folder: &Path, file: &CStr, bytes: &[u8]) -> Result<(), DeviceError> {
    let path = folder.join(name(file));
    fs::write(&path, bytes).map_err(DeviceError::io(format!("writing {}", path.display())))
}

fn read(folder: &Path, file: &str) -> Result<Vec<u8>, DeviceError> {
    let path = folder.join(file);
    fs::read(&path).map_err(DeviceError::io(format!("reading {}", path.display())))
}
