//! CSV files that are moved into a directory.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::line::{Sample, SampleLines};
use crate::settings::After;

/// Looks for files and reads them, oldest name first, until nobody wants samples any more.
pub async fn read(directory: PathBuf, after: After, period: f64, samples: mpsc::Sender<Sample>) {
    let mut looks = interval(Duration::from_secs_f64(period));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut complaint = String::new();
    loop {
        looks.tick().await;
        let files = match files(&directory) {
            Ok(files) => files,
            Err(error) => {
                let text = format!("cannot look into {}: {error}", directory.display());
                if text != complaint {
                    warn!("{text}");
                    complaint = text;
                }
                continue;
            }
        };
        complaint.clear();
        for file in files {
            let folder = match read_file(&file, &samples).await {
                Ok(true) => "done",
                Ok(false) => return,
                Err(error) => {
                    warn!("cannot read {}: {error}", file.display());
                    "failed"
                }
            };
            if let Err(error) = put_away(&directory, &file, folder, after) {
                warn!("cannot put {} away: {error}; waiting a minute", file.display());
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    }
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "csv") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Hands over all samples of a file. `false` if nobody wants them.
async fn read_file(path: &Path, samples: &mpsc::Sender<Sample>) -> io::Result<bool> {
    debug!("reading {}", path.display());
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut lines = SampleLines::new(name);
    for line in BufReader::new(fs::File::open(path)?).lines() {
        if let Some(sample) = lines.sample(&line?)
            && samples.send(sample).await.is_err()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn put_away(directory: &Path, file: &Path, folder: &str, after: After) -> io::Result<()> {
    if folder == "done" && after == After::Delete {
        return fs::remove_file(file);
    }
    let folder = directory.join(folder);
    fs::create_dir_all(&folder)?;
    fs::rename(file, folder.join(file.file_name().unwrap_or_default()))
}
