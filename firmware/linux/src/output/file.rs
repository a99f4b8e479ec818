//! A CSV file that grows up to a length.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::COLUMNS;

/// How long a file that failed is left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// A file, opened when it is needed.
pub struct CsvFile {
    path: PathBuf,
    largest: u64,
    open: Option<(File, u64)>,
    retry: Option<Instant>,
}

impl CsvFile {
    /// Nothing is opened yet.
    pub fn new(path: PathBuf, largest: u64) -> CsvFile {
        CsvFile { path, largest, open: None, retry: None }
    }

    /// Appends a line. After a failure, the disk is left alone for a while.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        if self.retry.is_some_and(|time| Instant::now() < time) {
            return Err(io::Error::other("the file failed a moment ago"));
        }
        let result = self.append(line);
        if result.is_err() {
            // What was half written is behind the end that a new opening finds: a line feed tells it from the next one.
            self.open = None;
            self.retry = Some(Instant::now() + PAUSE);
        }
        result
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        if let Some((_, length)) = &self.open
            && *length >= self.largest
        {
            self.open = None;
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            fs::rename(&self.path, older)?;
        }
        let (file, length) = match &mut self.open {
            Some(open) => open,
            None => {
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let mut length = file.metadata()?.len();
                let begin = if length == 0 { format!("{COLUMNS}\n") } else { String::new() };
                file.write_all(begin.as_bytes())?;
                length += begin.len() as u64;
                self.open.insert((file, length))
            }
        };
        file.write_all(line.as_bytes())?;
        *length += line.len() as u64;
        Ok(())
    }
}
