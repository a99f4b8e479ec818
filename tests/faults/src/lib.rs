//! What fault tests hand over to the fault report: how many faults of which kind fell into which phase.
//!
//! A test counts the faults that it went through in a [`Tally`]. When the environment names a file ([`FILE`]), the counts are appended to it,
//! one JSON object a line; `cargo xtask faults` makes its report of them. Otherwise nothing is written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Environment variable with the path of the file.
pub const FILE: &str = "DUNLIN_FAULTS_FILE";

/// Faults of one kind that fell into one phase of one course.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Count {
    /// The part that was tested: `store`, `agent`, `dunlind`.
    pub part: String,
    /// What was going on: an update, a return, traffic of the outbox.
    pub course: String,
    /// What went wrong.
    pub fault: String,
    /// How far the course was.
    pub phase: String,
    /// How often the course was gone through with this fault in this phase, or how many such faults there were in it.
    pub points: u64,
    /// Whether each of them ended as promised. Otherwise the test stopped at one of them.
    pub held: bool,
}

/// Counts the faults of one test. What was counted is handed over when it is dropped, also by a test that fails.
#[derive(Debug)]
pub struct Tally {
    part: &'static str,
    course: &'static str,
    counts: BTreeMap<(String, String), u64>,
}

impl Tally {
    /// Nothing so far, for a course of a part.
    pub fn new(part: &'static str, course: &'static str) -> Tally {
        Tally { part, course, counts: BTreeMap::new() }
    }

    /// Counts a fault before its outcome is judged.
    pub fn count(&mut self, fault: impl Into<String>, phase: impl Into<String>) {
        self.add(fault, phase, 1);
    }

    /// Counts several.
    pub fn add(&mut self, fault: impl Into<String>, phase: impl Into<String>, points: u64) {
        *self.counts.entry((fault.into(), phase.into())).or_default() += points;
    }

    /// How many were counted.
    pub fn points(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many were counted in a phase.
    pub fn in_phase(&self, phase: &str) -> u64 {
        self.counts.iter().filter(|((_, of), _)| of == phase).map(|(_, points)| points).sum()
    }

    fn lines(&self, held: bool) -> io::Result<String> {
        let mut lines = String::new();
        for ((fault, phase), &points) in &self.counts {
            let (part, course) = (self.part.to_owned(), self.course.to_owned());
            let count = Count { part, course, fault: fault.clone(), phase: phase.clone(), points, held };
            lines += &serde_json::to_string(&count)?;
            lines.push('\n');
        }
        Ok(lines)
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Some(path) = std::env::var_os(FILE) else { return };
        // One write, since tests run side by side.
        let written = self.lines(!std::thread::panicking()).and_then(|lines| {
            File::options().append(true).create(true).open(&path)?.write_all(lines.as_bytes())
        });
        if let Err(error) = written {
            eprintln!("the counts of {} are lost: {}: {error}", self.course, path.display());
        }
    }
}

/// Reads what was handed over.
///
/// # Errors
/// If the file cannot be read, or has a line that is no [`Count`].
pub fn read(path: &Path) -> io::Result<Vec<Count>> {
    std::fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_as_they_were_counted() {
        let mut tally = Tally::new("store", "update");
        tally.count("torn", "download");
        tally.add("torn", "download", 2);
        tally.count("cut before", "trial");
        assert_eq!((tally.points(), tally.in_phase("download")), (4, 3));
        let lines = tally.lines(false).unwrap();
        let counts: Vec<Count> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<_> = counts.iter().map(|count| (&*count.fault, &*count.phase, count.points)).collect();
        assert_eq!(found, [("cut before", "trial", 1), ("torn", "download", 3)]);
        assert!(counts.iter().all(|count| !count.held && count.part == "store"));
    }
}
