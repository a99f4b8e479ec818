//! From a model file to a blob, all stages in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dunlin_runtime::Model;
use thiserror::Error;

use crate::calibrate::{CalibrateError, Calibration, Calibrator, Histogram, Method};
use crate::error::{GraphError, ImportError};
use crate::fidelity::{Deviation, Named, Pair};
use crate::graph::{DataType, Graph, TensorId};
use crate::import;
use crate::pack::{Golden, InterfaceDescription, PackError, PackOptions, Packed, ReferenceData, pack};
use crate::passes::{self, PassReport};
use crate::quantize::{self, QuantizeError};
use crate::samples::{SampleError, SampleFile, Samples, describe_layout};
use crate::timing::{StageSeconds, Stopwatch};

/// The arithmetic of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// 8-bit integers; weights per channel.
    #[default]
    Int8,
    /// IEEE 754 single precision.
    Float32,
}

/// What to convert, and how.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The model: `.onnx`, or an int8 `.tflite`.
    pub model: PathBuf,
    /// The arithmetic of the blob. An int8 `.tflite` keeps its integers whatever is asked.
    pub scheme: Scheme,
    /// Calibration samples, as [`SampleFile::open`] takes them. An int8 blob of a float model needs them.
    pub calibration: Option<String>,
    /// How many of the calibration samples are used, from the first one on; all of them if it is not given.
    pub calibration_samples: Option<usize>,
    /// How ranges are taken from the calibration.
    pub method: Method,
    /// Name of the model; empty for the name of the graph in the file.
    pub name: String,
    /// Version of the model, as its owner counts.
    pub model_version: String,
    /// Names of the classes or values of the first output.
    pub labels: Vec<String>,
    /// Test vectors of the blob.
    pub golden: GoldenChoice,
}

/// Where test vectors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenChoice {
    /// No test vectors.
    None,
    /// Vectors made from seeds, on the device itself: only the outputs take flash.
    Synthetic(u32),
    /// The first calibration samples. They become a part of the blob: mind that they may be private.
    Calibration(u32),
}

impl Default for GoldenChoice {
    fn default() -> Self {
        GoldenChoice::Synthetic(2)
    }
}

/// A stage that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The float model runs over the calibration samples.
    Calibrating,
    /// Float model and blob run over the calibration samples.
    Measuring,
}

/// A blob and how it came to be.
#[derive(Debug)]
pub struct Conversion {
    /// The blob of the simplified float graph; `None` if the model file held integers.
    pub float: Option<Packed>,
    /// The graph that the blob computes.
    pub graph: Graph,
    /// The blob with its plan and steps.
    pub packed: Packed,
    /// What the passes did.
    pub passes: Vec<PassReport>,
    /// Number of calibration samples.
    pub calibration_samples: usize,
    /// Deviation of each layer from the float model over the calibration samples, by node name.
    pub layers: BTreeMap<String, Deviation>,
    /// Deviation of each model output.
    pub outputs: Vec<Deviation>,
    /// What the stages took.
    pub seconds: StageSeconds,
}

/// Why a model could not be converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The model file could not be read or uses what Dunlin does not support.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A pass left a graph that contradicts itself.
    #[error("a pass left an inconsistent graph, which is a defect of Dunlin")]
    Graph(#[from] GraphError),
    /// An int8 blob was asked for without data to calibrate it.
    #[error(
        "int8 needs calibration data: pass --calibrate with typical inputs (x.npz[:key], x.npy, x.csv), or --scheme float32"
    )]
    NoCalibration,
    /// Golden vectors were to come from calibration samples that were not given.
    #[error("golden vectors from calibration samples need --calibrate; --golden synthetic needs no samples")]
    NoGoldenSamples,
    /// The calibration samples could not be read.
    #[error(transparent)]
    Samples(#[from] SampleError),
    /// Calibration needs a model with one input.
    #[error("the model has {0} inputs; calibration supports models with one input")]
    SeveralInputs(usize),
    /// The float model could not be run over the samples.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The graph could not be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The graph could not be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A finished blob could not be run.
    #[error("the finished blob cannot be run, which is a defect of Dunlin")]
    Run(#[from] dunlin_runtime::Error),
}

/// Reads a model file by its ending and simplifies its graph if it is a float one.
///
/// # Errors
/// [`ConvertError::Import`] and [`ConvertError::Graph`].
pub fn read_model(path: &Path) -> Result<(Graph, Vec<PassReport>), ConvertError> {
    let mut graph = import::from_path(path)?;
    let passes = simplify(&mut graph)?;
    Ok((graph, passes))
}

fn simplify(graph: &mut Graph) -> Result<Vec<PassReport>, GraphError> {
    let passes = if is_float(graph) { passes::simplify(graph)? } else { Vec::new() };
    shorten_names(graph);
    Ok(passes)
}

/// Keeps the first part of names that an exporter joined with semicolons, and tells equal ones apart: the names go into the blob.
fn shorten_names(graph: &mut Graph) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for node in &mut graph.nodes {
        let first = node.name.split(';').next().unwrap_or_default().to_owned();
        let uses = taken.entry(first.clone()).or_default();
        *uses += 1;
        node.name = if *uses == 1 { first } else { format!("{first} ({uses})") };
    }
}

