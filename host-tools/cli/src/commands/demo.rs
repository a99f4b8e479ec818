//! `dunlin demo`

use std::fs;
use std::path::Path;

use dunlin_convert::pack::AlignedBytes;
use dunlin_convert::report::{Truth, terminal};
use dunlin_convert::samples::{read_labels, read_values};
use dunlin_convert::{Conversion, Request};
use dunlin_device::{Board, DeviceError, RunReport};
use dunlin_models::{Sample, Task, samples};
use dunlin_runtime::{Family, Model, Session};

use crate::blob_file::BlobFile;
use crate::commands::{compare, convert, live_digits};
use crate::failure::{Code, Failure};
use crate::inputs;
use crate::progress::Waiting;

/// Samples that the emulated board runs.
const ON_BOARD: usize = 16;
/// The board of the demonstration.
const BOARD: &str = "mps2-an386";

/// See all of it with models that come along.
///
/// Converts a digit classifier and a house-price estimator, prints their reports, compares them with the float models, runs them on
/// this machine and, where QEMU is installed, on an emulated Cortex-M4, and shows that the bytes are equal.
#[derive(clap::Args)]
#[command(
    after_help = "For the emulated board: apt-get install qemu-system-arm && rustup target add thumbv7em-none-eabihf"
)]
pub struct Arguments {
    /// End after one round; on a terminal, digits are drawn and read until you have seen enough otherwise
    #[arg(long)]
    once: bool,
    /// Keep the models, their samples and blobs in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<std::path::PathBuf>,
}

/// Takes every model through all stages.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let temporary = tempfile::tempdir()
        .map_err(|error| Failure::new("cannot create a temporary folder").because(&error))?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    for sample in samples() {
        present(sample, folder)?;
    }
    if !arguments.once {
        let digits = BlobFile::read(&folder.join("digits.dnl"))?;
        live_digits::show(&digits.open()?)?;
    }
    Ok(())
}

fn present(sample: &Sample, folder: &Path) -> Result<(), Failure> {
    println!("━━ {}: {}\n", sample.name, sample.description);
    let place = |ending: &str| folder.join(format!("{}{ending}", sample.name));
    let (onnx, calibration, test, blob) =
        (place(".onnx"), place("-calibration.npz"), place("-test.npz"), place(".dnl"));
    for (path, content) in [(&onnx, sample.onnx), (&calibration, sample.calibration), (&test, sample.test)] {
        fs::write(path, content).map_err(|error| Failure::file("write", path, &error))?;
    }
    let request = Request {
        model: onnx,
        calibration: Some(calibration.display().to_string()),
        name: sample.name.to_owned(),
        model_version: "1".to_owned(),
        labels: sample.labels.iter().map(|&label| label.to_owned()).collect(),
        ..Request::default()
    };
    let (conversion, report) = convert::convert(&request)?;
    print!("{}", terminal::report(&report));
    let bytes = conversion.packed.blob.as_slice();
    fs::write(&blob, bytes).map_err(|error| Failure::file("write", &blob, &error))?;
    let model = conversion.packed.blob.open()?;
    judge(sample, &conversion, &model, &test)?;
    run_everywhere(&model, &test)
}

/// Compares with the float model on inputs that the training never saw.
fn judge(sample: &Sample, conversion: &Conversion, model: &Model<'_>, test: &Path) -> Result<(), Failure> {
    let Some(float) = &conversion.float else { return Ok(()) };
    let inputs = inputs::open(model, &format!("{}:x", test.display()))?;
    let labels = format!("{}:y", test.display());
    let truth = match sample.task {
        Task::Classification => Truth::Classes(read_labels(&labels, inputs.count(), sample.labels.len())?),
        Task::Regression { .. } => Truth::Values(read_values(&labels, inputs.count(), 1)?),
    };
    let names: Vec<String> = sample.labels.iter().map(|&label| label.to_owned()).collect();
    let comparison = compare::compare(float, model, &inputs, Some(truth))?;
    println!("\nagainst the float model, on inputs that the training never saw:\n");
    println!("{}", terminal::comparison(&comparison, &names));
    Ok(())
}

/// Runs on all kernel families of this machine and on the emulated board, and holds their bytes against each other.
fn run_everywhere(model: &Model<'_>, test: &Path) -> Result<(), Failure> {
    let inputs = inputs::open(model, &format!("{}:x", test.display()))?;
    let mut bytes = Vec::new();
    inputs::for_each_bytes(model, &inputs, 1.0, |_, sample| {
        bytes.push(sample.to_vec());
        Ok(())
    })?;
    println!("the same bytes everywhere?\n");
    let reference = run_family(model, Family::Portable, &bytes)?;
    println!("  this machine, portable: {} samples, the definition", reference.len());
    let others =
        Family::ALL.into_iter().filter(|&family| family != Family::Portable && family.is_available());
    for family in others {
        let outputs = run_family(model, family, &bytes)?;
        println!("  this machine, {}: {}", family.name(), verdict(&outputs, &reference)?);
    }
    let board = Board::named(BOARD)?;
    let few = &bytes[..bytes.len().min(ON_BOARD)];
    let waiting = Waiting::new("building the board's image and running it");
    let result = dunlin_device::run(board, model.bytes(), few, &dunlin_device::Request::default());
    drop(waiting);
    match result {
        Ok(report) => print_board(board, &report, &reference)?,
        Err(reason @ (DeviceError::MissingTool { .. } | DeviceError::MissingTarget { .. })) => {
            println!("  {BOARD}: skipped: {reason}");
        }
        Err(error) => return Err(error.into()),
    }
    println!();
    Ok(())
}

fn print_board(board: &Board, report: &RunReport, reference: &[Vec<u8>]) -> Result<(), Failure> {
    println!("  {}, {}: {}", board.name, report.family.name(), verdict(&report.outputs, reference)?);
    println!(
        "  {}: {} a run, arena {} of {} planned bytes",
        board.name, report.run, report.arena.high_water, report.arena.planned
    );
    Ok(())
}

fn run_family(model: &Model<'_>, family: Family, samples: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(family));
    let mut session = Session::with_family(model, arena.as_mut_slice(), family)?;
    let mut outputs = Vec::with_capacity(samples.len());
    for sample in samples {
        session.input_bytes(0)?.copy_from_slice(sample);
        session.run()?;
        outputs.push(session.output_bytes(0)?.to_vec());
    }
    Ok(outputs)
}

/// Says that outputs are equal to the reference, as many as there are.
fn verdict(outputs: &[Vec<u8>], reference: &[Vec<u8>]) -> Result<String, Failure> {
    let different = outputs.iter().zip(reference).filter(|(found, expected)| found != expected).count();
    if different > 0 {
        return Err(Failure::new(format!(
            "{different} of {} outputs are not the portable kernels'",
            outputs.len()
        ))
        .help("this is a defect of Dunlin: please report it with the name of the processor")
        .code(Code::Failed));
    }
    Ok(format!("{} samples, all bytes equal", outputs.len()))
}
