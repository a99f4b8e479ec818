//! What images take of flash and static RAM, against a committed budget.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use dunlin_device::{Board, build, build_device, sizes};
use serde::Deserialize;
use xshell::Shell;

/// The committed budget; it says with which toolchain it was measured.
const BUDGET: &str = "firmware/size-budget.toml";

/// What an image may take, in bytes.
#[derive(Deserialize)]
struct Budget {
    flash: u64,
    static_ram: u64,
}

/// What follows the name of a board whose image is a device, not the one that exercises blobs.
const DEVICE: &str = " device";

/// Builds every board's images and fails if one takes more than its budget.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    let text = shell.read_file(BUDGET)?;
    let budgets: BTreeMap<String, Budget> =
        toml::from_str(&text).with_context(|| format!("{BUDGET} is not a table of boards"))?;
    let mut exceeded = Vec::new();
    println!("{:<18} {:>8} {:>8}   {:>10} {:>8}", "image", "flash", "budget", "static RAM", "budget");
    for (name, budget) in &budgets {
        let image = match name.strip_suffix(DEVICE) {
            Some(board) => build_device(Board::named(board)?)?,
            None => build(Board::named(name)?)?,
        };
        let found = sizes(&image)?;
        println!(
            "{name:<18} {:>8} {:>8}   {:>10} {:>8}",
            found.flash, budget.flash, found.static_ram, budget.static_ram
        );
        if found.flash > budget.flash || found.static_ram > budget.static_ram {
            exceeded.push(name.as_str());
        }
    }
    if exceeded.is_empty() {
        return Ok(());
    }
    bail!("over budget: {}; save bytes, or raise {BUDGET} and say why in the commit", exceeded.join(", "))
}
