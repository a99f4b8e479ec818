//! What devices survive: the fault tests, their counts in one report, and mutations that prove the tests.

mod mutations;
mod report;
mod suite;

use std::path::PathBuf;

use anyhow::bail;
use xshell::Shell;

/// Faults that devices survive.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cut at every byte and kill 200 times; without it, as in the tests
    #[arg(long)]
    whole: bool,
    /// How often to kill dunlind in the middle of an update
    #[arg(long, value_name = "NUMBER")]
    kills: Option<u32>,
    /// Break the code in one place after the other instead, and see that tests fail
    #[arg(long, conflicts_with_all = ["whole", "kills"])]
    mutations: bool,
}

/// Kills without a wish for more, and those of the whole.
const KILLS: (u32, u32) = (6, 200);

/// Runs the tests and reports.
pub fn run(shell: &Shell, arguments: &Arguments) -> anyhow::Result<()> {
    shell.create_dir(directory())?;
    if arguments.mutations {
        return mutations::run(shell);
    }
    let kills = arguments.kills.unwrap_or(if arguments.whole { KILLS.1 } else { KILLS.0 });
    let outcome = suite::run(shell, arguments.whole, kills)?;
    let text = report::text(&outcome, arguments.whole, kills);
    let path = directory().join("report.md");
    shell.write_file(&path, &text)?;
    println!("{text}\nwritten to {}", path.display());
    let failed = outcome.failed();
    if !failed.is_empty() {
        bail!("{} tests failed: {}", failed.len(), failed.join(", "));
    }
    Ok(())
}

/// Where reports go.
fn directory() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    target.join("faults")
}
