//! Where predictions go.

mod fifo;
mod file;
mod socket;

use std::io;

use dunlin_agent::{PredictError, Predicted};
use thiserror::Error;
use tracing::{info, warn};

use crate::features::{Features, SampleError};
use crate::input::Sample;
use crate::settings::Output;

/// Names of the columns before those of the outputs.
const COLUMNS: &str = "sample,model,class,label,value,latency_us,error";

/// Most outputs of a line.
const OUTPUTS: usize = 1024;

/// Where predictions go. Those that cannot be written are dropped and counted; serving never waits for a reader or a disk.
pub struct Predictions {
    sink: Sink,
    dropped: u64,
    is_failing: bool,
}

enum Sink {
    None,
    File(file::CsvFile),
    Fifo(fifo::Fifo),
    Socket(socket::Broadcast),
}

/// Why there is no prediction.
#[derive(Debug, Error)]
pub enum Refused {
    /// The sample is wrong.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] PredictError),
}

impl Predictions {
    /// Opens the way out.
    ///
    /// # Errors
    /// If a pipe or socket cannot be made. A file that cannot be written is tried again later.
    pub fn open(settings: &Output) -> io::Result<Predictions> {
        let sink = match settings.clone() {
            Output::None => Sink::None,
            Output::File { path, largest } => Sink::File(file::CsvFile::new(path, largest)),
            Output::Fifo { path } => Sink::Fifo(fifo::Fifo::open(&path)?),
            Output::Socket { path } => Sink::Socket(socket::Broadcast::listen(&path)?),
        };
        Ok(Predictions { sink, dropped: 0, is_failing: false })
    }

    /// Writes a line, and sends it back to where the sample came from.
    pub fn write(&mut self, sample: &Sample, line: &str) {
        if let Some(reply) = &sample.reply {
            // Who does not read its replies does not get them all.
            let _ = reply.try_send(line.to_owned());
        }
        let written = match &mut self.sink {
            Sink::None => Ok(()),
            Sink::File(file) => file.write(line),
            Sink::Fifo(fifo) => fifo.write(line),
            Sink::Socket(socket) => {
                socket.write(line);
                Ok(())
            }
        };
        match written {
            Ok(()) if self.is_failing => {
                info!("predictions are written again; {} were dropped", self.dropped);
                self.is_failing = false;
            }
            Ok(()) => {}
            Err(error) => {
                self.dropped += 1;
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!("predictions cannot be written: {error}; serving goes on without");
                }
            }
        }
    }
}

/// A line of CSV about one sample.
pub fn line(sample: &Sample, features: &Features, result: &Result<(Predicted, &[f32]), Refused>) -> String {
    use std::fmt::Write;
    let mut line = quoted(&sample.origin);
    // Writing into a string does not fail.
    let _ = match result {
        Ok((predicted, outputs)) => {
            let (class, value) = match predicted.largest {
                Some((class, value)) if outputs.len() > 1 => (class.to_string(), value),
                Some((_, value)) => (String::new(), value),
                None => (String::new(), f32::NAN),
            };
            let label = predicted.largest.and_then(|(class, _)| features.classes.get(class));
            let label = label.filter(|_| outputs.len() > 1).map_or(String::new(), |label| quoted(label));
            write!(line, ",{},{class},{label},{value},{},", predicted.model, predicted.latency)
        }
        Err(error) => write!(line, ",,,,,,{}", quoted(&error.to_string())),
    };
    if let Ok((_, outputs)) = result {
        for output in outputs.iter().take(OUTPUTS) {
            let _ = write!(line, ",{output}");
        }
    }
    line.push('\n');
    line
}

/// A field, in quotation marks if it needs them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
