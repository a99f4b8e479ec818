//! `dunlin convert`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use dunlin_convert::calibrate::Method;
use dunlin_convert::plan::svg;
use dunlin_convert::report::{BoardBudget, CalibrationSummary, Comparison, Report, terminal};
use dunlin_convert::{Conversion, GoldenChoice, Request, Scheme, Stage};
use dunlin_device::Board;

use crate::failure::{Code, Failure};
use crate::output_file::OutputFile;
use crate::progress::{Progress, Waiting};

/// Convert a trained model into a blob.
///
/// Reads an ONNX model (or a TFLite file, whose integers stay as they are), simplifies it, quantizes it with the help
/// of calibration samples, plans its memory and packs it. The report on the terminal says what it costs and how far every layer is from
/// the trained model.
#[derive(clap::Args)]
#[command(
    after_help = "Calibration samples are typical inputs, prepared exactly as for the trained model, in its own layout. A hundred to a\n\
    few hundred are enough; they are read one at a time.\n\n\
    Nothing is written where something fails. A blob that does not fit the board (--board, exit code 3) is not written either,\n\
    but its report and plan are.\n\n\
    Examples:\n  \
    dunlin convert kws.onnx -o kws.dnl --calibrate train.npz:x --labels yes,no,up,down\n  \
    dunlin convert kws.onnx -o kws.dnl --calibrate x.csv --board rp2040 --report report.json --plan plan.svg\n  \
    dunlin convert price.onnx -o price.dnl --scheme float32\n  \
    dunlin convert kws_int8.tflite -o kws.dnl"
)]
pub struct Arguments {
    /// The trained model: .onnx or .tflite
    model: PathBuf,
    /// The blob to write
    #[arg(long, short)]
    output: PathBuf,
    /// Typical inputs: x.npz[:key], x.npy or x.csv
    #[arg(long, value_name = "SAMPLES")]
    calibrate: Option<String>,
    /// Use only the first N calibration samples
    #[arg(long, value_name = "N")]
    calibration_samples: Option<usize>,
    /// Arithmetic of the blob
    #[arg(long, value_enum, default_value_t = SchemeName::Int8)]
    scheme: SchemeName,
    /// How ranges of activations are taken from the samples
    #[arg(long, value_enum, default_value_t = MethodName::Percentile)]
    calibration: MethodName,
    /// Share of the values that a range must hold with --calibration percentile
    #[arg(long, value_name = "PERCENT", default_value_t = 99.99)]
    percentile: f64,
    /// Check that this board has room; `dunlin device list` shows the boards
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Say in the report how long each stage took
    #[arg(long)]
    timings: bool,
    /// Draw the memory plan as SVG
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Test vectors of the blob: made from seeds, or the first calibration samples (they may be private)
    #[arg(long, value_enum, default_value_t = GoldenName::Synthetic)]
    golden: GoldenName,
    /// Number of test vectors
    #[arg(long, value_name = "N", default_value_t = 2)]
    golden_count: u32,
    /// Name of the model; by default that of the file, without its ending
    #[arg(long)]
    name: Option<String>,
    /// Version of the model, as you count
    #[arg(long, default_value = "")]
    model_version: String,
    /// Names of the classes or values of the output: separated by commas, or the path of a .txt file with one a line
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    labels: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SchemeName {
    /// 8-bit integers, weights with a scale per channel
    Int8,
    /// Single precision
    Float32,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    /// From the lowest to the highest value seen
    Minmax,
    /// The range that holds most of the values (--percentile)
    Percentile,
}

#[derive(Clone, Copy, ValueEnum)]
enum GoldenName {
    /// No test vectors
    None,
    /// Inputs made from seeds: only the expected outputs take flash
    Synthetic,
    /// The first calibration samples
    Calibration,
}

/// Converts, reports and writes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let board = arguments.board.as_deref().map(Board::named).transpose()?;
    let output = OutputFile::reserve(&arguments.output)?;
    let report_file = arguments.report.as_deref().map(OutputFile::reserve).transpose()?;
    let plan_file = arguments.plan.as_deref().map(OutputFile::reserve).transpose()?;
    if !(arguments.percentile > 0.0 && arguments.percentile <= 100.0) {
        return Err(Failure::new(format!("{} is no percentage above 0", arguments.percentile))
            .code(Code::Unsupported));
    }
    let (conversion, mut report) = convert(&request(arguments)?)?;
    if let Some(board) = board {
        report.judge(&budget(board));
    }
    report.seconds = arguments.timings.then_some(conversion.seconds);
    print!("{}", terminal::report(&report));
    if let Some(file) = report_file {
        file.finish(report.to_json().as_bytes())?;
    }
    if let Some(file) = plan_file {
        file.finish(svg::draw(&conversion.packed.plan, &report.blob.name).as_bytes())?;
    }
    match &report.board {
        Some(verdict) if !verdict.fits => Err(Failure::new(format!("{} does not fit {}", arguments.model.display(), verdict.board))
            .help("make the network smaller, or choose a board with more room; the report says which layers take most")
            .code(Code::Board)),
        _ => output.finish(conversion.packed.blob.as_slice()),
    }
}

