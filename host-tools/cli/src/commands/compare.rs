//! `dunlin compare`

use std::path::{Path, PathBuf};

use dunlin_convert::fidelity::{Named, Pair};
use dunlin_convert::graph::Graph;
use dunlin_convert::pack::{PackOptions, Packed, pack};
use dunlin_convert::read_model;
use dunlin_convert::report::{Classification, Comparer, Comparison, Truth, describe, terminal, to_json};
use dunlin_convert::samples::{SampleFile, Samples, read_labels, read_values};
use dunlin_runtime::Model;
use dunlin_runtime::format::TensorRecord;

use crate::blob_file::BlobFile;
use crate::failure::{Code, Failure};
use crate::progress::Progress;

/// Does a blob still predict what the trained model predicts?
///
/// Runs the trained model in float32 and the blob over the same samples, and shows how far each layer is from its parent, how
/// often both prefer the same class and, with labels, how accurate both are.
#[derive(clap::Args)]
#[command(after_help = "The budget (exit code 4 where it is broken):\n  \
    with class labels     the accuracy drops by at most --max-drop points\n  \
    with true values      the root mean squared error grows by at most --max-drop percent\n  \
    without labels        both prefer the same class for at least --min-agreement percent of the samples,\n                        \
    where the output is one score per class (several values, and not as many as the input)\n  \
    --min-sqnr            in any case, if it is given\n\n\
    Examples:\n  \
    dunlin compare kws.onnx kws.dnl --inputs test.npz:x --labels test.npz:y\n  \
    dunlin compare autoencoder.onnx autoencoder.dnl --inputs x.npz --min-sqnr 30\n  \
    dunlin compare kws.onnx kws.dnl --inputs x.npz --json > comparison.json")]
pub struct Arguments {
    /// The trained model, .onnx or a float .tflite
    float: PathBuf,
    /// The blob
    model: PathBuf,
    /// Samples: x.npy, x.npz[:key], x.csv or image.png
    #[arg(long, short)]
    inputs: String,
    /// What is true: the number of the class of each sample, or the values of a model with one output; .npy, .npz[:key] or .csv
    #[arg(long, short)]
    labels: Option<String>,
    /// Points of accuracy that the blob may lose
    #[arg(long, value_name = "POINTS", default_value_t = 0.5)]
    max_drop: f64,
    /// Percent of the samples whose top class must be the same, where there are no labels
    #[arg(long, value_name = "PERCENT", default_value_t = 97.0)]
    min_agreement: f64,
    /// Signal to quantization noise that the first output must reach
    #[arg(long, value_name = "DECIBELS")]
    min_sqnr: Option<f64>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Compares, prints and judges.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let (graph, _) = read_model(&arguments.float)?;
    let samples = open_samples(&graph, &model, arguments)?;
    let truth = truth(arguments, &model, &samples)?;
    let float = pack(&graph, &PackOptions::default())?;
    drop(graph);
    let comparison = compare(&float, &model, &samples, truth)?;
    if arguments.json {
        print!("{}", to_json(&comparison));
    } else {
        let classes =
            describe(&model).outputs.into_iter().next().map(|output| output.labels).unwrap_or_default();
        print!("{}", terminal::comparison(&comparison, &classes));
    }
    judge(arguments, &comparison)
}

/// Runs the float blob and the other one over all samples.
pub fn compare(
    float: &Packed,
    model: &Model<'_>,
    samples: &Samples,
    truth: Option<Truth>,
) -> Result<Comparison, Failure> {
    let float_names: Vec<String> = float.steps.iter().map(|step| step.name.clone()).collect();
    let names: Vec<String> = model.step_names().map(str::to_owned).collect();
    let float = float.blob.open()?;
    let (mut float_arena, mut arena) = Default::default();
    let pair = Pair::new(
        Named::new(&float, &mut float_arena, &float_names)?,
        Named::new(model, &mut arena, &names)?,
    );
    let mut comparer = Comparer::new(pair, &names, truth);
    let mut progress = Progress::new("comparing");
    samples.for_each(|index, sample| {
        comparer.add(sample)?;
        progress.show("comparing", index + 1, samples.count());
        Ok::<(), Failure>(())
    })?;
    Ok(comparer.finish())
}

