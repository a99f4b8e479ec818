//! The documents say what the sources say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dunlin_protocol::message::*;
use dunlin_protocol::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The text between the marks of a table.
fn between<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<!-- {mark} -->\n")).expect("the table begins");
    rest.split_once(&format!("<!-- /{mark} -->")).expect("the table ends").0
}

#[test]
fn documented_sizes_are_the_computed_ones() {
    let sizes = [
        (Kind::Birth, Birth::MAX_BODY),
        (Kind::Will, Will::MAX_BODY),
        (Kind::Update, Update::MAX_BODY),
        (Kind::Outbox, Outbox::MAX_BODY),
        (Kind::Report, Report::MAX_BODY),
        (Kind::Event, Event::MAX_BODY),
        (Kind::Prediction, Prediction::MAX_BODY),
        (Kind::Log, Log::MAX_BODY),
        (Kind::BlockRequest, BlockRequest::MAX_BODY),
        (Kind::Applied, Applied::MAX_BODY),
        (Kind::Release, Release::MAX_PAYLOAD),
        (Kind::Block, Block::MAX_BODY),
        (Kind::Stored, Stored::MAX_BODY),
        (Kind::Configuration, Configuration::MAX_PAYLOAD),
        (Kind::Command, Command::MAX_PAYLOAD),
    ];
    assert!(sizes.iter().map(|(kind, _)| *kind).eq(Kind::ALL));
    let mut table = String::from("| message | largest |\n|---|---|\n");
    for (kind, size) in sizes {
        table += &format!("| {kind} | {size} |\n");
    }
    assert_eq!(between(&document("protocol.md"), "sizes"), table, "the table should be:\n{table}");
}

/// Each kind has its row, with its direction, quality of service and whether it is retained.
#[test]
fn documented_kinds_are_those_of_the_topics() {
    let protocol = document("protocol.md");
    for kind in Kind::ALL {
        let retained = if kind.retained() { "yes" } else { "" };
        let row =
            format!("| `{}/{kind}` | {} | {retained}", kind.direction().name(), kind.quality_of_service());
        assert!(protocol.contains(row.trim_end()), "{row}");
    }
}

/// Every test that docs/security.md claims exists, and what is marked `not yet` does not.
#[test]
fn security_tests_exist() {
    let tests = test_functions(&root());
    let security = document("security.md");
    let rows: Vec<Vec<&str>> = between(&security, "threats")
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 30, "the table was read");
    let mut wrong = Vec::new();
    for row in rows {
        let [_, _, test, _, shown] = row[..] else { panic!("five columns: {row:?}") };
        let name = test.trim_matches('`');
        match (shown, tests.contains(name)) {
            ("yes", true) | ("not yet", false) => {}
            ("yes", false) => wrong.push(format!("{name} does not exist")),
            ("not yet", true) => wrong.push(format!("{name} exists: say `yes`")),
            (other, _) => wrong.push(format!("{name}: `{other}` is neither `yes` nor `not yet`")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names of all functions that follow a test attribute, in all crates.
fn test_functions(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<PathBuf> =
        ["runtime", "firmware", "host-tools", "models", "tests"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                for (_, after) in
                    source.match_indices("test]").map(|(place, mark)| source.split_at(place + mark.len()))
                {
                    let name = after.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                    names.extend(name.map(|(name, _)| name.to_owned()));
                }
            }
        }
    }
    names
}
