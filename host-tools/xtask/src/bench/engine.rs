//! Engines as programs that run inferences on request, and timing several of them in turn.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};

/// How often every engine gets its turn.
pub const ROUNDS: usize = 30;
/// About how long a turn takes, in nanoseconds.
const TURN: u64 = 12_000_000;
/// Most inferences of a turn.
const MOST: u64 = 100_000;

/// A running engine.
pub struct Engine {
    /// As in tables.
    pub name: String,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Inferences of a turn.
    count: u64,
    /// Nanoseconds per inference, of each turn.
    turns: Vec<f64>,
}

impl Engine {
    /// Starts an engine and finds out how many inferences make a turn.
    ///
    /// # Errors
    /// What the engine wrote, if it does not start.
    pub fn start(name: impl Into<String>, command: &mut Command) -> anyhow::Result<Engine> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{command:?} has no standard input and output")
        };
        let answers = BufReader::new(answers);
        let mut engine = Engine { name: name.into(), child, requests, answers, count: 1, turns: Vec::new() };
        let mut line = String::new();
        engine.answers.read_line(&mut line)?;
        if line.trim() != "ready" {
            let mut errors = String::new();
            engine.child.stderr.take().context("no standard error")?.read_to_string(&mut errors)?;
            bail!("{}", errors.lines().last().unwrap_or("it ended without a word"));
        }
        // The first ones find caches and branch predictors empty.
        engine.run(3)?;
        while engine.count < MOST {
            let nanoseconds = engine.run(engine.count)?;
            if nanoseconds >= TURN / 2 {
                engine.count = (engine.count * TURN / nanoseconds).clamp(1, MOST);
                break;
            }
            engine.count *= 2;
        }
        Ok(engine)
    }

    /// Runs `count` inferences. Returns their nanoseconds.
    pub fn run(&mut self, count: u64) -> anyhow::Result<u64> {
        writeln!(self.requests, "{count}")?;
        self.requests.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("{} ended early", self.name))
    }

    /// Nanoseconds per inference: the median of all turns.
    pub fn median(&self) -> f64 {
        quantile(&self.turns, 0.5)
    }

    /// Nanoseconds per inference: the least of all turns.
    pub fn least(&self) -> f64 {
        quantile(&self.turns, 0.0)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Neither call does anything when the engine has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives every engine a turn, `ROUNDS` times over, so that whatever slows the machine down slows all of them down.
pub fn take_turns(engines: &mut [Engine]) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        for engine in &mut *engines {
            let nanoseconds = engine.run(engine.count)?;
            engine.turns.push(nanoseconds as f64 / engine.count as f64);
        }
    }
    Ok(())
}

/// The number below which a share of `numbers` lies; 0 if there are none.
pub fn quantile(numbers: &[f64], share: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_few_numbers() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.0), 1.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