fn is_float(graph: &Graph) -> bool {
    graph.tensors.iter().all(|tensor| tensor.data_type == DataType::F32)
}

/// Converts a model. `progress` is told how many samples of a stage are done, and of how many.
///
/// # Errors
/// See [`ConvertError`].
pub fn convert(
    request: &Request,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Conversion, ConvertError> {
    let mut seconds = StageSeconds::default();
    let mut stopwatch = Stopwatch::start();
    let mut graph = import::from_path(&request.model)?;
    seconds.import = stopwatch.lap();
    let passes = simplify(&mut graph)?;
    seconds.simplify = stopwatch.lap();
    if !is_float(&graph) || request.scheme == Scheme::Float32 {
        return convert_as_is(request, graph, passes, seconds, progress);
    }
    let location = request.calibration.as_ref().ok_or(ConvertError::NoCalibration)?;
    let samples = open_samples(&graph, location)?;
    let float = pack(&graph, &PackOptions::default())?;
    let chosen = Chosen::new(request, &samples);
    seconds.pack = stopwatch.lap();
    let calibration = calibrate(&graph, &float, &chosen, progress)?;
    let described = Described::new(&graph, &calibration);
    let (ranges, means) = (calibration.ranges(request.method), calibration.means());
    let calibration_samples = calibration.samples();
    drop(calibration);
    seconds.calibrate = stopwatch.lap();
    let graph = quantize::quantize(graph, &ranges, &means)?;
    seconds.quantize = stopwatch.lap();
    let mut options = describe(request, &graph);
    described.add_to(&mut options);
    options.golden = golden(request.golden, &graph, Some(&samples))?;
    name_features(&mut options, Some(&samples));
    let packed = pack(&graph, &options)?;
    seconds.pack += stopwatch.lap();
    let (layers, outputs) = measure(&float, &packed, &chosen, progress)?;
    seconds.measure = stopwatch.lap();
    Ok(Conversion {
        float: Some(float),
        graph,
        packed,
        passes,
        calibration_samples,
        layers,
        outputs,
        seconds,
    })
}

/// Packs a graph that needs no quantization: float32 by request, or integers from the file.
fn convert_as_is(
    request: &Request,
    graph: Graph,
    passes: Vec<PassReport>,
    mut seconds: StageSeconds,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Conversion, ConvertError> {
    let mut stopwatch = Stopwatch::start();
    let mut options = describe(request, &graph);
    let samples = request.calibration.as_ref().map(|location| open_samples(&graph, location)).transpose()?;
    let mut calibration_samples = 0;
    if let Some(samples) = samples.as_ref().filter(|_| is_float(&graph)) {
        let draft = pack(&graph, &PackOptions::default())?;
        seconds.pack = stopwatch.lap();
        let calibration = calibrate(&graph, &draft, &Chosen::new(request, samples), progress)?;
        Described::new(&graph, &calibration).add_to(&mut options);
        calibration_samples = calibration.samples();
        seconds.calibrate = stopwatch.lap();
    }
    options.golden = golden(request.golden, &graph, samples.as_ref())?;
    name_features(&mut options, samples.as_ref());
    let packed = pack(&graph, &options)?;
    seconds.pack += stopwatch.lap();
    let (layers, outputs) = (BTreeMap::new(), Vec::new());
    Ok(Conversion { float: None, graph, packed, passes, calibration_samples, layers, outputs, seconds })
}

fn open_samples(graph: &Graph, location: &str) -> Result<Samples, ConvertError> {
    let [input] = graph.inputs[..] else { return Err(ConvertError::SeveralInputs(graph.inputs.len())) };
    Ok(SampleFile::open(location)?.arrange(graph.shape(input), graph.file_layouts.get(&input))?)
}

/// What the blob says about itself by request.
fn describe(request: &Request, graph: &Graph) -> PackOptions {
    let layout = |id: &TensorId| graph.file_layouts.get(id).map(describe_layout).unwrap_or_default();
    let interface = |id: &TensorId| InterfaceDescription { preprocessing: layout(id), ..Default::default() };
    let mut options = PackOptions {
        name: request.name.clone(),
        model_version: request.model_version.clone(),
        inputs: graph.inputs.iter().map(interface).collect(),
        outputs: graph.outputs.iter().map(interface).collect(),
        golden: Golden::None,
        reference: None,
    };
    if let Some(output) = options.outputs.first_mut() {
        output.labels = request.labels.clone();
    }
    options
}

/// Features are known by the columns of the calibration, so that a device finds them in samples by name.
fn name_features(options: &mut PackOptions, samples: Option<&Samples>) {
    if let (Some(input), Some(samples)) = (options.inputs.first_mut(), samples) {
        input.labels = samples.feature_names();
    }
}

/// What the blob says about itself by calibration.
struct Described {
    /// Lowest and highest value of each input.
    inputs: Vec<Option<(f32, f32)>>,
    /// Lowest and highest value of each output.
    outputs: Vec<Option<(f32, f32)>>,
    reference: ReferenceData,
}

impl Described {
    fn new(float: &Graph, calibration: &Calibration) -> Described {
        let range = |&id: &TensorId| calibration.histogram(id).map(Histogram::extremes);
        Described {
            inputs: float.inputs.iter().map(range).collect(),
            outputs: float.outputs.iter().map(range).collect(),
            reference: calibration.reference(),
        }
    }

    fn add_to(self, options: &mut PackOptions) {
        let inputs = options.inputs.iter_mut().zip(self.inputs);
        for (interface, range) in inputs.chain(options.outputs.iter_mut().zip(self.outputs)) {
            interface.range = range;
        }
        options.reference = Some(self.reference);
    }
}

fn golden(choice: GoldenChoice, graph: &Graph, samples: Option<&Samples>) -> Result<Golden, ConvertError> {
    let count = match choice {
        GoldenChoice::None => return Ok(Golden::None),
        GoldenChoice::Synthetic(count) => return Ok(Golden::Synthetic { count }),
        GoldenChoice::Calibration(count) => count as usize,
    };
    let samples = samples.ok_or(ConvertError::NoGoldenSamples)?;
    let input = graph.tensor(graph.inputs[0]);
    let mut vectors = Vec::new();
    samples.for_each(|_, sample| {
        if vectors.len() < count {
            let bytes: Vec<u8> = match &input.quantization {
                Some(own) => sample
                    .iter()
                    .map(|&value| dunlin_runtime::quantize(value, own.scales[0], own.zero_points[0]) as u8)
                    .collect(),
                None => sample.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            vectors.push(vec![bytes]);
        }
        Ok::<(), SampleError>(())
    })?;
    Ok(Golden::Stored(vectors))
}

/// The samples that a request wants to be used.
struct Chosen<'s> {
    samples: &'s Samples,
    count: usize,
}

impl<'s> Chosen<'s> {
    fn new(request: &Request, samples: &'s Samples) -> Chosen<'s> {
        let limit = request.calibration_samples.unwrap_or(usize::MAX);
        Chosen { samples, count: samples.count().min(limit) }
    }

    fn for_each(
        &self,
        mut visit: impl FnMut(usize, &[f32]) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        self.samples.for_each(|index, sample| if index < self.count { visit(index, sample) } else { Ok(()) })
    }
}

fn calibrate(
    float: &Graph,
    packed: &Packed,
    samples: &Chosen<'_>,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Calibration, ConvertError> {
    let mut calibrator = Calibrator::new(float, packed)?;
    samples.for_each(|index, sample| {
        calibrator.add(sample)?;
        progress(Stage::Calibrating, index + 1, samples.count);
        Ok(())
    })?;
    Ok(calibrator.finish()?)
}

type Deviations = (BTreeMap<String, Deviation>, Vec<Deviation>);

fn measure(
    float: &Packed,
    quantized: &Packed,
    samples: &Chosen<'_>,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Deviations, ConvertError> {
    let names = |packed: &Packed| packed.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    let (float_names, quantized_names) = (names(float), names(quantized));
    let (float_model, quantized_model) =
        (Model::open(float.blob.as_slice())?, Model::open(quantized.blob.as_slice())?);
    let (mut float_arena, mut quantized_arena) = Default::default();
    let mut pair = Pair::new(
        Named::new(&float_model, &mut float_arena, &float_names)?,
        Named::new(&quantized_model, &mut quantized_arena, &quantized_names)?,
    );
    samples.for_each(|index, sample| {
        pair.run(sample)?;
        progress(Stage::Measuring, index + 1, samples.count);
        Ok(())
    })?;
    let layers = pair.layers().iter().map(|(name, deviation)| ((*name).to_owned(), *deviation)).collect();
    Ok((layers, pair.outputs().to_vec()))
}
