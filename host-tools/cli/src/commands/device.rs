//! `dunlin device`

use std::path::PathBuf;

use clap::Subcommand;
use dunlin_convert::report::{
    Table,
    terminal::{grouped, short_name},
};
use dunlin_device::{BOARDS, Board, Cost, Options, Request, RunReport, Selection, Subject};
use dunlin_runtime::format::TensorRecord;
use dunlin_runtime::{Family, Model};

use super::provision;
use crate::blob_file::{BlobFile, parse_family};
use crate::failure::Failure;
use crate::inputs::{self, Outputs};
use crate::output_file::OutputFile;
use crate::progress::Waiting;

/// Run blobs on boards; provision devices.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArguments),
    Build(BuildArguments),
    Provision(Box<provision::Arguments>),
    /// Show the boards, what they have room for and how blobs run on them
    List,
}

/// Run a blob on a board and bring the outputs back.
///
/// Builds the board's image if need be. The image has no model in it: it reads the blob, checks it and runs the golden vectors before
/// the samples.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin device run --board mps2-an386 model.dnl --inputs x.npz --output y.npy\n  \
    dunlin device run --board aarch64 model.dnl --inputs x.npz --output y.npy --raw --processor cortex-a72\n  \
    dunlin device run --board microbit model.dnl --inputs x.npy --profile")]
struct RunArguments {
    /// The board; `dunlin device list` shows all
    #[arg(long)]
    board: String,
    /// The blob
    model: PathBuf,
    /// Samples: x.npy, x.npz[:key], x.csv or image.png
    #[arg(long, short)]
    inputs: String,
    /// Divide every value by this first, as for images of a model that was trained on 0 to 1: --divide-by 255
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = inputs::parse_divisor)]
    divide_by: f32,
    /// Where the outputs go, as .npy: the first axis counts samples
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Write the blob's own type, not float32
    #[arg(long)]
    raw: bool,
    /// Print what each operator takes
    #[arg(long)]
    profile: bool,
    /// Print a hash of each operator's output for each sample
    #[arg(long)]
    trace: bool,
    /// Kernels to run; by default the fastest that the board has
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
    /// Processor to emulate, for boards that leave the choice: cortex-a72, cortex-a76
    #[arg(long, value_name = "NAME")]
    processor: Option<String>,
}

/// Build a board's image with nothing but the operators that some models need.
///
/// The image reads its blob as every image does; it refuses one with an operator that it does not have, and names the operator.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin device build --board mps2-an386 --for keywords.dnl\n  \
    dunlin device build --board microbit --for digits.dnl house_price.dnl")]
struct BuildArguments {
    /// The board; `dunlin device list` shows all
    #[arg(long)]
    board: String,
    /// The blobs; without any, the image gets all operators
    #[arg(long = "for", value_name = "MODEL", num_args = 1..)]
    models: Vec<PathBuf>,
}

/// Runs, builds, or lists.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Run(arguments) => run_on_board(arguments),
        Command::Build(arguments) => build(arguments),
        Command::Provision(arguments) => provision::run(arguments),
        Command::List => {
            print!("{}", boards());
            Ok(())
        }
    }
}

