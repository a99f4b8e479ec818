//! What inference costs: on an emulated Cortex-M4, on emulated 64-bit Arm, on this machine, and beside other engines.
//!
//! Each part measures one thing and gives a section of docs/benchmarks.md and figures for the baseline. Instructions, modelled cycles and
//! bytes are the same in every run, and held against the baseline; times are not.

mod aarch64;
mod baseline;
mod chart;
mod code_size;
mod converter;
mod cortex_m4;
mod document;
mod engine;
mod host;
mod markdown;
mod models;
mod peers;
mod section;
mod shapes;

use anyhow::{Context, bail};
use clap::ValueEnum;
use xshell::Shell;

use crate::tools;
use baseline::Baseline;
use section::Section;

/// What to measure and what to do with it.
#[derive(Default, clap::Args)]
pub struct Arguments {
    /// Measure these parts only
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Fail if a figure that is the same in every run exceeds the baseline by more than 1 %
    #[arg(long)]
    check: bool,
    /// Make what is measured the baseline; raises need the reason
    #[arg(long, value_name = "REASON", conflicts_with = "check")]
    accept: Option<String>,
    /// Write the measured sections of docs/benchmarks.md; without --only that is the default
    #[arg(long)]
    write: bool,
    /// Use the blobs that an earlier run converted
    #[arg(long)]
    keep_blobs: bool,
}

impl Arguments {
    /// Whether nothing but figures for the baseline is asked for.
    fn is_about_figures(&self) -> bool {
        self.check || self.accept.is_some()
    }
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Models on the emulated Cortex-M4: instructions, modelled cycles, memory
    CortexM4,
    /// Single operators over a grid of shapes on the emulated Cortex-M4
    Shapes,
    /// Flash that the runtime takes on a Cortex-M4
    CodeSize,
    /// Models on emulated Cortex-A72 and A76: instructions
    Aarch64,
    /// Models on this machine, beside other engines, which are installed for it: time
    Host,
    /// Conversions on this machine: time, memory
    Converter,
}

impl Part {
    /// Parts whose figures are the same in every run.
    const CHECKED: [Part; 4] = [Part::CortexM4, Part::Shapes, Part::CodeSize, Part::Aarch64];

    /// Headings of the sections, in the order of the document.
    const HEADINGS: [&str; 6] =
        ["Cortex-M4", "Shapes on Cortex-M4", "Code size", "64-bit Arm", "This machine", "Converter"];

    fn tools(self) -> &'static [tools::Tool] {
        match self {
            Part::CortexM4 | Part::Shapes | Part::CodeSize => tools::CORTEX_M,
            Part::Host | Part::Converter => &[],
            Part::Aarch64 => tools::AARCH64,
        }
    }

    fn targets(self) -> &'static [&'static str] {
        match self {
            Part::CortexM4 | Part::Shapes | Part::CodeSize => &["thumbv7em-none-eabihf"],
            Part::Aarch64 => &["aarch64-unknown-linux-gnu"],
            Part::Host | Part::Converter => &[],
        }
    }
}

/// Holds what is the same in every run against the baseline.
pub fn check(shell: &Shell) -> anyhow::Result<()> {
    run(shell, &Arguments { check: true, ..Arguments::default() })
}

/// Measures, prints the sections, and writes them, checks them or accepts them.
pub fn run(shell: &Shell, arguments: &Arguments) -> anyhow::Result<()> {
    let parts = match (arguments.only.as_slice(), arguments.is_about_figures()) {
        ([], true) => Part::CHECKED.to_vec(),
        ([], false) => Part::value_variants().to_vec(),
        (only, _) => only.to_vec(),
    };
    for part in &parts {
        tools::require(shell, part.tools())?;
        part.targets().iter().try_for_each(|target| tools::require_target(shell, target))?;
    }
    let mut baseline = Baseline::read(shell)?;
    let models = models::prepare(shell, arguments.keep_blobs)?;
    let mut sections = Vec::new();
    for part in parts {
        let section = measure(shell, part, &models, arguments.is_about_figures())
            .with_context(|| format!("measuring {part:?}"))?;
        println!("{}", section.text);
        sections.push(section);
    }
    if arguments.write || arguments.only.is_empty() && !arguments.is_about_figures() {
        document::write(shell, &sections, &Part::HEADINGS)?;
    }
    let figures = sections.iter().flat_map(|section| section.figures.clone()).collect();
    if let Some(reason) = &arguments.accept {
        baseline.accept(&figures, reason);
        return baseline.write(shell);
    }
    let comparison = baseline.compare(&figures);
    println!("{comparison}");
    if arguments.check && comparison.is_exceeded() {
        bail!(
            "figures exceed {} by more than {} %; make them smaller, or: cargo xtask bench --accept \"why\"",
            baseline::PATH,
            baseline::TOLERANCE_PERCENT
        );
    }
    Ok(())
}

fn measure(
    shell: &Shell,
    part: Part,
    models: &[models::Model],
    figures_alone: bool,
) -> anyhow::Result<Section> {
    match part {
        Part::CortexM4 => cortex_m4::measure(models),
        Part::Shapes => shapes::measure(),
        Part::CodeSize => code_size::measure(models, !figures_alone),
        Part::Aarch64 => aarch64::measure(models),
        Part::Host => host::measure(shell, models),
        Part::Converter => converter::measure(shell),
    }
}
