//! Lines to everybody who is connected to a Unix socket.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::sync::broadcast;
use tracing::warn;

use super::COLUMNS;
use crate::input::listen;

/// Lines that wait for a reader who is slow; then the oldest are lost to it.
const WAITING_LINES: usize = 256;

/// A socket that readers connect to.
pub struct Broadcast(broadcast::Sender<Arc<str>>);

impl Broadcast {
    /// Listens at a path.
    pub fn listen(path: &Path) -> io::Result<Broadcast> {
        let listener = listen(path)?;
        let (sender, _) = broadcast::channel::<Arc<str>>(WAITING_LINES);
        let readers = sender.clone();
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((mut stream, _)) => {
                        let mut lines = readers.subscribe();
                        tokio::spawn(async move {
                            let mut result = stream.write_all(format!("{COLUMNS}\n").as_bytes()).await;
                            while result.is_ok() {
                                result = match lines.recv().await {
                                    Ok(line) => stream.write_all(line.as_bytes()).await,
                                    Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                                    Err(broadcast::error::RecvError::Closed) => return,
                                };
                            }
                        });
                    }
                    Err(error) => {
                        warn!("cannot accept a reader of predictions: {error}");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(Broadcast(sender))
    }

    /// Hands a line to all readers.
    pub fn write(&self, line: &str) {
        // Without readers it is lost, which is as it should be.
        let _ = self.0.send(line.into());
    }
}
