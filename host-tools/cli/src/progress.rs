//! Progress on the terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What takes less is not worth a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that appears when its work takes longer than a second, on a terminal only.
pub struct Progress {
    label: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(label: &'static str) -> Progress {
        Progress { label, started: Instant::now(), bar: None }
    }

    /// `done` of `total` are done. Another label starts another bar.
    pub fn show(&mut self, label: &'static str, done: usize, total: usize) {
        if label != self.label {
            *self = Progress::new(label);
        }
        if self.bar.is_none() && self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}, {eta} left");
            let bar = ProgressBar::new(total as u64).with_prefix(self.label);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Something turns on the terminal while this is alive: for work that cannot be counted.
pub struct Waiting(ProgressBar);

impl Waiting {
    /// Says what is waited for.
    pub fn new(label: &'static str) -> Waiting {
        let bar = ProgressBar::new_spinner().with_message(label);
        bar.enable_steady_tick(PATIENCE / 4);
        Waiting(bar)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