/// Converts with bars on the terminal, and puts the report together.
pub fn convert(request: &Request) -> Result<(Conversion, Report), Failure> {
    let mut waiting = Some(Waiting::new("converting"));
    let mut progress = Progress::new("calibrating");
    let conversion = dunlin_convert::convert(request, &mut |stage, done, total| {
        let label = match stage {
            Stage::Calibrating => "calibrating",
            Stage::Measuring => "measuring",
        };
        waiting = None;
        progress.show(label, done, total);
    })?;
    drop(progress);
    let scheme = match (request.scheme, &conversion.float) {
        (Scheme::Int8, Some(_)) => "int8",
        (Scheme::Int8, None) => "int8, integers of the file",
        (Scheme::Float32, _) => "float32",
    };
    let source = request.model.file_name().unwrap_or(request.model.as_os_str()).to_string_lossy();
    let mut report = Report::new(&source, scheme, &conversion.packed)?;
    report.set_passes(&conversion.passes);
    if let (Some(inputs), true) = (&request.calibration, conversion.calibration_samples > 0) {
        report.calibration = Some(CalibrationSummary {
            inputs: inputs.clone(),
            samples: conversion.calibration_samples,
            method: match request.method {
                Method::MinMax => "from the lowest to the highest value".into(),
                Method::Percentile(share) => format!("the range of {} % of the values", share * 100.0),
            },
        });
    }
    if !conversion.outputs.is_empty() {
        let names = conversion.packed.steps.iter().map(|step| &step.name);
        let samples = conversion.calibration_samples;
        report.set_comparison(Comparison::of_deviations(
            samples,
            names,
            &conversion.layers,
            &conversion.outputs,
        ));
    }
    Ok((conversion, report))
}

/// Class names as given, or from the text file that is given.
fn labels(given: &[String]) -> Result<Vec<String>, Failure> {
    let [path] = given else { return Ok(given.to_vec()) };
    let path = Path::new(path);
    if path.extension().is_none_or(|ending| ending != "txt") {
        return Ok(given.to_vec());
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read the labels in {}", path.display()))
            .because(&error)
            .help("pass a text file with one name a line, or the names themselves, separated by commas")
    })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn request(arguments: &Arguments) -> Result<Request, Failure> {
    let stem = || arguments.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Request {
        model: arguments.model.clone(),
        scheme: match arguments.scheme {
            SchemeName::Int8 => Scheme::Int8,
            SchemeName::Float32 => Scheme::Float32,
        },
        calibration: arguments.calibrate.clone(),
        calibration_samples: arguments.calibration_samples,
        method: match arguments.calibration {
            MethodName::Minmax => Method::MinMax,
            MethodName::Percentile => Method::Percentile(arguments.percentile / 100.0),
        },
        name: arguments.name.clone().unwrap_or_else(stem),
        model_version: arguments.model_version.clone(),
        labels: labels(&arguments.labels)?,
        golden: match arguments.golden {
            GoldenName::None => GoldenChoice::None,
            GoldenName::Synthetic => GoldenChoice::Synthetic(arguments.golden_count),
            GoldenName::Calibration => GoldenChoice::Calibration(arguments.golden_count),
        },
    })
}

/// What the table of boards says of flash and RAM.
fn budget(board: &Board) -> BoardBudget {
    BoardBudget {
        name: board.name.to_owned(),
        flash_bytes: board.flash_bytes,
        ram_bytes: board.ram_bytes,
        families: board.families.to_vec(),
    }
}
