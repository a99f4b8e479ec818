//! Programs on an emulated bare-metal board that run beside others: with a network, for a while, until they are killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::board::{Board, Subject};
use crate::error::DeviceError;
use crate::log;
use crate::process::Running;

/// What the program logs, in its folder.
const LOG: &str = "log.bin";
/// What the emulator has to say, in the same folder.
const ERRORS: &str = "errors.txt";
/// The emulator, and how it is installed.
pub(crate) const TOOL: &str = "qemu-system-arm";
pub(crate) const INSTALL: &str = "apt-get install qemu-system-arm";

/// How the time of an emulated board goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Time {
    /// As that of this machine.
    #[default]
    Real,
    /// By instructions, 64 ns each, and at once to the next event when the processor sleeps.
    Skipping,
}

/// What runs on an emulated board, and how.
#[derive(Debug, Clone)]
pub struct Emulation<'e> {
    /// The board.
    pub board: &'static Board,
    /// The program, an ELF file.
    pub program: &'e Path,
    /// Where it finds and leaves its files.
    pub folder: &'e Path,
    /// Its command line.
    pub words: &'e [&'e str],
    /// Whether it has a network, in which this machine is 10.0.2.2.
    pub network: bool,
    /// How time goes by.
    pub time: Time,
}

/// A program on an emulated board. Dropping it kills it.
pub struct Emulator {
    board: &'static Board,
    program: PathBuf,
    folder: PathBuf,
    running: Running,
}

impl Emulator {
    /// Starts the emulator.
    ///
    /// # Errors
    /// [`DeviceError::BudgetOnly`] for boards that are not emulated, [`DeviceError::MissingTool`] or [`DeviceError::Io`].
    pub fn start(emulation: &Emulation<'_>) -> Result<Emulator, DeviceError> {
        let Emulation { board, program, folder, words, network, time } = *emulation;
        let Subject::Machine { machine, .. } = board.subject()? else {
            return Err(DeviceError::BudgetOnly { board: board.name });
        };
        let mut command = machine_command(machine, words);
        command.args(["-nic", if network { "user" } else { "none" }]);
        if time == Time::Skipping {
            command.args(["-icount", "shift=6,sleep=off"]);
        }
        command.arg("-kernel").arg(program).current_dir(folder);
        let running = Running::start(&mut command, &folder.join(LOG), &folder.join(ERRORS), TOOL, INSTALL)?;
        Ok(Emulator { board, program: program.to_owned(), folder: folder.to_owned(), running })
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// [`DeviceError::TimedOut`] or [`DeviceError::Io`].
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, DeviceError> {
        self.running.wait(limit)?.ok_or(DeviceError::TimedOut { board: self.board.name, limit })
    }

    /// Ends the emulator at once, as a power cut ends a device. Its files stay as they are.
    ///
    /// # Errors
    /// [`DeviceError::Io`].
    pub fn kill(&mut self) -> Result<(), DeviceError> {
        self.running.kill()
    }

    /// The process id of the emulator.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// What the program has logged so far, and what the emulator said: a line each.
    ///
    /// # Errors
    /// [`DeviceError::Io`].
    pub fn log(&self) -> Result<Vec<String>, DeviceError> {
        let elf = fs::read(&self.program).map_err(DeviceError::io("reading the program"))?;
        let frames = fs::read(self.folder.join(LOG)).map_err(DeviceError::io("reading the log"))?;
        let errors = fs::read(self.folder.join(ERRORS)).map_err(DeviceError::io("reading the log"))?;
        let mut lines = log::decode(&elf, &frames);
        lines.extend(String::from_utf8_lossy(&errors).lines().map(str::to_owned));
        Ok(lines)
    }
}

/// The emulator of `machine`, with semihosting and this command line for the program.
pub(crate) fn machine_command(machine: &str, words: &[&str]) -> Command {
    let mut command = Command::new(TOOL);
    command.args(["-machine", machine, "-display", "none", "-serial", "none", "-monitor", "none"]);
    let arguments = words.iter().map(|word| format!(",arg={word}")).collect::<String>();
    command.args(["-semihosting-config", &format!("enable=on,target=native,arg=dunlin{arguments}")]);
    command
}