/// Opens the samples in the layout of the trained model, after a look at whether both models are of one kind.
fn open_samples(graph: &Graph, model: &Model<'_>, arguments: &Arguments) -> Result<Samples, Failure> {
    let [input] = graph.inputs[..] else {
        let message =
            format!("the model has {} inputs; only models with one can be compared", graph.inputs.len());
        return Err(Failure::new(message).code(Code::Unsupported));
    };
    let program = model.program();
    let extents = |shape: Option<&[u32]>| {
        shape.unwrap_or_default().iter().map(|&extent| extent as usize).collect::<Vec<_>>()
    };
    let inputs = extents(program.input(0).map(TensorRecord::shape));
    let outputs = extents(program.output(0).map(TensorRecord::shape));
    let output_count = usize::from(program.header().output_count);
    let expected = graph.outputs.first().map(|&id| graph.shape(id)).unwrap_or_default();
    if inputs != graph.shape(input) || outputs != expected || output_count != graph.outputs.len() {
        return Err(Failure::new(format!(
            "{} and {} are not the same network: input {:?} and {inputs:?}, output {expected:?} and {outputs:?}",
            arguments.float.display(),
            arguments.model.display(),
            graph.shape(input),
        ))
        .help("pass the model that the blob was converted from"));
    }
    let samples = SampleFile::open(&arguments.inputs)?;
    Ok(samples.arrange(graph.shape(input), graph.file_layouts.get(&input))?)
}

fn truth(arguments: &Arguments, model: &Model<'_>, samples: &Samples) -> Result<Option<Truth>, Failure> {
    let Some(location) = &arguments.labels else { return Ok(None) };
    let outputs = model.program().output(0).and_then(TensorRecord::elements).unwrap_or(1);
    Ok(Some(if outputs == 1 {
        Truth::Values(read_values(location, samples.count(), outputs)?)
    } else {
        Truth::Classes(read_labels(location, samples.count(), outputs)?)
    }))
}

/// Exit code 4 where the budget is broken.
fn judge(arguments: &Arguments, comparison: &Comparison) -> Result<(), Failure> {
    let mut broken = Vec::new();
    let classification = comparison.classification.as_ref();
    let drop = classification.and_then(Classification::accuracy_drop);
    // What is computed in binary is not what is meant in decimal: half a point of 200 samples is one sample.
    let tolerance = 1e-9;
    if let Some(drop) = drop {
        if drop > arguments.max_drop + tolerance {
            broken
                .push(format!("the accuracy drops by {drop:.2} points, {} are allowed", arguments.max_drop));
        }
    } else if let Some(errors) = &comparison.regression {
        if errors.increase_percent > arguments.max_drop + tolerance {
            broken.push(format!(
                "the root mean squared error grows by {:.2} %, {} % are allowed",
                errors.increase_percent, arguments.max_drop
            ));
        }
    } else if let Some(found) = classification
        && found.agreement_percent < arguments.min_agreement - tolerance
    {
        broken.push(format!(
            "the top class is the same for {:.2} % of the samples, {} % are needed",
            found.agreement_percent, arguments.min_agreement
        ));
    }
    let sqnr = comparison.outputs.first().and_then(|output| output.sqnr_db);
    if let (Some(least), Some(found)) = (arguments.min_sqnr, sqnr)
        && found < least
    {
        broken.push(format!("the output reaches {found:.1} dB, {least} dB are needed"));
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} is too far from the trained model: {}", name(&arguments.model), broken.join("; ")))
        .help("calibrate with more samples, or such that are closer to practice; try --calibration percentile; see which layer loses most")
        .code(Code::Comparison))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
