//! The manifest section.

use dunlin_runtime::format::{MAX_INTERFACES, Manifest, TensorSchema};

use super::error::PackError;
use super::options::{InterfaceDescription, PackOptions};
use crate::graph::{Graph, TensorId};

/// Version of the manifest's structure.
const VERSION: u8 = 1;
/// What is written as the producer.
const PRODUCER: &str = concat!("dunlin ", env!("CARGO_PKG_VERSION"));

/// The section's bytes.
///
/// # Errors
/// If there are more inputs or outputs than a manifest describes.
pub(super) fn section(graph: &Graph, options: &PackOptions) -> Result<Vec<u8>, PackError> {
    for (what, tensors) in [("inputs", &graph.inputs), ("outputs", &graph.outputs)] {
        if tensors.len() > MAX_INTERFACES {
            return Err(PackError::TooLarge { what, count: tensors.len(), limit: MAX_INTERFACES });
        }
    }
    let name = if options.name.is_empty() { &graph.name } else { &options.name };
    let labels: [Vec<String>; 2] =
        [&options.inputs, &options.outputs].map(|all| all.iter().map(|one| one.labels.join("\n")).collect());
    let manifest = Manifest {
        version: VERSION,
        name,
        model_version: &options.model_version,
        producer: PRODUCER,
        inputs: schemas(graph, &graph.inputs, &options.inputs, &labels[0]).collect(),
        outputs: schemas(graph, &graph.outputs, &options.outputs, &labels[1]).collect(),
    };
    let bytes = postcard::to_allocvec(&manifest);
    Ok(bytes.unwrap_or_else(|error| unreachable!("strings and numbers always serialize: {error}")))
}

fn schemas<'a>(
    graph: &'a Graph,
    tensors: &'a [TensorId],
    descriptions: &'a [InterfaceDescription],
    labels: &'a [String],
) -> impl Iterator<Item = TensorSchema<'a>> {
    tensors.iter().enumerate().map(move |(index, &id)| {
        let description = descriptions.get(index);
        let (low, high) =
            description.and_then(|description| description.range).unwrap_or_else(|| full_range(graph, id));
        TensorSchema {
            name: &graph.tensor(id).name,
            unit: description.map_or("", |description| &description.unit),
            low,
            high,
            labels: labels.get(index).map_or("", String::as_str),
            preprocessing: description.map_or("", |description| &description.preprocessing),
        }
    })
}

/// The real values that an int8 tensor can express; 0 to 0 for a float32 tensor, of which nothing is known.
fn full_range(graph: &Graph, id: TensorId) -> (f32, f32) {
    let quantization = graph.tensor(id).quantization.as_ref();
    let ends = quantization.and_then(|quantization| {
        let (scale, zero_point) = (quantization.scales.first()?, quantization.zero_points.first()?);
        Some((scale * (-128 - zero_point) as f32, scale * (127 - zero_point) as f32))
    });
    ends.unwrap_or_default()
}
