//! Time and memory of a conversion on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::engine::{Engine, quantile};
use super::markdown::{Table, grouped};
use super::models::data;
use super::peers;
use super::section::Section;

/// How often each conversion is repeated.
const REPEATS: usize = 15;
/// Calibration samples of the keyword spotter.
const KWS_SAMPLES: usize = 500;
/// Few and many calibration samples of the large network.
const IMAGES: [usize; 2] = [8, 72];
/// Where the large network is written.
const NETWORK: &str = "target/bench/network";
/// Where converted models and their reports are written.
const CONVERTED: &str = "target/bench/converted";
/// How often a running conversion is looked at.
const PERIOD: Duration = Duration::from_millis(1);
/// Share of onnxruntime's speed that calibration shall have at least.
const SPEED_GOAL: f64 = 0.25;
/// Times the model that peak memory shall stay below, with one sample's activations.
const MEMORY_GOAL: u64 = 3;

/// What a conversion took.
struct Conversion {
    seconds: f64,
    /// Seconds of the stage that calibrates, by the converter's own report.
    calibration: f64,
    /// Most memory that was resident, in bytes.
    peak: u64,
    /// What all layers write for one sample, in bytes of float32.
    activations: u64,
}

/// What is read of the converter's report.
#[derive(Deserialize)]
struct Report {
    seconds: Stages,
    blob: Blob,
}

#[derive(Deserialize)]
struct Blob {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    output_shape: Vec<u64>,
}

#[derive(Deserialize)]
struct Stages {
    calibrate: f64,
}

/// A model and its calibration samples.
struct Job<'s> {
    shell: &'s Shell,
    model: PathBuf,
    samples: String,
}

/// Converts a small model with many samples and a large one with few.
pub fn measure(shell: &Shell) -> anyhow::Result<Section> {
    let mut section = Section::new("Converter");
    cmd!(shell, "cargo build --quiet --release --package dunlin").quiet().run()?;
    let mut table =
        Table::new(&["conversion", ">seconds", ">of these, calibration", ">peak memory", ">model"]);
    let (model, samples) = (data().join("models/kws/kws_float.onnx"), data().join("kws/kws_speech_600.npz"));
    if model.exists() && samples.exists() {
        let job = Job { shell, model, samples: format!("{}:x", samples.display()) };
        let conversions =
            (0..REPEATS).map(|_| job.convert(KWS_SAMPLES)).collect::<anyhow::Result<Vec<_>>>()?;
        table.push(job.row(&format!("kws, {KWS_SAMPLES} samples"), &Conversion::median(&conversions))?);
    } else {
        section.add(format!("- kws: skipped: {} or {} is not there", model.display(), samples.display()));
    }
    match large(shell, &mut table) {
        Ok(text) => section.add(text),
        Err(error) => section.add(format!("- the large network: skipped: {error:#}")),
    }
    section.add(format!(
        "On one processor, the median of {REPEATS} conversions; memory is what was resident at most in any of them, the program itself \
         included, looked at every millisecond."
    ));
    section.add(table);
    Ok(section)
}

