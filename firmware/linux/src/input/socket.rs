//! Lines over a Unix socket; predictions go back.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use super::line::{LineReader, Sample, SampleLines};

/// Most connections at a time.
const CONNECTIONS: usize = 16;

/// Predictions that wait for a reader who is slow; more are dropped.
const WAITING_REPLIES: usize = 256;

/// Listens at a path, where an earlier run may have left its socket.
///
/// # Errors
/// If something else is there, or nothing may be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            let text = format!("{} is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

/// Accepts connections until nobody wants samples any more.
pub async fn read(listener: UnixListener, samples: mpsc::Sender<Sample>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut number: u64 = 0;
    while !samples.is_closed() {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                number += 1;
                let (samples, name) = (samples.clone(), format!("connection {number}"));
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, name, samples).await {
                        warn!("a connection for samples broke: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                warn!("cannot accept a connection for samples: {error}");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

/// Reads samples and writes predictions, until the other side has sent all and got all.
async fn converse(stream: UnixStream, name: String, samples: mpsc::Sender<Sample>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let (reply, mut replies) = mpsc::channel::<String>(WAITING_REPLIES);
    let writing = tokio::spawn(async move {
        while let Some(line) = replies.recv().await {
            writer.write_all(line.as_bytes()).await?;
        }
        writer.shutdown().await
    });
    let mut reader = BufReader::new(reader);
    let mut line = LineReader::default();
    let mut lines = SampleLines::new(name);
    while let Some(text) = line.next(&mut reader).await? {
        if let Some(sample) = lines.sample(&text) {
            let sample = Sample { reply: Some(reply.clone()), ..sample };
            if samples.send(sample).await.is_err() {
                break;
            }
        }
    }
    drop(reply);
    writing.await.unwrap_or(Ok(()))
}