fn build(arguments: &BuildArguments) -> Result<(), Failure> {
    let board = Board::named(&arguments.board)?;
    board.subject()?;
    let files = arguments.models.iter().map(|path| BlobFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let models = files.iter().map(BlobFile::open).collect::<Result<Vec<_>, _>>()?;
    let is_bare_metal = matches!(board.subject()?, Subject::Machine { .. });
    // A runner on Linux has all operators.
    let selection =
        if models.is_empty() || !is_bare_metal { Selection::Everything } else { Selection::of(models) };
    let waiting = Waiting::new("building the image");
    let image = dunlin_device::build_selected(board, &selection)?;
    let whole = dunlin_device::sizes(&image)?;
    let runtime = if is_bare_metal { Some(dunlin_device::runtime_flash(board, &selection)?) } else { None };
    drop(waiting);
    println!("  {:<15} {}", "image", image.display());
    println!("  {:<15} {}", "contains", selection.names().join(", "));
    println!(
        "  {:<15} {} bytes of flash, {} of static RAM, without blob, arena and stack",
        "takes",
        grouped(whole.flash),
        grouped(whole.static_ram)
    );
    if let Some(runtime) = runtime {
        println!(
            "  {:<15} {} bytes are the runtime; the rest is start-up, files, logs, reports",
            "of it",
            grouped(runtime)
        );
    }
    Ok(())
}

fn run_on_board(arguments: &RunArguments) -> Result<(), Failure> {
    let board = Board::named(&arguments.board)?;
    board.subject()?;
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let samples = inputs::open(&model, &arguments.inputs)?;
    let output = arguments.output.as_deref().map(OutputFile::reserve).transpose()?;
    let mut bytes = Vec::with_capacity(samples.count());
    inputs::for_each_bytes(&model, &samples, arguments.divide_by, |_, sample| {
        bytes.push(sample.to_vec());
        Ok(())
    })?;
    let request = Request {
        options: Options {
            family: arguments.family,
            profile: arguments.profile,
            trace: arguments.trace,
            ..Options::default()
        },
        processor: arguments.processor.clone(),
        ..Request::default()
    };
    let waiting = Waiting::new("building the image and running it");
    let report = dunlin_device::run(board, model.bytes(), &bytes, &request)?;
    drop(waiting);
    if let Some(output) = output {
        let mut outputs = Outputs::new(&model, 0)?;
        for sample in &report.outputs {
            outputs.push(first_output(&model, sample));
        }
        output.finish(&outputs.encode(arguments.raw))?;
    }
    print(board, &model, &report, samples.count());
    Ok(())
}

/// The bytes of the first output, of all outputs of a sample.
pub fn first_output<'a>(model: &Model<'_>, outputs: &'a [u8]) -> &'a [u8] {
    let length = model.program().output(0).and_then(TensorRecord::bytes).unwrap_or_default();
    outputs.get(..length).unwrap_or(outputs)
}

fn print(board: &Board, model: &Model<'_>, report: &RunReport, samples: usize) {
    for line in &report.log {
        println!("  {}: {line}", board.name);
    }
    println!("  {:<15} {}, kernels {}", "board", board.description, report.family.name());
    println!("  {:<15} {} passed", "golden vectors", report.golden_vectors);
    println!("  {:<15} {}, {} samples", "one run", cost(report.run), grouped(samples as u64));
    let arena = &report.arena;
    println!(
        "  {:<15} {} bytes planned, {} used, guards {}, one byte less {}",
        "arena",
        grouped(arena.planned.into()),
        grouped(arena.high_water.into()),
        if arena.guards_intact { "intact" } else { "overwritten" },
        if arena.shorter_refused { "refused" } else { "accepted" },
    );
    if let Some(stack) = report.stack {
        println!(
            "  {:<15} {} bytes to open, {} to run",
            "stack",
            grouped(stack.open.into()),
            grouped(stack.run.into())
        );
    }
    if let Some(sizes) = report.sizes {
        println!(
            "  {:<15} flash {} bytes, static RAM {}",
            "image",
            grouped(sizes.flash),
            grouped(sizes.static_ram)
        );
    }
    let mut names = model.step_names();
    let mut profile = Table::new(&[">step", "layer", "operator", ">cost"]);
    for step in &report.profile {
        let name = short_name(names.next().unwrap_or_default());
        profile.push([step.step.to_string(), name, step.operator.name().to_owned(), cost(step.cost)]);
    }
    let mut trace = Table::new(&[">sample", ">step", "operator", "hash"]);
    for step in &report.trace {
        let hash = format!("{:08x}", step.hash);
        trace.push([step.sample.to_string(), step.step.to_string(), step.operator.name().to_owned(), hash]);
    }
    for table in [profile, trace].iter().filter(|table| !table.is_empty()) {
        print!("\n{table}");
    }
}

fn cost(cost: Cost) -> String {
    match cost {
        Cost::Instructions(count) => format!("{} instructions", grouped(count)),
        Cost::Nanoseconds(time) => format!("{} ns", grouped(time)),
    }
}

fn boards() -> Table {
    let mut table = Table::new(&["board", ">flash", ">RAM", "kernels", "runs blobs", "what it is"]);
    for board in BOARDS {
        table.push([
            board.name.to_owned(),
            grouped(board.flash_bytes),
            grouped(board.ram_bytes),
            board.families.iter().map(|family| family.name()).collect::<Vec<_>>().join(", "),
            if board.subject.is_some() { "yes" } else { "budget only" }.to_owned(),
            board.description.to_owned(),
        ]);
    }
    table
}
