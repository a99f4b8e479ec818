//! The report.

use std::fmt::Write;

use super::suite::Outcome;

/// Phases in the order of an update's life; others come behind, by name.
const PHASES: [&str; 10] = [
    "no update",
    "offered",
    "downloading",
    "verifying",
    "self-test",
    "shadow",
    "trial",
    "confirmed",
    "rolled back",
    "rejected",
];

/// The report in Markdown.
pub fn text(outcome: &Outcome, whole: bool, kills: u32) -> String {
    let mut text = String::from("# Faults\n\n");
    let total: u64 = outcome.counts.iter().map(|count| count.points).sum();
    let passed = outcome.tests.iter().filter(|(_, _, passed)| *passed).count();
    let extent = if whole { "whole" } else { "bounded, as in the tests; `--whole` for all" };
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{total} faults ({extent}; {kills} kills wanted), {passed} of {} tests passed.\n\n\
         Each point is one fault in a course of its own, or one of many in it where links are bad. Held means, for the store: the state is the \
         old or the new one, the active slot is whole, nothing is lost that is not counted, and what comes next succeeds; for agent and \
         `dunlind`: a valid model serves, the fleet is told how the update ends, and the next one succeeds.\n",
        outcome.tests.len()
    );
    text += "| part | course | fault | points | in the phases | verdict |\n|---|---|---|---:|---|---|\n";
    let same = |a: &dunlin_test_faults::Count, b: &dunlin_test_faults::Count| {
        (&a.part, &a.course, &a.fault) == (&b.part, &b.course, &b.fault)
    };
    for counts in outcome.counts.chunk_by(same) {
        let Some(first) = counts.first() else { continue };
        let points: u64 = counts.iter().map(|count| count.points).sum();
        let mut phases: Vec<_> = counts.iter().map(|count| (&*count.phase, count.points)).collect();
        phases
            .sort_by_key(|(phase, _)| PHASES.iter().position(|known| known == phase).unwrap_or(PHASES.len()));
        let phases: Vec<_> = phases.iter().map(|(phase, points)| format!("{phase} {points}")).collect();
        let verdict = if counts.iter().all(|count| count.held) { "held" } else { "FAILED" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {points} | {} | {verdict} |",
            first.part,
            first.course,
            first.fault,
            phases.join(", ")
        );
    }
    if !outcome.counts.iter().any(|count| count.part == "dunlind") {
        text += "\nLeft out: kills of `dunlind`, for want of a broker, or because none was wanted.\n";
    }
    text += "\nAll tests of these suites, also those of single faults (keys, replays, needs, golden vectors, crashes, storms):\n\n\
        | package | test | verdict |\n|---|---|---|\n";
    for (package, test, passed) in &outcome.tests {
        let _ = writeln!(text, "| {package} | {test} | {} |", if *passed { "passed" } else { "FAILED" });
    }
    text
}
