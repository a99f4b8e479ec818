//! The committed baseline: figures that are the same in every run, goals, and why a figure was allowed to rise.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use anyhow::Context;
use serde::Deserialize;
use xshell::Shell;

use super::markdown::{Table, grouped};
use super::section::Figures;

/// Where it is.
pub const PATH: &str = "benchmarks/baseline.toml";
/// How much a figure may exceed it.
pub const TOLERANCE_PERCENT: u64 = 1;
/// What stands in front of it.
const HEAD: &str = "\
# Figures that are the same in every run, and goals. `cargo xtask bench --check` fails if one exceeds its baseline by more than 1 %;
# `cargo xtask bench --accept \"why\"` writes this file. Goals are changed by hand.
";

/// Subjects with their quantities.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Raises, the latest one last.
    #[serde(default)]
    raises: Vec<Raise>,
    /// Quantities of subjects.
    #[serde(default)]
    figures: BTreeMap<String, BTreeMap<String, Figure>>,
}

/// A figure that was allowed to exceed the baseline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raise {
    reason: String,
    figures: Vec<String>,
}

/// What is known of a quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    baseline: Option<u64>,
    goal: Option<u64>,
}

/// The largest number that a baseline allows.
fn largest(baseline: u64) -> u64 {
    baseline + baseline * TOLERANCE_PERCENT / 100
}

impl Baseline {
    /// Reads the committed baseline.
    pub fn read(shell: &Shell) -> anyhow::Result<Baseline> {
        Baseline::parse(&shell.read_file(PATH)?)
    }

    fn parse(text: &str) -> anyhow::Result<Baseline> {
        toml::from_str(text).with_context(|| format!("{PATH} is not a table of figures"))
    }

    /// Writes it where it was read.
    pub fn write(&self, shell: &Shell) -> anyhow::Result<()> {
        Ok(shell.write_file(PATH, self.to_string())?)
    }

    /// Takes measured figures over. Those that exceed the baseline are listed with the reason.
    pub fn accept(&mut self, measured: &Figures, reason: &str) {
        let mut raised = Vec::new();
        for ((subject, quantity), &number) in measured {
            let figure =
                self.figures.entry(subject.clone()).or_default().entry((*quantity).to_owned()).or_default();
            if let Some(before) = figure.baseline.replace(number)
                && number > largest(before)
            {
                raised.push(format!("{subject} {quantity}: {before} to {number}"));
            }
        }
        if !raised.is_empty() {
            self.raises.push(Raise { reason: reason.to_owned(), figures: raised });
        }
    }

    /// Sets measured figures against it.
    pub fn compare(&self, measured: &Figures) -> Comparison {
        let lines = measured.iter().map(|((subject, quantity), &number)| {
            let known = self.figures.get(subject).and_then(|figures| figures.get(*quantity));
            Line {
                subject: subject.clone(),
                quantity,
                measured: number,
                figure: known.copied().unwrap_or_default(),
            }
        });
        Comparison(lines.collect())
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (subject, figures) in &self.figures {
            writeln!(f, "\n[figures.{subject:?}]")?;
            for (quantity, figure) in figures {
                let numbers = [("baseline", figure.baseline), ("goal", figure.goal)];
                let numbers =
                    numbers.iter().filter_map(|(name, number)| Some(format!("{name} = {}", (*number)?)));
                writeln!(f, "{quantity} = {{ {} }}", numbers.collect::<Vec<_>>().join(", "))?;
            }
        }
        for raise in &self.raises {
            writeln!(f, "\n[[raises]]\nreason = {:?}\nfigures = {:#?}", raise.reason, raise.figures)?;
        }
        Ok(())
    }
}

/// A measured figure beside what is known of it.
#[derive(Debug)]
struct Line {
    subject: String,
    quantity: &'static str,
    measured: u64,
    figure: Figure,
}

impl Line {
    fn is_exceeded(&self) -> bool {
        self.figure.baseline.is_some_and(|baseline| self.measured > largest(baseline))
    }

    /// What there is to say.
    fn remark(&self) -> String {
        let percent = |reference: u64| (self.measured as f64 / reference.max(1) as f64 - 1.0) * 100.0;
        let mut remarks = Vec::new();
        match self.figure.baseline {
            None => remarks.push("new: accept it".to_owned()),
            Some(baseline) if self.is_exceeded() => {
                remarks.push(format!("EXCEEDED by {:.1} %", percent(baseline)));
            }
            Some(baseline) if largest(self.measured) < baseline => {
                remarks.push(format!("{:.1} % less", -percent(baseline)));
            }
            Some(_) => {}
        }
        match self.figure.goal {
            Some(goal) if self.measured > goal => {
                remarks.push(format!("goal missed by {:.1} %", percent(goal)));
            }
            Some(_) => remarks.push("goal reached".to_owned()),
            None => {}
        }
        remarks.join(", ")
    }
}

/// Measured figures beside the baseline.
#[derive(Debug)]
pub struct Comparison(Vec<Line>);

impl Comparison {
    /// Whether a figure is larger than its baseline allows.
    pub fn is_exceeded(&self) -> bool {
        self.0.iter().any(Line::is_exceeded)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["subject", "quantity", ">baseline", ">measured", ">goal", "remark"]);
        let number = |number: Option<u64>| number.map_or_else(String::new, grouped);
        for line in &self.0 {
            table.push([
                line.subject.clone(),
                line.quantity.to_owned(),
                number(line.figure.baseline),
                grouped(line.measured),
                number(line.figure.goal),
                line.remark(),
            ]);
        }
        let mut text = table.to_string();
        if self.is_exceeded() {
            writeln!(text, "\nfigures exceed the baseline")?;
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[figures.\"cortex-m4.kws\"]\ncycles = { baseline = 1000, goal = 900 }\n";

    fn measured(cycles: u64) -> Figures {
        Figures::from([(("cortex-m4.kws".to_owned(), "cycles"), cycles)])
    }

    #[test]
    fn tolerates_one_per_cent_and_not_more() {
        let baseline = Baseline::parse(TEXT).unwrap();
        assert!(!baseline.compare(&measured(1010)).is_exceeded());
        assert!(baseline.compare(&measured(1011)).is_exceeded());
        // A missed goal is told and fails nothing.
        assert!(baseline.compare(&measured(1000)).to_string().contains("goal missed by 11.1 %"));
        assert!(baseline.compare(&measured(900)).to_string().contains("goal reached"));
    }

    #[test]
    fn a_new_figure_exceeds_nothing() {
        let figures = Figures::from([(("cortex-m4.ic".to_owned(), "cycles"), 5)]);
        let comparison = Baseline::parse(TEXT).unwrap().compare(&figures);
        assert!(!comparison.is_exceeded());
        assert!(comparison.to_string().contains("new: accept it"));
    }

    #[test]
    fn raises_keep_their_reason_and_goals_stay() {
        let mut baseline = Baseline::parse(TEXT).unwrap();
        baseline.accept(&measured(1005), "not needed within the tolerance");
        assert!(baseline.raises.is_empty());
        baseline.accept(&measured(1200), "a \"safer\" kernel");
        let written = Baseline::parse(&baseline.to_string()).unwrap();
        assert_eq!(written, baseline);
        assert_eq!(written.raises[0].reason, "a \"safer\" kernel");
        assert_eq!(written.raises[0].figures, ["cortex-m4.kws cycles: 1005 to 1200"]);
        assert_eq!(
            written.figures["cortex-m4.kws"]["cycles"],
            Figure { baseline: Some(1200), goal: Some(900) }
        );
    }
}
