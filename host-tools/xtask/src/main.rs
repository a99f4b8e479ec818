//! The chores of the project. `cargo xtask --help` lists them; continuous integration calls nothing else.

mod bench;
mod cross;
mod faults;
mod fuzz;
mod lint;
mod miri;
mod size;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use xshell::Shell;

/// The chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that must pass: lints, host tests, emulated targets, firmware, sizes, benchmarks. Installs what it needs.
    Test {
        /// Leave out what needs emulators and other targets.
        #[arg(long)]
        host_only: bool,
    },
    /// Formatting, clippy and documentation, with warnings as errors.
    Lint,
    /// Build the runtime for every target and run the suites on the emulated ones.
    Cross,
    /// Flash and static RAM of every board's image, against firmware/size-budget.toml.
    Size,
    /// What inference costs, beside other engines: instructions, modelled cycles, memory, size and time.
    Bench(bench::Arguments),
    /// What devices survive: power cuts, failing flash, bad links, kills. Prints and writes one report.
    Faults(faults::Arguments),
    /// Fuzz opening and running of blobs (nightly toolchain, cargo-fuzz).
    Fuzz {
        /// How long, in seconds.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Run the runtime's tests under Miri (nightly toolchain with the miri component).
    Miri,
}

fn main() -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root());
    match Arguments::parse().chore {
        Chore::Test { host_only } => test::run(&shell, host_only),
        Chore::Lint => lint::run(&shell),
        Chore::Cross => cross::run(&shell),
        Chore::Size => size::run(&shell),
        Chore::Bench(arguments) => bench::run(&shell, &arguments),
        Chore::Faults(arguments) => faults::run(&shell, &arguments),
        Chore::Fuzz { seconds } => fuzz::run(&shell, seconds),
        Chore::Miri => miri::run(&shell),
    }
}

/// The root of the repository.
fn root() -> std::path::PathBuf {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}
