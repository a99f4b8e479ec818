//! Time and memory of a conversion on this machine.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use super::engine::{Engine, take_turns};
use super::markdown::{Table, grouped};
use super::models::data;
use super::peers;
use super::section::Section;

/// How often each conversion is repeated.
const REPEATS: usize = 5;
/// Calibration samples of the keyword spotter.
const KWS_SAMPLES: usize = 500;
/// Few and many calibration samples of the large network; the time of the difference is that of calibration.
const IMAGES: [usize; 2] = [8, 72];
/// Where the large network is written.
const NETWORK: &str = "target/bench/network";
/// How often a running conversion is looked at.
const PERIOD: Duration = Duration::from_millis(1);

/// What a conversion took: the median of several.
struct Conversion {
    seconds: f64,
    /// Most memory that was resident, in bytes.
    peak: u64,
}

/// Converts a small model with many samples and a large one with few.
pub fn measure(shell: &Shell) -> anyhow::Result<Section> {
    let mut section = Section::new("Converter");
    cmd!(shell, "cargo build --quiet --release --package dunlin").quiet().run()?;
    let mut table = Table::new(&["conversion", ">seconds", ">peak memory", ">model"]);
    let (model, samples) = (data().join("models/kws/kws_float.onnx"), data().join("kws/kws_speech_600.npz"));
    if model.exists() && samples.exists() {
        let samples = format!("{}:x", samples.display());
        let conversion = repeated(shell, &model, &samples, KWS_SAMPLES)?;
        table.push(row(&format!("kws, {KWS_SAMPLES} samples"), &conversion, &model)?);
    } else {
        section.add(format!("- kws: skipped: {} or {} is not there", model.display(), samples.display()));
    }
    match large(shell, &mut table) {
        Ok(text) => section.add(text),
        Err(error) => section.add(format!("- the large network: skipped: {error:#}")),
    }
    section.add(format!(
        "On one processor, the median of {REPEATS} conversions; memory is what was resident at most, looked at every millisecond."
    ));
    section.add(table);
    Ok(section)
}

/// Converts the large network with few and with many images, beside a float run of onnxruntime. Returns what that shows.
fn large(shell: &Shell, table: &mut Table) -> anyhow::Result<String> {
    let python = peers::python(shell)?;
    let (model, images) = (Path::new(NETWORK).join("network.onnx"), Path::new(NETWORK).join("images.npz"));
    if !model.exists() || !images.exists() {
        shell.create_dir(NETWORK)?;
        cmd!(shell, "{python} benchmarks/engines/network.py {model} {images}").quiet().run()?;
    }
    let samples = format!("{}:x", images.display());
    let mut seconds = [0.0; 2];
    let mut peak = 0;
    for (seconds, count) in seconds.iter_mut().zip(IMAGES) {
        let conversion = repeated(shell, &model, &samples, count)?;
        table.push(row(&format!("large network, {count} images"), &conversion, &model)?);
        (*seconds, peak) = (conversion.seconds, conversion.peak);
    }
    let mut command = peers::pinned(shell, &python);
    command.args(["benchmarks/engines/peers.py", "onnxruntime"]).arg(&model);
    let mut engines = [Engine::start("onnxruntime float32", &mut command)?];
    take_turns(&mut engines)?;
    let [engine] = &engines;
    let ours = (seconds[1] - seconds[0]) / (IMAGES[1] - IMAGES[0]) as f64;
    let theirs = engine.median() / 1e9;
    let bytes = model.metadata()?.len();
    Ok(format!(
        "Calibration of the large network takes {:.1} ms an image, onnxruntime's float32 run of the same network on one thread {:.1} ms: \
         {:.2} of its speed (the goal is 0.25). Its peak memory is {:.2} times the model (the goal is 3, and one sample's activations).",
        ours * 1e3,
        theirs * 1e3,
        theirs / ours,
        peak as f64 / bytes as f64
    ))
}

fn row(title: &str, conversion: &Conversion, model: &Path) -> anyhow::Result<[String; 4]> {
    let bytes = model.metadata()?.len();
    let Conversion { seconds, peak } = conversion;
    Ok([title.to_owned(), format!("{seconds:.2}"), grouped(*peak), grouped(bytes)])
}

fn repeated(shell: &Shell, model: &Path, samples: &str, count: usize) -> anyhow::Result<Conversion> {
    let mut conversions = (0..REPEATS)
        .map(|_| {
            let mut command = peers::pinned(shell, Path::new("target/release/dunlin"));
            command.arg("convert").arg(model).args(["-o", "target/bench/converted.dnl"]);
            command.args(["--calibrate", samples, "--calibration-samples", &count.to_string()]);
            watched(&mut command)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    conversions.sort_by(|left, right| left.seconds.total_cmp(&right.seconds));
    Ok(conversions.swap_remove(REPEATS / 2))
}

/// Runs a command to its end.
fn watched(command: &mut Command) -> anyhow::Result<Conversion> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The kernel keeps the peak: only what grows in the last period is missed.
        peak = std::fs::read_to_string(&status)
            .ok()
            .and_then(|status| high_water(&status))
            .unwrap_or(0)
            .max(peak);
        if let Some(status) = child.try_wait().context("waiting for the converter")? {
            let seconds = started.elapsed().as_secs_f64();
            if !status.success() {
                bail!("{command:?} failed");
            }
            return Ok(Conversion { seconds, peak });
        }
        sleep(PERIOD);
    }
}

/// Most memory that a process had, in bytes, from its status.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::high_water;

    #[test]
    fn reads_the_peak() {
        assert_eq!(high_water("Name:\tdunlin\nVmHWM:\t   12 kB\nVmRSS:\t 3 kB\n"), Some(12 * 1024));
        assert_eq!(high_water("Name:\tdunlin\n"), None);
    }
}
