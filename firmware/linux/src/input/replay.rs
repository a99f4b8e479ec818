//! A CSV file, played at its pace.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::line::{Sample, SampleLines, unquoted};

/// How fast a file is played.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Seconds between two samples, where no column tells the time.
    pub period: f64,
    /// The column that tells the time, in seconds.
    pub time_column: Option<String>,
    /// How much faster than in the file.
    pub speed: f64,
    /// Whether to begin again at the end.
    pub repeat: bool,
}

/// Plays until the end, or until nobody wants samples any more.
pub async fn play(path: PathBuf, pace: Pace, samples: mpsc::Sender<Sample>) {
    loop {
        match play_once(&path, &pace, &samples).await {
            Ok(0) if pace.repeat => {
                warn!("there is no sample in {}", path.display());
                sleep(Duration::from_secs(60)).await;
            }
            Ok(_) if pace.repeat && !samples.is_closed() => {}
            Ok(count) => {
                info!("played {count} samples of {}", path.display());
                return;
            }
            Err(error) => {
                warn!("cannot read {}: {error}; trying again in a minute", path.display());
                sleep(Duration::from_secs(60)).await;
            }
        }
    }
}

async fn play_once(path: &Path, pace: &Pace, samples: &mpsc::Sender<Sample>) -> std::io::Result<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut lines = SampleLines::new(name);
    let mut clock = Clock::new(pace);
    let started = Instant::now();
    let mut count = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let Some(sample) = lines.sample(&line?) else { continue };
        sleep_until(started + clock.next(&sample)).await;
        if samples.send(sample).await.is_err() {
            break;
        }
        count += 1;
    }
    // The first sample of the next round comes a period behind the last one.
    sleep_until(started + clock.end()).await;
    Ok(count)
}

/// When samples are due, counted from the first one.
struct Clock<'a> {
    pace: &'a Pace,
    first: Option<f64>,
    due: f64,
    count: u64,
}

impl<'a> Clock<'a> {
    fn new(pace: &'a Pace) -> Clock<'a> {
        Clock { pace, first: None, due: 0.0, count: 0 }
    }

    fn next(&mut self, sample: &Sample) -> Duration {
        let time = self.pace.time_column.as_ref().and_then(|name| {
            let column = sample.columns.as_ref()?.iter().position(|column| column == name)?;
            unquoted(sample.line.split(',').nth(column)?).parse::<f64>().ok().filter(|time| time.is_finite())
        });
        let due = match time {
            Some(time) => time - *self.first.get_or_insert(time),
            // Without a time, a period behind the one before.
            None if self.count == 0 => 0.0,
            None => self.due + self.pace.period,
        };
        // A recording whose clock was set back does not stop: it goes on from where it was.
        self.due = self.due.max(due);
        self.count += 1;
        self.at(self.due)
    }

    fn end(&self) -> Duration {
        self.at(self.due + self.pace.period)
    }

    fn at(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.pace.speed).unwrap_or(Duration::from_secs(86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(pace: &Pace, text: &str) -> Vec<u128> {
        let mut lines = SampleLines::new("f");
        let mut clock = Clock::new(pace);
        text.lines()
            .filter_map(|line| lines.sample(line))
            .map(|sample| clock.next(&sample).as_millis())
            .collect()
    }

    #[test]
    fn samples_come_at_the_pace_of_the_file() {
        let mut pace = Pace { period: 2.0, time_column: None, speed: 4.0, repeat: false };
        assert_eq!(due(&pace, "t,x\n100,1\n101,1\n105,1\n"), [0, 500, 1000]);
        pace.time_column = Some("t".into());
        assert_eq!(due(&pace, "t,x\n100,1\n101,1\n105,1\n"), [0, 250, 1250]);
        // The clock was set back, then has no value.
        assert_eq!(due(&pace, "t,x\n100,1\n104,1\n90,1\n,1\n"), [0, 1000, 1000, 1500]);
    }
}
