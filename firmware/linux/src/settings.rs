//! `dunlind.toml`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use dunlin_protocol::message::TELEMETRY_PERIODS;
use dunlin_provision::{Provision, ProvisionError};
use dunlin_store::Sizes;
use serde::Deserialize;
use thiserror::Error;
use tracing::Level;

/// All settings. Paths are relative to the file's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What `dunlin device provision` wrote.
    pub provision: PathBuf,
    /// Directory of everything that outlives the daemon.
    pub state: PathBuf,
    /// Name of the board in the fleet; by default what the device tree or the machine says.
    pub board: Option<String>,
    /// Room for a model and its block index, of which there are two; a multiple of 4096. It cannot be changed later.
    #[serde(default = "default_slot_bytes")]
    pub slot_bytes: u32,
    /// Memory that models run in.
    #[serde(default = "default_arena_bytes")]
    pub arena_bytes: u32,
    /// Seconds between reports, until the fleet says otherwise.
    #[serde(default = "default_telemetry_period")]
    pub telemetry_period: u32,
    /// error, warn, info, debug or trace.
    #[serde(default = "default_log")]
    pub log: String,
    /// What to run when the fleet orders a reboot; without, the daemon alone starts anew.
    #[serde(default)]
    pub reboot: Vec<String>,
    /// Where samples come from.
    pub input: Input,
    /// Where predictions go, besides to whoever sent the sample over a socket.
    #[serde(default)]
    pub output: Output,
}

/// Where samples come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Input {
    /// CSV files that are moved into a directory.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What becomes of a file that was read.
        #[serde(default)]
        after: After,
        /// Seconds between two looks.
        #[serde(default = "one")]
        period: f64,
    },
    /// Lines that are written into a named pipe.
    Fifo {
        /// The pipe; made if it is not there.
        path: PathBuf,
    },
    /// A CSV file, played at its pace.
    Replay {
        /// The file.
        path: PathBuf,
        /// Seconds between two samples, where no column tells the time.
        #[serde(default = "one")]
        period: f64,
        /// The column that tells the time, in seconds.
        time_column: Option<String>,
        /// How much faster than in the file.
        #[serde(default = "one")]
        speed: f64,
        /// Whether to begin again at the end.
        #[serde(default)]
        repeat: bool,
    },
    /// Lines over a Unix socket; each prediction goes back to whoever sent the sample.
    Socket {
        /// The socket.
        path: PathBuf,
    },
}

/// What becomes of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It is deleted.
    #[default]
    Delete,
    /// It is moved into the folder `done`.
    Move,
}

/// Where predictions go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Output {
    /// Nowhere.
    #[default]
    None,
    /// To the end of a CSV file.
    File {
        /// The file.
        path: PathBuf,
        /// Length from which on it becomes `<path>.1`, and a new one is begun.
        #[serde(default = "default_file_bytes")]
        largest: u64,
    },
    /// Into a named pipe, as long as somebody reads it.
    Fifo {
        /// The pipe; made if it is not there.
        path: PathBuf,
    },
    /// To everybody who is connected to a Unix socket.
    Socket {
        /// The socket.
        path: PathBuf,
    },
}

const fn default_slot_bytes() -> u32 {
    4 * 1024 * 1024
}

const fn default_arena_bytes() -> u32 {
    16 * 1024 * 1024
}

const fn default_telemetry_period() -> u32 {
    60
}

const fn default_file_bytes() -> u64 {
    16 * 1024 * 1024
}

fn default_log() -> String {
    "info".into()
}

const fn one() -> f64 {
    1.0
}

