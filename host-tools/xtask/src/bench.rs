//! What inference costs, on this machine and on the emulated Cortex-M4.

use std::path::{Path, PathBuf};

use dunlin_device::{Board, Cost, Options, Request, run as run_on};
use dunlin_runtime::Family;
use xshell::{Shell, cmd};

use crate::tools;

/// Samples a model is timed with; the device reports the median of their runs.
const SAMPLES: usize = 21;

/// Models as trained, and what the converter needs for them.
fn models() -> Vec<(String, PathBuf)> {
    let data = std::env::var_os("DUNLIN_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let mut models = vec![("digits".to_owned(), PathBuf::from("models/pretrained/digits/digits.onnx"))];
    for name in ["kws", "ic", "ad"] {
        let path = data.join(format!("models/{name}/{name}_int8.tflite"));
        if path.exists() {
            models.push((format!("{name}_int8"), path));
        } else {
            println!("skipped: {} is not there (DUNLIN_DATA says where data is)", path.display());
        }
    }
    models
}

/// Converts the models and prints a table: instructions on the Cortex-M4 and time on this machine for each kernel family.
/// Times are of this machine in this moment; instructions are the same in every run.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    tools::require(shell, tools::CORTEX_M)?;
    let folder = shell.create_temp_dir()?;
    let families: Vec<Family> = Family::ALL.into_iter().filter(|family| family.is_available()).collect();
    print!("| model | blob | Cortex-M4 instructions | arena | stack |");
    families.iter().for_each(|family| print!(" {} µs |", family.name()));
    println!("\n|---|---|---|---|---|{}", "---|".repeat(families.len()));
    for (name, model) in models() {
        let blob = folder.path().join(&name);
        convert(shell, &model, &blob)?;
        let blob = std::fs::read(&blob)?;
        let samples = vec![vec![0; input_bytes(&blob)?]; SAMPLES];
        let device = run_on(Board::named("mps2-an386")?, &blob, &samples[..1], &Request::default())?;
        let stack = device.stack.map_or(0, |stack| stack.run);
        print!(
            "| {name} | {} | {} | {} | {stack} |",
            blob.len(),
            number(device.run),
            device.arena.high_water
        );
        for &family in &families {
            let options = Options { family: Some(family), ..Options::default() };
            let request = Request { options, ..Request::default() };
            let report = run_on(Board::named("host")?, &blob, &samples, &request)?;
            print!(" {:.1} |", number(report.run) as f64 / 1000.0);
        }
        println!();
    }
    Ok(())
}

fn convert(shell: &Shell, model: &Path, blob: &Path) -> anyhow::Result<()> {
    let calibration = "models/pretrained/digits/calibration.npz:x";
    let calibrate: &[&str] = if model.ends_with("digits.onnx") { &["--calibrate", calibration] } else { &[] };
    cmd!(shell, "cargo run --quiet --release -- convert {model} -o {blob} {calibrate...}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

fn input_bytes(blob: &[u8]) -> anyhow::Result<usize> {
    let blob = dunlin_convert::pack::AlignedBytes::from_slice(blob);
    let model = dunlin_runtime::Model::open(blob.as_slice())?;
    Ok(model.program().input(0).and_then(dunlin_runtime::format::TensorRecord::bytes).unwrap_or(0))
}

fn number(cost: Cost) -> u64 {
    match cost {
        Cost::Instructions(number) | Cost::Nanoseconds(number) => number,
    }
}
