//! What a blob says of itself.

use dunlin_runtime::format::{DataType, Operator, TensorRecord, TensorSchema, section};
use dunlin_runtime::{Family, Model};
use serde::Serialize;

use super::step_cost::step_cost;

/// A blob: what it is, what it takes, what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlobDescription {
    /// Name of the model.
    pub name: String,
    /// Version of the model, as its owner counts; may be empty.
    pub model_version: String,
    /// Tool that wrote the blob.
    pub producer: String,
    /// SHA-256 of the content, in hexadecimal.
    pub digest: String,
    /// Whether there is a signature.
    pub signed: bool,
    /// Length of the blob: what it takes of the flash.
    pub bytes: usize,
    /// Its sections, in their order.
    pub sections: Vec<SectionBytes>,
    /// Operator set that a runtime needs.
    pub operator_set: u16,
    /// Inputs, in the program's order.
    pub inputs: Vec<Interface>,
    /// Outputs, in the program's order.
    pub outputs: Vec<Interface>,
    /// The arena that a session needs.
    pub arena: Arena,
    /// Multiplications of weights and activations in one run.
    pub macs: u64,
    /// Number of golden vectors.
    pub golden_vectors: u32,
    /// The steps, in the order in which they run.
    pub layers: Vec<Layer>,
}

/// A section and its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionBytes {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u32,
}

/// An input or output of the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interface {
    /// Its name in the trained model.
    pub name: String,
    /// `int8` or `float32`.
    pub data_type: &'static str,
    /// Its shape, batch included.
    pub shape: Vec<u32>,
    /// Real value = scale · (q − zero point); 1 for float32 outputs.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
    /// Lowest real value seen in calibration.
    pub low: f32,
    /// Highest real value seen in calibration.
    pub high: f32,
    /// Physical unit, or empty.
    pub unit: String,
    /// Names of classes or features, or none.
    pub labels: Vec<String>,
    /// What happens to a sample before it is an input, in words, or empty.
    pub preprocessing: String,
}

/// Bytes of RAM that a session needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arena {
    /// What tensors occupy.
    pub activation_bytes: u32,
    /// The whole arena with the kernels of each family.
    pub families: Vec<FamilyArena>,
}

/// The arena with the kernels of one family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FamilyArena {
    /// Name of the kernel family.
    pub family: &'static str,
    /// Activations, scratch and prepared weights.
    pub total_bytes: usize,
}

/// One step of the program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// Its position.
    pub step: usize,
    /// Its name in the trained model; empty if the blob does not tell.
    pub name: String,
    /// What it computes.
    pub operator: &'static str,
    /// Type of the output's elements.
    pub data_type: &'static str,
    /// Shape of the output.
    pub output_shape: Vec<u32>,
    /// Multiplications of weights and activations.
    pub macs: u64,
    /// Bytes of weights, channel blocks and tables that it reads.
    pub weight_bytes: usize,
    /// Where the output starts in the arena.
    pub arena_offset: u32,
    /// Length of the output.
    pub arena_bytes: usize,
    /// Position of the step in which the output begins to live, if known.
    pub first_step: Option<usize>,
    /// Position of the last step that reads the output, if known.
    pub last_step: Option<usize>,
    /// Signal to quantization noise against the float model in decibels; `None` if unknown or nothing differs.
    pub sqnr_db: Option<f64>,
    /// Largest absolute difference to the float model, if known.
    pub worst_error: Option<f64>,
}

/// Describes an opened blob.
pub fn describe(model: &Model<'_>) -> BlobDescription {
    let program = model.program();
    let header = program.header();
    let manifest = model.manifest();
    let (inputs, outputs) = manifest
        .as_ref()
        .map_or((&[][..], &[][..]), |manifest| (&manifest.inputs[..], &manifest.outputs[..]));
    let interfaces = |schemas: &[TensorSchema<'_>], tensor: &dyn Fn(usize) -> Option<TensorRecord>| {
        let tensors = (0..).map_while(tensor).enumerate();
        tensors.map(|(index, tensor)| interface(&tensor, schemas.get(index))).collect()
    };
    let used = usize::try_from(model.header().section_count).unwrap_or_default();
    let layers = layers(model);
    BlobDescription {
        name: manifest.as_ref().map_or("", |manifest| manifest.name).to_owned(),
        model_version: manifest.as_ref().map_or("", |manifest| manifest.model_version).to_owned(),
        producer: manifest.as_ref().map_or("", |manifest| manifest.producer).to_owned(),
        digest: model.header().digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        signed: model.header().signature != [[0; 32]; 2],
        bytes: model.bytes().len(),
        sections: model.header().sections[..used]
            .iter()
            .map(|entry| SectionBytes { name: section_name(entry.kind), bytes: entry.length })
            .collect(),
        operator_set: header.operator_set,
        inputs: interfaces(inputs, &|index| program.input(index).copied()),
        outputs: interfaces(outputs, &|index| program.output(index).copied()),
        arena: Arena {
            activation_bytes: header.activation_bytes,
            families: Family::ALL
                .into_iter()
                .map(|family| FamilyArena { family: family.name(), total_bytes: model.arena_bytes(family) })
                .collect(),
        },
        macs: layers.iter().map(|layer| layer.macs).sum(),
        golden_vectors: golden_vectors(model),
        layers,
    }
}

fn layers(model: &Model<'_>) -> Vec<Layer> {
    let program = model.program();
    let mut names = model.step_names();
    (0..program.steps().len())
        .filter_map(|step| {
            let operation = program.operation(step)?;
            let output = operation.output();
            let cost = step_cost(&operation);
            Some(Layer {
                step,
                name: names.next().unwrap_or_default().to_owned(),
                operator: operation.operator().map_or("unknown", Operator::name),
                data_type: output.data_type().map_or("unknown", DataType::name),
                output_shape: output.shape().to_vec(),
                macs: cost.macs,
                weight_bytes: cost.weight_bytes,
                arena_offset: output.offset,
                arena_bytes: output.bytes().unwrap_or_default(),
                first_step: None,
                last_step: None,
                sqnr_db: None,
                worst_error: None,
            })
        })
        .collect()
}

fn interface(tensor: &TensorRecord, schema: Option<&TensorSchema<'_>>) -> Interface {
    let text = |field: fn(&TensorSchema<'_>) -> String| schema.map(field).unwrap_or_default();
    Interface {
        name: text(|schema| schema.name.to_owned()),
        data_type: tensor.data_type().map_or("unknown", DataType::name),
        shape: tensor.shape().to_vec(),
        scale: tensor.scale,
        zero_point: tensor.zero_point,
        low: schema.map_or(0.0, |schema| schema.low),
        high: schema.map_or(0.0, |schema| schema.high),
        unit: text(|schema| schema.unit.to_owned()),
        labels: schema.map(|schema| schema.labels.lines().map(str::to_owned).collect()).unwrap_or_default(),
        preprocessing: text(|schema| schema.preprocessing.to_owned()),
    }
}

fn golden_vectors(model: &Model<'_>) -> u32 {
    let count = model.section(section::GOLDEN).and_then(|golden| golden.first_chunk::<4>());
    count.map_or(0, |count| u32::from_le_bytes(*count))
}

fn section_name(kind: u32) -> String {
    match kind {
        section::WEIGHTS => "weights".into(),
        section::PROGRAM => "program".into(),
        section::MANIFEST => "manifest".into(),
        section::GOLDEN => "golden".into(),
        section::REFERENCE => "reference".into(),
        section::NAMES => "names".into(),
        other => format!("kind {other}"),
    }
}
