//! Log lines: to standard error, and in a bounded queue for the fleet.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_protocol::message::MAX_LOG_BYTES;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for the fleet; then the oldest are lost.
const WAITING_LINES: usize = 64;

/// Lines that were logged.
#[derive(Debug, Clone, Default)]
pub struct RecentLines(Arc<Mutex<VecDeque<String>>>);

impl RecentLines {
    /// Takes the oldest lines, as many as fit into one message.
    pub fn take(&self) -> Option<String> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        while let Some(line) = waiting.front() {
            if !text.is_empty() && text.len() + line.len() > MAX_LOG_BYTES {
                break;
            }
            text.extend(line.chars().take(MAX_LOG_BYTES / 4));
            waiting.pop_front();
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Begins to log.
pub fn begin(level: Level) -> RecentLines {
    let lines = RecentLines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        // The journal has times of its own.
        .without_time()
        .with_writer(lines.clone())
        .finish();
    // It can only fail if there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    lines
}

impl<'a> MakeWriter<'a> for RecentLines {
    type Writer = Tee;

    fn make_writer(&'a self) -> Tee {
        Tee(self.clone())
    }
}

/// Writes a line to both.
pub struct Tee(RecentLines);

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == WAITING_LINES {
            waiting.pop_front();
        }
        waiting.push_back(String::from_utf8_lossy(bytes).into_owned());
        drop(waiting);
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
