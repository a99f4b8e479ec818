//! From a model file to a blob, all stages in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dunlin_runtime::Model;
use thiserror::Error;

use crate::calibrate::{CalibrateError, Calibration, Calibrator, Method};
use crate::error::{GraphError, ImportError};
use crate::fidelity::{Deviation, Named, Pair};
use crate::graph::{DataType, Graph};
use crate::import;
use crate::pack::{PackError, PackOptions, Packed, pack};
use crate::passes::{self, PassReport};
use crate::quantize::{self, QuantizeError};
use crate::samples::{SampleError, SampleFile, Samples};

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
    /// How ranges are taken from the calibration.
    pub method: Method,
    /// What the blob says about itself, and its golden vectors.
    pub pack: PackOptions,
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
    /// The simplified float graph; `None` if the model file held integers.
    pub float: Option<Graph>,
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
    let bytes =
        std::fs::read(path).map_err(|source| ImportError::Io { path: path.to_path_buf(), source })?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let mut graph = match ending.to_ascii_lowercase().as_str() {
        "onnx" => import::onnx::import_with_directory(&bytes, path.parent())?,
        "tflite" => import::tflite::import(&bytes)?,
        _ => return Err(ImportError::UnknownFormat { path: path.to_path_buf() }.into()),
    };
    let passes = if is_float(&graph) { passes::simplify(&mut graph)? } else { Vec::new() };
    Ok((graph, passes))
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
    let (graph, passes) = read_model(&request.model)?;
    let mut conversion = Conversion {
        float: None,
        packed: Packed::default(),
        graph,
        passes,
        calibration_samples: 0,
        layers: BTreeMap::new(),
        outputs: Vec::new(),
    };
    if !is_float(&conversion.graph) || request.scheme == Scheme::Float32 {
        conversion.packed = pack(&conversion.graph, &request.pack)?;
        return Ok(conversion);
    }
    let location = request.calibration.as_ref().ok_or(ConvertError::NoCalibration)?;
    let float = conversion.graph;
    let [input] = float.inputs[..] else { return Err(ConvertError::SeveralInputs(float.inputs.len())) };
    let layout = float.file_layouts.get(&input);
    let samples = SampleFile::open(location)?.arrange(float.shape(input), layout)?;

    let float_packed = pack(&float, &PackOptions::default())?;
    let calibration = calibrate(&float, &float_packed, &samples, progress)?;
    conversion.graph = quantize::quantize(&float, &calibration.ranges(request.method))?;
    conversion.packed = pack(&conversion.graph, &request.pack)?;
    conversion.calibration_samples = calibration.samples();
    (conversion.layers, conversion.outputs) =
        measure(&float_packed, &conversion.packed, &samples, progress)?;
    conversion.float = Some(float);
    Ok(conversion)
}

fn calibrate(
    float: &Graph,
    packed: &Packed,
    samples: &Samples,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Calibration, ConvertError> {
    let mut calibrator = Calibrator::new(float, packed)?;
    samples.for_each(|index, sample| {
        calibrator.add(sample)?;
        progress(Stage::Calibrating, index + 1, samples.count());
        Ok::<(), ConvertError>(())
    })?;
    Ok(calibrator.finish()?)
}

type Deviations = (BTreeMap<String, Deviation>, Vec<Deviation>);

fn measure(
    float: &Packed,
    quantized: &Packed,
    samples: &Samples,
    progress: &mut dyn FnMut(Stage, usize, usize),
) -> Result<Deviations, ConvertError> {
    let names = |packed: &Packed| packed.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    let (float_names, quantized_names) = (names(float), names(quantized));
    let (float_model, quantized_model) =
        (Model::open(float.blob.as_slice())?, Model::open(quantized.blob.as_slice())?);
    let mut pair = Pair::new(
        Named { model: &float_model, names: &float_names },
        Named { model: &quantized_model, names: &quantized_names },
    );
    samples.for_each(|index, sample| {
        pair.run(sample)?;
        progress(Stage::Measuring, index + 1, samples.count());
        Ok::<(), ConvertError>(())
    })?;
    let layers = pair.layers().iter().map(|(name, deviation)| ((*name).to_owned(), *deviation)).collect();
    Ok((layers, pair.outputs().to_vec()))
}
