//! Reads TFLite models, int8 ones with their integers untouched.
//!
//! `flatbuffer` reads tables, `schema` names their fields, `tensors` and `operators` translate. The arithmetic that
//! the integers are meant for is that of LiteRT's reference kernels; what an operator would compute differently from
//! them is refused here.

mod builtin_operator;
mod flatbuffer;
mod lowering;
mod operators;
mod schema;
mod tensors;

#[cfg(test)]
mod test_model;
#[cfg(test)]
mod tests;

use flatbuffer::Damage;
use lowering::{Budget, Call, Lowering, Refusal};
use schema::{Model, OperatorRecord};

use crate::error::{ImportError, UnsupportedNode};
use crate::graph::{Graph, TensorId};

/// Reads the bytes of a `.tflite` file.
///
/// Quantized weights, biases, scales and zero points are those of the file. SAME and VALID become explicit padding,
/// a depthwise convolution with a multiplier becomes a grouped one, a fully connected layer over an image gets a
/// reshape.
///
/// # Errors
/// [`ImportError::Malformed`] if the file contradicts the format, else [`ImportError::Unsupported`] with everything
/// that Dunlin does not convert.
pub fn import(bytes: &[u8]) -> Result<Graph, ImportError> {
    let model = Model::read(bytes)?;
    let mut lowering = Lowering::new(&model, Budget::for_file(bytes.len()));
    let mut unsupported = Vec::new();
    if model.subgraph_count > 1 {
        unsupported.push(UnsupportedNode {
            node: model.name.clone(),
            operator: "subgraphs".into(),
            reason: "the model calls further subgraphs".into(),
            advice: "remove conditions, loops and variables from the model".into(),
        });
    }
    for (position, operator) in model.operators.iter().enumerate() {
        let fallback = format!("operator {position}");
        let (name, kind, outcome) = match call(&model, operator) {
            Ok(call) => {
                let outcome = operators::lower(&mut lowering, &call);
                (call.name, call.operator.to_owned(), outcome)
            }
            Err(refusal) => (fallback.clone(), "operator".into(), Err(refusal)),
        };
        collect(&mut unsupported, name, kind, outcome)?;
    }
    let inputs = borders(&model, &mut lowering, &model.inputs, "input", &mut unsupported)?;
    let outputs = borders(&model, &mut lowering, &model.outputs, "output", &mut unsupported)?;
    if !unsupported.is_empty() {
        return Err(ImportError::Unsupported(unsupported));
    }
    let graph = Graph { inputs, outputs, ..lowering.graph };
    graph
        .validate()
        .map_err(|error| ImportError::Malformed { location: error.location, problem: error.problem })?;
    Ok(graph)
}

impl From<Damage> for ImportError {
    fn from(damage: Damage) -> Self {
        Self::Malformed { location: damage.field.into(), problem: damage.problem.into() }
    }
}

/// Notes what is unsupported, stops at what is malformed.
fn collect<T>(
    unsupported: &mut Vec<UnsupportedNode>,
    node: String,
    operator: String,
    outcome: Result<T, Refusal>,
) -> Result<Option<T>, ImportError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Refusal::Unsupported { reason, advice }) => {
            unsupported.push(UnsupportedNode { node, operator, reason, advice });
            Ok(None)
        }
        Err(Refusal::Malformed(problem)) => {
            Err(ImportError::Malformed { location: format!("{operator} `{node}`"), problem })
        }
    }
}

fn call<'a>(model: &'a Model<'a>, operator: &OperatorRecord<'a>) -> Result<Call<'a>, Refusal> {
    const MAX_OPERANDS: usize = 256;
    let (inputs, outputs) = (operator.inputs()?, operator.outputs()?);
    if inputs.len() > MAX_OPERANDS || outputs.len() > MAX_OPERANDS {
        return Err(Refusal::malformed("it has hundreds of operands"));
    }
    let outputs: Option<Vec<usize>> = outputs.map(|index| usize::try_from(index).ok()).collect();
    let outputs = outputs.ok_or_else(|| Refusal::malformed("an output is left out"))?;
    let Some(&first) = outputs.first() else { return Err(Refusal::malformed("it has no output")) };
    Ok(Call {
        name: tensors::display_name(tensors::record(model, first)?, first)?,
        operator: model.operator_name(operator)?,
        inputs: inputs.map(|index| usize::try_from(index).ok()).collect(),
        outputs,
        options: operator.options()?,
    })
}

/// The graph's tensors for the model's inputs or outputs.
fn borders(
    model: &Model,
    lowering: &mut Lowering,
    indices: &[i32],
    role: &str,
    unsupported: &mut Vec<UnsupportedNode>,
) -> Result<Vec<TensorId>, ImportError> {
    let mut tensors = Vec::new();
    for &index in indices {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let name = tensors::record(model, index).and_then(|record| tensors::display_name(record, index));
        let name = name.unwrap_or_else(|_| format!("tensor {index}"));
        let tensor = lowering.tensor(index).and_then(|id| lowering.same_type(&[id]).map(|_| id));
        tensors.extend(collect(unsupported, name, role.into(), tensor)?);
    }
    Ok(tensors)
}