impl Settings {
    /// Reads the file, and the provisioning that it names.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(path: &Path) -> Result<(Settings, Provision), SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| SettingsError::Read { path: path.to_owned(), cause })?;
        let settings: Settings = toml::from_str(&text)
            .map_err(|cause| SettingsError::Text { path: path.to_owned(), cause: Box::new(cause) })?;
        settings.check()?;
        let settings = settings.in_folder(path.parent().unwrap_or(Path::new("")));
        let provision = Provision::read(&settings.provision)?;
        Ok((settings, provision))
    }

    /// The level from which on lines are logged.
    pub fn level(&self) -> Level {
        // Checked when the file was read.
        Level::from_str(&self.log).unwrap_or(Level::INFO)
    }

    /// How the state directory is divided: besides the slots, reports of a day at the default period.
    pub fn sizes(&self) -> Sizes {
        Sizes { slot_bytes: self.slot_bytes, report_sectors: 128, event_sectors: 8, ..Sizes::default() }
    }

    fn check(&self) -> Result<(), SettingsError> {
        let value = |name, problem: &str| Err(SettingsError::Value { name, problem: problem.to_owned() });
        if Level::from_str(&self.log).is_err() {
            return value("log", "use error, warn, info, debug or trace");
        }
        if !TELEMETRY_PERIODS.contains(&self.telemetry_period) {
            return value("telemetry_period", "use 10 to 86400 seconds");
        }
        if self.slot_bytes == 0 || !self.slot_bytes.is_multiple_of(4096) {
            return value("slot_bytes", "use a multiple of 4096");
        }
        if self.arena_bytes == 0 {
            return value("arena_bytes", "no model runs in no memory");
        }
        let is_positive = |number: f64| number.is_finite() && number > 0.0;
        match self.input {
            Input::Directory { period, .. } if !is_positive(period) => {
                value("input.period", "use more than 0 seconds")
            }
            Input::Replay { period, speed, .. } if !is_positive(period) || !is_positive(speed) => {
                value("input.period and input.speed", "use more than 0")
            }
            _ => Ok(()),
        }
    }

    fn in_folder(mut self, folder: &Path) -> Settings {
        let input = match &mut self.input {
            Input::Directory { path, .. }
            | Input::Fifo { path }
            | Input::Replay { path, .. }
            | Input::Socket { path } => path,
        };
        let output = match &mut self.output {
            Output::None => None,
            Output::File { path, .. } | Output::Fifo { path } | Output::Socket { path } => Some(path),
        };
        for path in
            [Some(&mut self.provision), Some(&mut self.state), Some(input), output].into_iter().flatten()
        {
            *path = folder.join(&path);
        }
        self
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file says something else.
    #[error("{}: {cause}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<toml::de::Error>,
    },
    /// A value outside of its range.
    #[error("`{name}` has a value that will not do: {problem}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What would do.
        problem: String,
    },
    /// The provisioning cannot be used.
    #[error("{}", with_cause(.0))]
    Provision(#[from] ProvisionError),
}

fn with_cause(error: &ProvisionError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_configuration_is_valid() {
        let text = include_str!("../dunlind.toml");
        let settings: Settings = toml::from_str(text).unwrap();
        settings.check().unwrap();
        // What is commented out are the defaults, or other kinds: each line is valid when it is uncommented.
        for name in ["slot_bytes", "arena_bytes", "telemetry_period", "log", "reboot", "board"] {
            assert!(text.contains(name), "{name} is not explained");
        }
    }

    #[test]
    fn values_outside_of_their_ranges_are_named() {
        let text = |line: &str| {
            format!("provision = 'd.toml'\nstate = 's'\n{line}\n[input]\nkind = 'fifo'\npath = 'f'\n")
        };
        for (line, name) in [
            ("log = 'loud'", "log"),
            ("telemetry_period = 5", "telemetry_period"),
            ("slot_bytes = 5000", "slot_bytes"),
            ("arena_bytes = 0", "arena_bytes"),
        ] {
            let settings: Settings = toml::from_str(&text(line)).unwrap();
            assert!(settings.check().unwrap_err().to_string().contains(name), "{line}");
        }
        let error = toml::from_str::<Settings>(&text("telemetri_period = 60")).unwrap_err();
        assert!(error.to_string().contains("telemetri_period"), "{error}");
    }
}
