//! Tensors of the file as tensors of the graph.

use super::lowering::{Budget, Refusal};
use super::schema::{ElementType, Model, TensorRecord};
use crate::graph::{Constant, DataType, Quantization, Tensor};

/// More elements than any device of ours could hold.
const MAX_ELEMENTS: usize = 1 << 31;

/// The graph's counterpart of a tensor, with its values if the file holds them. Their bytes are taken from `budget`.
///
/// # Errors
/// If the tensor is malformed or of a kind that the graph cannot express.
pub fn import(model: &Model, index: usize, budget: &mut Budget) -> Result<Tensor, Refusal> {
    let record = record(model, index)?;
    let name = display_name(record, index)?;
    let unsupported =
        |what: String, advice: &str| Refusal::unsupported(format!("tensor `{name}` {what}"), advice);
    if record.is_variable()? {
        return Err(unsupported("keeps state from run to run".into(), "unroll the recurrent layers"));
    }
    if record.is_sparse()? {
        return Err(unsupported("is sparse".into(), "convert the model without sparsity"));
    }
    let data_type = match record.element_type()? {
        ElementType::FLOAT32 => DataType::F32,
        ElementType::INT8 => DataType::I8,
        ElementType::INT32 => DataType::I32,
        other => {
            let advice = "convert the model with int8 weights and activations, or in float32";
            return Err(unsupported(format!("has elements of type {}", other.name()), advice));
        }
    };
    let shape = shape(record, &name)?;
    let bytes = contents(model, record)?;
    let constant = if bytes.is_empty() { None } else { Some(constant(data_type, bytes, &name, budget)?) };
    let elements: usize = shape.iter().product();
    if constant.as_ref().is_some_and(|constant| constant.len() != elements) {
        return Err(Refusal::malformed(format!(
            "tensor `{name}` has too few or too many values for its shape"
        )));
    }
    let quantization = quantization(record, &name, &shape, data_type, constant.is_some())?;
    let scales = quantization.as_ref().map_or(0, |quantization| quantization.scales.len());
    budget.spend(scales * size_of::<f32>())?;
    Ok(Tensor { name, shape, data_type, constant, quantization })
}

/// The values of a constant tensor of integers.
///
/// # Errors
/// If the tensor is computed when the model runs or does not hold integers.
pub fn integers(model: &Model, index: usize) -> Result<Vec<i64>, Refusal> {
    const MAX_BYTES: usize = 1 << 12;
    let record = record(model, index)?;
    let bytes = contents(model, record)?;
    let name = display_name(record, index)?;
    if bytes.is_empty() {
        return Err(Refusal::unsupported(
            format!("`{name}` is computed where only a constant will do"),
            "fix the model's shapes, so that they are not computed when it runs",
        ));
    }
    let whole = |rest: &[u8]| rest.is_empty() && bytes.len() <= MAX_BYTES;
    match record.element_type()? {
        ElementType::INT32 => {
            let (values, rest) = bytes.as_chunks::<4>();
            whole(rest).then(|| values.iter().map(|&value| i32::from_le_bytes(value).into()).collect())
        }
        ElementType::INT64 => {
            let (values, rest) = bytes.as_chunks::<8>();
            whole(rest).then(|| values.iter().map(|&value| i64::from_le_bytes(value)).collect())
        }
        _ => None,
    }
    .ok_or_else(|| Refusal::malformed(format!("`{name}` does not hold a few whole integers")))
}

/// The name of a tensor, or its index if it has none.
pub fn display_name(record: TensorRecord, index: usize) -> Result<String, Refusal> {
    let name = record.name()?;
    Ok(if name.is_empty() { format!("tensor {index}") } else { name })
}

/// The file's tensor with this index.
pub fn record<'a>(model: &Model<'a>, index: usize) -> Result<TensorRecord<'a>, Refusal> {
    model.tensors.get(index).copied().ok_or_else(|| Refusal::malformed(format!("there is no tensor {index}")))
}

fn contents<'a>(model: &Model<'a>, record: TensorRecord) -> Result<&'a [u8], Refusal> {
    let buffer = record.buffer()?;
    model
        .buffers
        .get(buffer)
        .copied()
        .ok_or_else(|| Refusal::malformed(format!("there is no buffer {buffer}")))
}

