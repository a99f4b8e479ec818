//! Trains a sample model and writes it with its inputs and its record.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dunlin_models::pipeline::{Progress, Store};
use dunlin_models::train::{self, Options};

/// Trains a sample model from a seed: data, weights, ONNX, inputs to calibrate and to test with, and a record.
#[derive(Parser)]
#[command(name = "train", version)]
struct Arguments {
    /// Model to train.
    #[arg(value_parser = train::NAMES)]
    model: String,
    /// Seed of the data, the initial weights and the order of the samples.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Folder for the model, its inputs and its record.
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    /// How often every sample is seen [default: what the shipped model was trained with].
    #[arg(long)]
    epochs: Option<usize>,
    /// Number of training samples [default: what the shipped model was trained with].
    #[arg(long)]
    training_samples: Option<usize>,
    /// Number of test samples [default: what the shipped model was tested with].
    #[arg(long)]
    test_samples: Option<usize>,
    /// Folder that keeps the products of steps, so that a second run does only what has changed.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprintln!("  because: {source}");
                cause = source.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let options = Options {
        seed: arguments.seed,
        epochs: arguments.epochs,
        training_samples: arguments.training_samples,
        test_samples: arguments.test_samples,
        store: arguments.cache.map_or_else(Store::none, Store::at),
    };
    let trained = train::run(&arguments.model, &options, &mut print)?;
    trained.write(&arguments.output)?;
    println!();
    for (name, value) in &trained.experiment.metrics {
        println!("{name:28} {value:.4}");
    }
    println!("{:28} {}\n", "weights", trained.experiment.weights);
    for (name, content) in &trained.files {
        println!("{:>8} bytes  {}", content.len(), arguments.output.join(name).display());
    }
    Ok(())
}

fn print(progress: Progress<'_>) {
    match progress {
        Progress::Started { .. } => {}
        Progress::Epoch { number, of, loss } => println!("  epoch {number:>3} of {of}   loss {loss:.5}"),
        Progress::Finished { step, digest, bytes, cached, duration } => {
            let origin = if cached { "found" } else { "made" };
            let seconds = duration.as_secs_f64();
            println!("{step:12} {}…  {bytes:>8} bytes  {origin} in {seconds:.1} s", &digest[..12]);
        }
    }
}
