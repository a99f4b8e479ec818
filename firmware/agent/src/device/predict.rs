//! Predictions, and what is counted about them.

use dunlin_protocol::ModelId;
use dunlin_runtime::format::{DataType, Operator, TensorRecord, section};
use dunlin_runtime::{Error, Family, Model, Session, quantize};
use embedded_storage_async::nor_flash::NorFlash;

use super::check::blob_bytes;
use super::{Device, PredictError};
use crate::event::Inference;
use crate::{Event, Platform, Values};

/// What a prediction gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// The model that served.
    pub model: ModelId,
    /// Elements of the model's first output.
    pub outputs: usize,
    /// Index and value of the largest output.
    pub largest: Option<(usize, f32)>,
    /// From sample to result, in µs.
    pub latency: u32,
}

impl<F: NorFlash, P: Platform<F>> Device<'_, F, P> {
    /// Runs the model that serves on a sample of its input, and counts what comes out. `outputs` gets the first output in real
    /// units, as far as it fits.
    ///
    /// The model is opened anew from its slot each time, so that the arena is free in between, and nothing runs that has
    /// changed since it was checked.
    ///
    /// # Errors
    /// [`PredictError`]. A failure of the runtime counts against a model on trial; a sample that does not fit does not.
    pub fn predict(
        &mut self,
        sample: Values<'_>,
        outputs: &mut [f32],
        now: u64,
    ) -> Result<Predicted, PredictError> {
        let Device { agent, store, platform, memory, .. } = self;
        let (Some(slot), Some(model_id)) = (agent.serving(), agent.model()) else {
            return Err(PredictError::NoModel);
        };
        let family = agent.profile().family;
        let start = platform.microseconds();
        let bytes = blob_bytes(platform, store, slot);
        let ran = run(bytes, memory.arena, family, sample);
        let (session, saturated, reference) = match ran {
            Ok(ran) => ran,
            Err(error) => {
                if let PredictError::Runtime(_) = error {
                    let inference = Inference {
                        latency: 0,
                        values: None,
                        saturated: 0,
                        is_classifier: false,
                        reference: &[],
                    };
                    agent.handle(Event::Inference(inference), now);
                }
                return Err(error);
            }
        };
        let latency = platform.microseconds().wrapping_sub(start);
        let model = *session.model();
        let output = output(&session).map_err(PredictError::Runtime)?;
        for (to, from) in outputs.iter_mut().zip(output.iter()) {
            *to = from;
        }
        let is_classifier = is_classifier(&model);
        let largest = output.largest();
        self.arena_used = self.arena_used.max(model.arena_bytes(family) as u32);
        let values = Some((sample, output));
        let inference = Inference { latency, values, saturated, is_classifier, reference };
        agent.handle(Event::Inference(inference), now);
        let predicted = Predicted { model: model_id, outputs: output.len(), largest, latency };
        self.compare(sample, predicted, now);
        Ok(predicted)
    }

    /// Runs the other model, if it is compared, on the same sample and in the same arena.
    fn compare(&mut self, sample: Values<'_>, predicted: Predicted, now: u64) {
        let Some(slot) = self.shadow else { return };
        let family = self.agent.profile().family;
        let bytes = blob_bytes(&self.platform, &self.store, slot);
        let agreed = run(bytes, self.memory.arena, family, sample)
            .is_ok_and(|(session, ..)| output(&session).is_ok_and(|output| agrees(predicted, output)));
        self.agent.handle(Event::Compared { agreed }, now);
    }
}

/// Whether a model's result is that of another one: the same largest output; for a single output a difference of at most 5 %.
fn agrees(one: Predicted, other: Values<'_>) -> bool {
    let (Some((class, value)), Some((other_class, other_value))) = (one.largest, other.largest()) else {
        return false;
    };
    if one.outputs != other.len() {
        return false;
    }
    if one.outputs > 1 {
        return class == other_class;
    }
    let step = match other {
        Values::Quantized { scale, .. } => scale,
        Values::Real(_) => 0.0,
    };
    let largest = value.abs().max(other_value.abs());
    (value - other_value).abs() <= (largest * 0.05).max(step)
}

type Ran<'a> = (Session<'a>, u32, &'a [u8]);

/// Runs a blob on a sample: the session with its outputs, the elements that were clamped, and the reference section.
fn run<'a>(
    bytes: &'a [u8],
    arena: &'a mut [u8],
    family: Family,
    sample: Values<'_>,
) -> Result<Ran<'a>, PredictError> {
    let model = Model::open(bytes)?;
    let mut session = Session::with_family(&model, arena, family)?;
    let inputs = usize::from(model.program().header().input_count);
    if inputs != 1 {
        return Err(PredictError::Inputs(inputs));
    }
    let saturated = fill(&mut session, sample)?;
    session.run()?;
    Ok((session, saturated, model.section(section::REFERENCE).unwrap_or_default()))
}

/// Fills the input. How many elements were clamped.
fn fill(session: &mut Session<'_>, sample: Values<'_>) -> Result<u32, PredictError> {
    let tensor = *session.model().program().input(0).ok_or(Error::NoSuchTensor(0))?;
    let (found, expected) = (sample.len(), tensor.elements().unwrap_or(0));
    if found != expected {
        return Err(PredictError::Length { found, expected });
    }
    let TensorRecord { scale, zero_point, .. } = tensor;
    if !tensor.is(DataType::Int8) {
        for (to, from) in session.input_f32(0)?.iter_mut().zip(sample.iter()) {
            *to = from;
        }
        return Ok(0);
    }
    let input = session.input(0)?;
    match sample {
        Values::Real(values) => {
            let mut saturated = 0u32;
            for (to, from) in input.iter_mut().zip(values) {
                *to = quantize(*from, scale, zero_point);
                let exact = *from / scale + zero_point as f32;
                saturated = saturated.saturating_add((!(-128.5..127.5).contains(&exact)).into());
            }
            Ok(saturated)
        }
        Values::Quantized { values, scale: given, zero_point: offset } => {
            if (given, offset) != (scale, zero_point) {
                return Err(PredictError::Quantization);
            }
            for (to, from) in input.iter_mut().zip(values) {
                *to = *from;
            }
            Ok(0)
        }
    }
}

/// The first output.
fn output<'a>(session: &'a Session<'_>) -> Result<Values<'a>, Error> {
    let tensor = session.model().program().output(0).ok_or(Error::NoSuchTensor(0))?;
    if tensor.is(DataType::Int8) {
        let values = session.output(0)?;
        return Ok(Values::Quantized { values, scale: tensor.scale, zero_point: tensor.zero_point });
    }
    Ok(Values::Real(session.output_f32(0)?))
}

/// Whether the last step is a softmax.
fn is_classifier(model: &Model<'_>) -> bool {
    let last = model.program().steps().last();
    last.is_some_and(|step| Operator::from_number(step.operator) == Some(Operator::Softmax))
}