fn shape(record: TensorRecord, name: &str) -> Result<Vec<usize>, Refusal> {
    let extents = record.shape()?;
    if extents.len() > 4 {
        return Err(Refusal::unsupported(
            format!("tensor `{name}` has rank {}", extents.len()),
            "reshape the model to at most four axes",
        ));
    }
    let shape: Option<Vec<usize>> =
        extents.map(|extent| usize::try_from(extent).ok().filter(|&extent| extent > 0)).collect();
    let shape = shape.ok_or_else(|| {
        Refusal::unsupported(
            format!("the shape of tensor `{name}` is not known before the model runs"),
            "convert the model with a fixed input shape",
        )
    })?;
    let elements = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    match elements {
        Some(elements) if elements <= MAX_ELEMENTS => Ok(shape),
        _ => Err(Refusal::malformed(format!("tensor `{name}` of shape {shape:?} is too large"))),
    }
}

fn constant(data_type: DataType, bytes: &[u8], name: &str, budget: &mut Budget) -> Result<Constant, Refusal> {
    budget.spend(bytes.len())?;
    let whole = |rest: &[u8]| match rest {
        [] => Ok(()),
        _ => Err(Refusal::malformed(format!("tensor `{name}` ends inside of a value"))),
    };
    Ok(match data_type {
        DataType::I8 => Constant::I8(bytes.iter().map(|&byte| byte.cast_signed()).collect()),
        DataType::I32 => {
            let (values, rest) = bytes.as_chunks::<4>();
            whole(rest)?;
            Constant::I32(values.iter().map(|&value| i32::from_le_bytes(value)).collect())
        }
        DataType::F32 => {
            let (values, rest) = bytes.as_chunks::<4>();
            whole(rest)?;
            Constant::floats(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
        }
    })
}

/// Scales and zero points, checked: activations have one positive scale and a zero point that int8 can express.
fn quantization(
    record: TensorRecord,
    name: &str,
    shape: &[usize],
    data_type: DataType,
    is_constant: bool,
) -> Result<Option<Quantization>, Refusal> {
    let malformed = |problem: &str| Refusal::malformed(format!("tensor `{name}` {problem}"));
    let Some(quantization) = record.quantization()?.filter(|_| data_type != DataType::F32) else {
        return match data_type {
            DataType::I8 => Err(malformed("holds int8 values without a quantization")),
            DataType::F32 | DataType::I32 => Ok(None),
        };
    };
    if quantization.is_custom()? {
        return Err(Refusal::unsupported(
            format!("tensor `{name}` is quantized in blocks or in a custom way"),
            "convert the model with one scale per tensor or per channel",
        ));
    }
    let (scales, zero_points) = (quantization.scales()?, quantization.zero_points()?);
    if scales.len() == 0 {
        return if data_type == DataType::I8 {
            Err(malformed("holds int8 values without a scale"))
        } else {
            Ok(None)
        };
    }
    let axis = match scales.len() {
        1 => None,
        count => {
            let axis = usize::try_from(quantization.dimension()?).ok();
            if axis.and_then(|axis| shape.get(axis)) != Some(&count) {
                return Err(malformed("does not have one scale for each index of its quantized dimension"));
            }
            axis
        }
    };
    if axis.is_some() && !is_constant {
        return Err(Refusal::unsupported(
            format!("the activation `{name}` has a scale per channel"),
            "convert the model with one scale per activation tensor",
        ));
    }
    if zero_points.len() > scales.len() {
        return Err(malformed("has more zero points than scales"));
    }
    let scales: Vec<f32> = scales.collect();
    let usable = |scale: &f32| scale.is_finite() && (*scale > 0.0 || (is_constant && *scale == 0.0));
    if !scales.iter().all(usable) {
        return Err(malformed("has a scale that is not a positive number"));
    }
    let zero_points: Option<Vec<i32>> =
        zero_points.map(|zero| i8::try_from(zero).ok().map(i32::from)).collect();
    let mut zero_points = zero_points.ok_or_else(|| malformed("has a zero point outside of int8"))?;
    zero_points.resize(scales.len(), 0);
    Ok(Some(Quantization { scales, zero_points, axis }))
}
