//! Runs the fault tests, and takes what they counted.

use anyhow::{Context, bail};
use dunlin_test_faults::Count;
use xshell::{Shell, cmd};

use crate::tools;

/// Package, test binary, and which of its tests.
const SUITES: [(&str, &str, &str); 3] =
    [("dunlin-store", "faults", ""), ("dunlin-agent", "fleet", ""), ("dunlin-linux", "broker", "kills::")];

/// What came of it.
pub struct Outcome {
    /// What the tests counted, summed up by part, course, fault and phase.
    pub counts: Vec<Count>,
    /// Package, test, and whether it passed.
    pub tests: Vec<(&'static str, String, bool)>,
}

impl Outcome {
    /// Tests that did not pass.
    pub fn failed(&self) -> Vec<String> {
        let failed = self.tests.iter().filter(|(_, _, passed)| !passed);
        failed.map(|(package, test, _)| format!("{package} {test}")).collect()
    }
}

/// Runs all suites, also after a failure.
pub fn run(shell: &Shell, whole: bool, kills: u32) -> anyhow::Result<Outcome> {
    tools::require(shell, tools::MQTT)?;
    let file = super::directory().join("counts.jsonl");
    shell.write_file(&file, "")?;
    let _file = shell.push_env(dunlin_test_faults::FILE, &file);
    let _whole = whole.then(|| shell.push_env("DUNLIN_FAULTS", "full"));
    let _kills = shell.push_env("DUNLIN_KILLS", kills.to_string());
    let mut tests = Vec::new();
    for (package, binary, filter) in SUITES {
        cmd!(shell, "cargo test --quiet --package {package} --test {binary} --no-run").quiet().run()?;
        println!("faults of {package}");
        let output =
            cmd!(shell, "cargo test --quiet --package {package} --test {binary} -- --format pretty {filter}")
                .ignore_status()
                .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let found = results(&text);
        if !output.status.success() {
            println!("{text}{}", String::from_utf8_lossy(&output.stderr));
        }
        if found.is_empty() || (!output.status.success() && found.iter().all(|(_, passed)| *passed)) {
            bail!("the tests of {package} did not run to their end");
        }
        tests.extend(found.into_iter().map(|(test, passed)| (package, test, passed)));
    }
    let counts = dunlin_test_faults::read(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Outcome { counts: sum(counts), tests })
}

/// Which tests ran, and whether they passed, by what the test program says.
pub fn results(text: &str) -> Vec<(String, bool)> {
    let result = |line: &str| {
        let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        match result {
            "ok" => Some((name.to_owned(), true)),
            "FAILED" => Some((name.to_owned(), false)),
            _ => None,
        }
    };
    text.lines().filter_map(result).collect()
}

/// Several tests may count the same.
fn sum(mut counts: Vec<Count>) -> Vec<Count> {
    counts.sort();
    let mut summed: Vec<Count> = Vec::new();
    for count in counts {
        match summed.last_mut() {
            Some(last)
                if (&last.part, &last.course, &last.fault, &last.phase)
                    == (&count.part, &count.course, &count.fault, &count.phase) =>
            {
                last.points += count.points;
                last.held &= count.held;
            }
            _ => summed.push(count),
        }
    }
    summed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_other_lines_are_not() {
        let text = "running 2 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored\n\ntest result: FAILED. 1 passed\n";
        assert_eq!(results(text), [("a::b".to_owned(), true), ("c".to_owned(), false)]);
    }

    #[test]
    fn one_failure_spoils_a_sum() {
        let count = |phase: &str, points, held| {
            let [part, course, fault, phase] = ["store", "update", "torn", phase].map(str::to_owned);
            Count { part, course, fault, phase, points, held }
        };
        let counts = vec![count("trial", 2, true), count("download", 1, true), count("trial", 3, false)];
        assert_eq!(sum(counts), [count("download", 1, true), count("trial", 5, false)]);
    }
}
