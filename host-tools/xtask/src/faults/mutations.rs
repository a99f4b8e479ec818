//! Breaks the code in one place after the other, and sees that a test notices.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use super::suite::results;

/// A change that must not go unnoticed.
struct Mutation {
    what: &'static str,
    package: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const MUTATIONS: [Mutation; 11] = [
    Mutation {
        what: "a confirmation is not written to the journal",
        package: "dunlin-store",
        file: "firmware/store/src/store.rs",
        from: "self.update(State::confirm).await",
        to: "State::confirm(&mut self.state).map_err(Into::into)",
    },
    Mutation {
        what: "a return is not written to the journal",
        package: "dunlin-store",
        file: "firmware/store/src/store.rs",
        from: "self.update(|state| state.return_to_previous(reason)).await",
        to: "self.state.return_to_previous(reason).map_err(Into::into)",
    },
    Mutation {
        what: "a block index that was received is taken without comparing its digest",
        package: "dunlin-store",
        file: "firmware/store/src/slot/install.rs",
        from: "Some(digest) if digest == self.index_digest =>",
        to: "Some(digest) if *fresh || digest == self.index_digest =>",
    },
    Mutation {
        what: "a release counts from the begin of its trial on",
        package: "dunlin-store",
        file: "firmware/store/src/state.rs",
        from: "        self.active = Some(slot);\n        self.trial = Some(",
        to: "        self.active = Some(slot);\n        self.confirmed = self.confirmed.max(model.sequence);\n        self.trial = Some(",
    },
    Mutation {
        what: "the checksum of a record leaves out the use of its sector",
        package: "dunlin-store",
        file: "firmware/store/src/log.rs",
        from: "        crc.update(&epoch.to_le_bytes());\n        crc.update(&address",
        to: "        let _ = epoch;\n        crc.update(&address",
    },
    Mutation {
        what: "any installation may write",
        package: "dunlin-store",
        file: "firmware/store/src/store.rs",
        from: "_ => Err(Refusal::NotInstalling),\n        }\n    }\n}",
        to: "_ => Ok(()),\n        }\n    }\n}",
    },
    Mutation {
        what: "the signature of the content is not checked",
        package: "dunlin-agent",
        file: "firmware/agent/src/device/check.rs",
        from: "if signed && !self.agent.keys().signed_content(bytes)",
        to: "if signed && self.agent.keys().signed_content(&[])",
    },
    Mutation {
        what: "the digest of a slot is not compared",
        package: "dunlin-agent",
        file: "firmware/agent/src/agent/updates/check.rs",
        from: "if wanted != Some(Digest(*found))",
        to: "if wanted == Some(Digest(found.map(|byte| !byte)))",
    },
    Mutation {
        what: "golden vectors are not run",
        package: "dunlin-agent",
        file: "firmware/agent/src/agent/updates/check.rs",
        from: "if !tests {",
        to: "if !tests || wanted.is_some() {",
    },
    Mutation {
        what: "a model is confirmed without a trial",
        package: "dunlin-agent",
        file: "firmware/agent/src/agent/updates/completion.rs",
        from: "self.phase = Phase::Trial { trial, kept: 0 };",
        to: "drop(trial);\n                        self.phase = Phase::Confirm;",
    },
    Mutation {
        what: "a trial ends when either inferences or seconds suffice",
        package: "dunlin-agent",
        file: "firmware/agent/src/agent/trial.rs",
        from: "if inferences >= needed && passed >= seconds {",
        to: "if inferences >= needed || passed >= seconds {",
    },
];

/// Tests that take a minute, and are left out: the others notice as well.
const SLOW: [&str; 3] =
    ["during_the_recovery", "outbox_survives_every_cut", "outbox_without_a_sector_survives_every_cut"];

/// Goes through all mutations in a copy of the tree, and reports which tests noticed them.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    let tree = super::directory().join("mutated");
    copy(shell, &tree)?;
    // With the dependencies that are built already.
    let _target = shell.push_env("CARGO_TARGET_DIR", super::directory().join(".."));
    for package in ["dunlin-store", "dunlin-agent"] {
        let failed = test(shell, &tree, package)?;
        if !failed.is_empty() {
            bail!("the tests of {package} fail without a mutation: {}", failed.join(", "));
        }
    }
    let mut text = String::from("# Mutations\n\n| file | change | noticed by |\n|---|---|---|\n");
    let mut unnoticed = Vec::new();
    for mutation in &MUTATIONS {
        let path = tree.join(mutation.file);
        let original = shell.read_file(&path)?;
        if original.matches(mutation.from).count() != 1 {
            bail!(
                "{} has not exactly one `{}`: the mutation needs a new place",
                mutation.file,
                mutation.from
            );
        }
        shell.write_file(&path, original.replace(mutation.from, mutation.to))?;
        let failed = test(shell, &tree, mutation.package);
        shell.write_file(&path, original)?;
        let failed = failed.with_context(|| format!("while {}", mutation.what))?;
        let by = if failed.is_empty() { "NOBODY".to_owned() } else { failed.join(", ") };
        println!("{}: {by}", mutation.what);
        // Writing into a string does not fail.
        let _ = writeln!(text, "| {} | {} | {by} |", mutation.file, mutation.what);
        if failed.is_empty() {
            unnoticed.push(mutation.what);
        }
    }
    let path = super::directory().join("mutations.md");
    shell.write_file(&path, &text)?;
    println!("{text}\nwritten to {}", path.display());
    if !unnoticed.is_empty() {
        bail!("not noticed: {}", unnoticed.join("; "));
    }
    Ok(())
}

/// Copies what is under version control, as it is now. Files that are the same stay, so that less is built.
fn copy(shell: &Shell, tree: &Path) -> anyhow::Result<()> {
    for file in cmd!(shell, "git ls-files --cached --others --exclude-standard").quiet().read()?.lines() {
        let (from, to) = (crate::root().join(file), tree.join(file));
        // One that is deleted and still listed.
        let Ok(content) = shell.read_binary_file(&from) else { continue };
        if shell.read_binary_file(&to).ok().as_ref() != Some(&content) {
            shell.write_file(&to, content)?;
        }
    }
    Ok(())
}

/// The tests of a package that fail. A program that cannot be built is no failed test.
fn test(shell: &Shell, tree: &Path, package: &str) -> anyhow::Result<Vec<String>> {
    let _directory = shell.push_dir(tree);
    cmd!(shell, "cargo test --quiet --package {package} --lib --tests --no-run")
        .quiet()
        .run()
        .context("the mutated code cannot be built")?;
    let skip = SLOW.iter().flat_map(|test| ["--skip", test]);
    // A mutated loop may never end.
    let output = cmd!(
        shell,
        "timeout 600 cargo test --quiet --package {package} --lib --tests --no-fail-fast -- --format pretty {skip...}"
    )
            .ignore_status()
            .ignore_stderr()
            .output()?;
    let found = results(&String::from_utf8_lossy(&output.stdout));
    let failed: Vec<String> =
        found.iter().filter(|(_, passed)| !passed).map(|(test, _)| format!("`{test}`")).collect();
    if found.is_empty() || output.status.success() != failed.is_empty() {
        bail!("the tests of {package} did not run to their end");
    }
    Ok(failed)
}