/// Converts the large network with few and with many images, in turns with a float run of onnxruntime over the many. Returns what that shows.
fn large(shell: &Shell, table: &mut Table) -> anyhow::Result<String> {
    let python = peers::python(shell)?;
    let (model, images) = (Path::new(NETWORK).join("network.onnx"), Path::new(NETWORK).join("images.npz"));
    if !model.exists() || !images.exists() {
        shell.create_dir(NETWORK)?;
        cmd!(shell, "{python} benchmarks/engines/network.py {model} {images}").quiet().run()?;
    }
    let [few, many] = IMAGES;
    let mut command = peers::pinned(shell, &python);
    command
        .args(["benchmarks/engines/peers.py", "onnxruntime"])
        .arg(&model)
        .arg(&images)
        .arg(many.to_string());
    let mut engine = Engine::start("onnxruntime float32", &mut command)?;
    let job = Job { shell, model, samples: format!("{}:x", images.display()) };
    let (mut with_few, mut with_many, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        with_few.push(job.convert(few)?);
        with_many.push(job.convert(many)?);
        theirs.push(engine.run(many as u64)? as f64 / 1e9 / many as f64);
    }
    let conversions = [with_few, with_many].map(|conversions| Conversion::median(&conversions));
    for (count, conversion) in IMAGES.iter().zip(&conversions) {
        table.push(job.row(&format!("large network, {count} images"), conversion)?);
    }
    let [with_few, with_many] = conversions;
    let theirs = quantile(&theirs, 0.5);
    let calibration = with_many.calibration / many as f64;
    let whole = (with_many.seconds - with_few.seconds) / (many - few) as f64;
    let bytes = job.model.metadata()?.len();
    let peak = with_few.peak.max(with_many.peak);
    Ok(format!(
        "Calibration of the large network, all from reading its {many} images to the ranges of its activations, takes {:.2} ms an image; \
         onnxruntime's float32 run over the same images on one thread, in turns with it, {:.2} ms: {:.2} of its speed (the goal: at \
         least {SPEED_GOAL}). The whole conversion takes {:.2} ms for each further image, {:.2} of its speed: it runs the float network a \
         second time, and the blob beside it, to measure how far every layer is off. Its peak memory is {} bytes, {:.2} times the \
         model (the goal: below {MEMORY_GOAL} times the model and what all layers write for one sample, {} bytes).",
        calibration * 1e3,
        theirs * 1e3,
        theirs / calibration,
        whole * 1e3,
        theirs / whole,
        grouped(peak),
        peak as f64 / bytes as f64,
        grouped(MEMORY_GOAL * bytes + with_many.activations)
    ))
}

impl Job<'_> {
    fn row(&self, title: &str, conversion: &Conversion) -> anyhow::Result<[String; 5]> {
        let bytes = self.model.metadata()?.len();
        let Conversion { seconds, calibration, peak, .. } = conversion;
        let [seconds, calibration] = [seconds, calibration].map(|seconds| format!("{seconds:.3}"));
        Ok([title.to_owned(), seconds, calibration, grouped(*peak), grouped(bytes)])
    }

    fn convert(&self, count: usize) -> anyhow::Result<Conversion> {
        let report = format!("{CONVERTED}.json");
        let mut command = peers::pinned(self.shell, Path::new("target/release/dunlin"));
        command.arg("convert").arg(&self.model).args(["-o", &format!("{CONVERTED}.dnl")]);
        command.args(["--calibrate", &self.samples, "--calibration-samples", &count.to_string()]);
        command.args(["--timings", "--report", &report]);
        let (seconds, peak) = watched(&mut command)?;
        let Report { seconds: stages, blob } = serde_json::from_str(&self.shell.read_file(report)?)?;
        let elements = blob.layers.iter().map(|layer| layer.output_shape.iter().product::<u64>());
        let activations = elements.sum::<u64>() * size_of::<f32>() as u64;
        Ok(Conversion { seconds, calibration: stages.calibrate, peak, activations })
    }
}

impl Conversion {
    /// The median of each time, and the most memory.
    fn median(conversions: &[Conversion]) -> Conversion {
        let median = |figure: fn(&Conversion) -> f64| {
            quantile(&conversions.iter().map(figure).collect::<Vec<_>>(), 0.5)
        };
        Conversion {
            seconds: median(|conversion| conversion.seconds),
            calibration: median(|conversion| conversion.calibration),
            peak: conversions.iter().map(|conversion| conversion.peak).max().unwrap_or(0),
            activations: conversions.first().map_or(0, |conversion| conversion.activations),
        }
    }
}

/// Runs a command to its end. Returns its seconds and the most memory that it had.
fn watched(command: &mut Command) -> anyhow::Result<(f64, u64)> {
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
            return Ok((seconds, peak));
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
