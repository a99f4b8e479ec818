//! `dunlin run`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dunlin_convert::pack::AlignedBytes;
use dunlin_convert::report::{Table, terminal::short_name};
use dunlin_runtime::format::Operator;
use dunlin_runtime::{Family, Model, Observer, Session, StepReport};

use crate::blob_file::{BlobFile, parse_family};
use crate::failure::Failure;
use crate::inputs::{self, Outputs};
use crate::output_file::OutputFile;
use crate::progress::Progress;

/// Run a blob on this machine.
#[derive(clap::Args)]
#[command(after_help = "Samples:\n  \
    x.npy, x.npz, x.npz:key   the first axis counts samples; each has the shape of the trained model's input\n  \
    x.csv                     a sample a line, a feature a column, with or without a line of names\n  \
    image.png                 one sample with values from 0 to 255\n\n\
    Real values are quantized if the model takes int8; an int8 array is taken as it is.\n\n\
    Examples:\n  \
    dunlin run model.dnl --inputs x.npz:x --output y.npy\n  \
    dunlin run model.dnl --inputs x.npz --output y.npy --raw            int8 as the model computes it\n  \
    dunlin run digits.dnl --inputs seven.png --divide-by 255 --output y.npy\n  \
    dunlin run model.dnl --inputs x.npz --profile --family portable     where does the time go?")]
pub struct Arguments {
    /// The blob
    model: PathBuf,
    /// Samples: x.npy, x.npz[:key], x.csv or image.png
    #[arg(long, short)]
    inputs: String,
    /// Divide every value by this first, as for images of a model that was trained on 0 to 1: --divide-by 255
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = inputs::parse_divisor)]
    divide_by: f32,
    /// Where the outputs go, as .npy: the first axis counts samples
    #[arg(long, short, required_unless_present = "profile")]
    output: Option<PathBuf>,
    /// Write the blob's own type, not float32
    #[arg(long)]
    raw: bool,
    /// Which output to write, of a model that has several
    #[arg(long, value_name = "N", default_value_t = 0)]
    output_index: usize,
    /// Print the time of each operator, the median over the samples
    #[arg(long)]
    profile: bool,
    /// Kernels to run: portable, avx2, vnni, neon, neon-dot; by default the fastest that this processor has
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
}

/// Runs the blob over the samples.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let samples = inputs::open(&model, &arguments.inputs)?;
    let output = arguments.output.as_deref().map(OutputFile::reserve).transpose()?;
    let mut outputs = Outputs::new(&model, arguments.output_index)?;

    let family = arguments.family.unwrap_or_else(Family::best);
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(family));
    let mut session = Session::with_family(&model, arena.as_mut_slice(), family)
        .map_err(|error| Failure::blob(file.path(), error))?;
    let mut profile = Profile::new(&model);
    let mut progress = Progress::new("running");
    inputs::for_each_bytes(&model, &samples, arguments.divide_by, |index, bytes| {
        session.input_bytes(0)?.copy_from_slice(bytes);
        if arguments.profile { session.run_with(&mut profile) } else { session.run() }?;
        outputs.push(session.output_bytes(arguments.output_index)?);
        progress.show("running", index + 1, samples.count());
        Ok(())
    })?;
    drop(progress);
    if let Some(output) = output {
        output.finish(&outputs.encode(arguments.raw))?;
    }
    if arguments.profile {
        println!(
            "kernels {}, {} samples, median times\n\n{}",
            family.name(),
            samples.count(),
            profile.table(&model)
        );
    }
    Ok(())
}

/// Times of all steps over all runs.
struct Profile {
    begun: Instant,
    /// For each step the time of each run.
    times: Vec<Vec<Duration>>,
}

impl Profile {
    fn new(model: &Model<'_>) -> Profile {
        Profile { begun: Instant::now(), times: vec![Vec::new(); model.program().steps().len()] }
    }

    fn table(&mut self, model: &Model<'_>) -> Table {
        let medians: Vec<f64> =
            self.times.iter_mut().map(|times| median(times).as_secs_f64() * 1e6).collect();
        let total: f64 = medians.iter().sum();
        let share = |time: f64| format!("{:.1}", 100.0 * time / total.max(f64::MIN_POSITIVE));
        let mut names = model.step_names();
        let mut table = Table::new(&[">step", "layer", "operator", ">µs", ">%"]);
        for (step, &time) in medians.iter().enumerate() {
            let operator = model.program().operation(step).and_then(|operation| operation.operator());
            table.push([
                step.to_string(),
                short_name(names.next().unwrap_or_default()),
                operator.map_or("", Operator::name).to_owned(),
                format!("{time:.1}"),
                share(time),
            ]);
        }
        table.push([String::new(), "all".into(), String::new(), format!("{total:.1}"), share(total)]);
        table
    }
}

impl Observer for Profile {
    fn begin(&mut self, _: &StepReport<'_>) {
        self.begun = Instant::now();
    }

    fn end(&mut self, step: &StepReport<'_>) {
        let elapsed = self.begun.elapsed();
        if let Some(times) = self.times.get_mut(step.index) {
            times.push(elapsed);
        }
    }
}

/// The middle one of the times, zero if there is none.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
