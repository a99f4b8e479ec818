//! Starting programs, and ending them when they take too long.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::DeviceError;

/// How often a running program is looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// Runs a program to its end.
pub(crate) fn output(
    command: &mut Command,
    tool: &'static str,
    install: &'static str,
) -> Result<Output, DeviceError> {
    command.stdin(Stdio::null()).output().map_err(|error| not_started(error, tool, install))
}

fn not_started(error: std::io::Error, tool: &'static str, install: &'static str) -> DeviceError {
    if error.kind() == ErrorKind::NotFound {
        DeviceError::MissingTool { tool, install }
    } else {
        DeviceError::io(format!("starting {tool}"))(error)
    }
}

/// A program that is ended when it is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts `command`; what it prints goes to two files.
    pub fn start(
        command: &mut Command,
        stdout: &Path,
        stderr: &Path,
        tool: &'static str,
        install: &'static str,
    ) -> Result<Running, DeviceError> {
        let create = |path: &Path| File::create(path).map_err(DeviceError::io("creating a temporary file"));
        command.stdin(Stdio::null()).stdout(create(stdout)?).stderr(create(stderr)?);
        command.spawn().map(Running).map_err(|error| not_started(error, tool, install))
    }

    /// Waits for the end. `None` if it takes longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>, DeviceError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().map_err(DeviceError::io("waiting for a program"))? {
                return Ok(Some(status));
            }
            if started.elapsed() > limit {
                return Ok(None);
            }
            sleep(PERIOD);
        }
    }
}

impl Running {
    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) -> Result<(), DeviceError> {
        self.0.kill().and_then(|()| self.0.wait()).map_err(DeviceError::io("ending a program"))?;
        Ok(())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Neither call does anything when the program has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
