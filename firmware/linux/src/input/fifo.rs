//! Lines that are written into a named pipe.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::BufReader;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tracing::warn;

use super::line::{LineReader, Sample, SampleLines};

/// Makes a named pipe where there is none.
///
/// # Errors
/// If it cannot be made, or something else is there.
pub fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP, 0) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) if std::fs::metadata(path)?.file_type().is_fifo() => Ok(()),
        Err(rustix::io::Errno::EXIST) => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is no named pipe", path.display())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the pipe for reading; it stays open when a writer leaves.
pub fn open(path: &Path) -> io::Result<pipe::Receiver> {
    make(path)?;
    pipe::OpenOptions::new().read_write(true).open_receiver(path)
}

/// Reads until nobody wants samples any more.
pub async fn read(pipe: pipe::Receiver, path: PathBuf, samples: mpsc::Sender<Sample>) {
    let mut reader = BufReader::new(pipe);
    let mut line = LineReader::default();
    let mut lines = SampleLines::new(path.file_name().unwrap_or_default().to_string_lossy());
    loop {
        match line.next(&mut reader).await {
            Ok(Some(text)) => {
                if let Some(sample) = lines.sample(&text)
                    && samples.send(sample).await.is_err()
                {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                warn!("cannot read {}: {error}", path.display());
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}
