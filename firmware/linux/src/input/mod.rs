//! Where samples come from.

mod directory;
mod fifo;
mod line;
mod replay;
mod socket;

use std::io;

use tokio::sync::mpsc;

use crate::settings::Input;
#[cfg(test)]
pub use line::SampleLines;
pub use line::{Sample, unquoted};

/// Samples that wait to be predicted; sources wait when there are more.
const WAITING_SAMPLES: usize = 64;

/// Longest line, in bytes: a large image as text.
const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// Begins to read samples. The receiver ends when there will be no more.
///
/// # Errors
/// If a pipe or socket cannot be made.
pub fn begin(settings: &Input) -> io::Result<mpsc::Receiver<Sample>> {
    let (sender, samples) = mpsc::channel(WAITING_SAMPLES);
    match settings.clone() {
        Input::Directory { path, after, period } => {
            tokio::spawn(directory::read(path, after, period, sender));
        }
        Input::Fifo { path } => {
            let pipe = fifo::open(&path)?;
            tokio::spawn(fifo::read(pipe, path, sender));
        }
        Input::Replay { path, period, time_column, speed, repeat } => {
            let pace = replay::Pace { period, time_column, speed, repeat };
            tokio::spawn(replay::play(path, pace, sender));
        }
        Input::Socket { path } => {
            let listener = listen(&path)?;
            tokio::spawn(socket::read(listener, sender));
        }
    }
    Ok(samples)
}

pub use fifo::make as make_fifo;
pub use socket::listen;
