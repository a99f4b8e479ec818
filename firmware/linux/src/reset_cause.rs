//! Why the daemon starts: what the last run left in the state directory.

use std::fs;
use std::path::{Path, PathBuf};

use dunlin_protocol::message::ResetCause;
use tracing::debug;

/// Name of the file in the state directory.
const NAME: &str = "last-run";

/// What the last run left, and what this one leaves.
#[derive(Debug, Clone)]
pub struct LastRun {
    path: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to stop, or to start anew.
    Stopped,
    /// It panicked.
    Panicked,
    /// It did not feed systemd's watchdog.
    Watchdog,
}

impl LastRun {
    /// Looks at the state directory.
    pub fn new(state: &Path) -> LastRun {
        LastRun { path: state.join(NAME) }
    }

    /// Why this run was started. `boot` tells the boots of the machine apart.
    pub fn cause(&self, boot: &str) -> ResetCause {
        let Ok(text) = fs::read_to_string(&self.path) else { return ResetCause::PowerOn };
        match text.trim().split_once(' ').unwrap_or((text.trim(), "")) {
            ("stopped", _) => ResetCause::Requested,
            ("panicked", _) => ResetCause::Panic,
            ("watchdog", _) => ResetCause::Watchdog,
            // It ran until the machine went down, or until something killed it.
            ("running", then) if then != boot => ResetCause::PowerOn,
            ("running", _) => ResetCause::Fault,
            _ => ResetCause::Unknown,
        }
    }

    /// This run has begun.
    pub fn begin(&self, boot: &str) {
        self.write(&format!("running {boot}"));
    }

    /// This run ends.
    pub fn end(&self, end: End) {
        self.write(match end {
            End::Stopped => "stopped",
            End::Panicked => "panicked",
            End::Watchdog => "watchdog",
        });
    }

    /// Where nothing can be written, the next start does not know its cause, and that is all.
    fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        let written = fs::write(&new, format!("{text}\n")).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = written {
            debug!("cannot write {}: {error}", self.path.display());
        }
    }
}

/// Tells the boots of the machine apart; empty if the system does not say.
pub fn machine_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
