//! The models that are measured, and what other engines take for them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_runtime::format::TensorRecord;
use xshell::{Shell, cmd};

/// Where blobs lie between runs.
const BLOBS: &str = "target/bench/blobs";

/// What is known of a model before it is measured.
#[derive(Debug)]
pub struct Subject {
    /// As in the baseline and in tables.
    pub name: &'static str,
    /// The trained model, in the folder of the data.
    file: &'static str,
    /// Multiplications of one inference.
    pub macs: u64,
    /// TensorFlow Lite for Microcontrollers with CMSIS-NN, at its best flags, on the same emulated Cortex-M4.
    pub tflm: Tflm,
    /// Lowest cycles on a Cortex-M4 that somebody published, and who; on silicon at 120 MHz.
    pub published: (u64, &'static str),
    /// Instructions of the best engine on Cortex-A72 and on A76, in user-mode emulation, and which one it is.
    pub aarch64: [(u64, &'static str); 2],
}

/// What TensorFlow Lite for Microcontrollers (90b983c2) takes: gcc 12.2 -O2, CMSIS-NN 4ab83cc3, measured in the same emulator.
#[derive(Debug)]
pub struct Tflm {
    /// Instructions of one inference.
    pub instructions: u64,
    /// Modelled cycles of one inference.
    pub cycles: u64,
    /// Instructions until a model can run.
    pub open: u64,
    /// Bytes of its arena.
    pub arena: u64,
    /// Bytes of stack.
    pub stack: u64,
    /// Bytes of code, with 952 of the program around it, without the model.
    pub flash: u64,
}

/// Models of MLPerf Tiny v1.
const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "kws",
        file: "models/kws/kws_int8.tflite",
        macs: 2_656_768,
        tflm: Tflm {
            instructions: 7_697_757,
            cycles: 9_307_862,
            open: 789_120,
            arena: 22_820,
            stack: 940,
            flash: 53_400,
        },
        published: (5_180_000, "ST"),
        aarch64: [(1_381_000, "onnxruntime QDQ"), (711_000, "LiteRT + XNNPACK")],
    },
    Subject {
        name: "ic",
        file: "models/ic/ic_int8.tflite",
        macs: 12_501_632,
        tflm: Tflm {
            instructions: 29_861_415,
            cycles: 36_845_838,
            open: 540_080,
            arena: 54_996,
            stack: 940,
            flash: 51_200,
        },
        published: (19_800_000, "ST"),
        aarch64: [(4_321_000, "LiteRT + XNNPACK"), (1_498_000, "LiteRT + XNNPACK")],
    },
    Subject {
        name: "ad",
        file: "models/ad/ad_int8.tflite",
        macs: 264_192,
        tflm: Tflm {
            instructions: 582_844,
            cycles: 726_627,
            open: 83_360,
            arena: 2_580,
            stack: 652,
            flash: 28_064,
        },
        published: (486_000, "Plumerai"),
        aarch64: [(94_000, "LiteRT + XNNPACK"), (45_000, "LiteRT + XNNPACK")],
    },
];

/// A model as a blob.
#[derive(Debug)]
pub struct Model {
    /// What is known of it.
    pub subject: &'static Subject,
    /// The trained model.
    pub trained: PathBuf,
    /// The blob.
    pub blob: Vec<u8>,
    /// An input, the same one in every run.
    pub sample: Vec<u8>,
}

/// The folder of models and data that are not part of the project.
pub fn data() -> PathBuf {
    std::env::var_os("DUNLIN_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// Where the blob of a model lies between runs.
pub fn blob_path(name: &str) -> PathBuf {
    Path::new(BLOBS).join(name).with_extension("dnl")
}

/// Converts the models, and says which ones are absent.
pub fn prepare(shell: &Shell, keep_blobs: bool) -> anyhow::Result<Vec<Model>> {
    shell.create_dir(BLOBS)?;
    let mut models = Vec::new();
    for subject in &SUBJECTS {
        let trained = data().join(subject.file);
        if !trained.exists() {
            println!("skipped: {} is not there (DUNLIN_DATA says where data is)", trained.display());
            continue;
        }
        let path = blob_path(subject.name);
        if !keep_blobs || !path.exists() {
            cmd!(shell, "cargo run --quiet --release --package dunlin -- convert {trained} -o {path}")
                .quiet()
                .ignore_stdout()
                .run()?;
        }
        let blob = shell.read_binary_file(&path)?;
        let sample = sample(&blob).with_context(|| format!("opening {}", path.display()))?;
        models.push(Model { subject, trained, blob, sample });
    }
    Ok(models)
}

/// Bytes for all inputs of a blob: those that the peers' figures were taken with.
fn sample(blob: &[u8]) -> anyhow::Result<Vec<u8>> {
    let blob = AlignedBytes::copy(blob);
    let model = dunlin_runtime::Model::open(&blob)?;
    let program = model.program();
    let inputs = (0..program.header().input_count.into()).filter_map(|index| program.input(index));
    let bytes = inputs.filter_map(TensorRecord::bytes).sum();
    Ok((0..bytes).map(|index| (index * 37 + 11) as u8 ^ 0x80).collect())
}
