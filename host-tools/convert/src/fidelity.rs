//! How far a quantized model is from its float parent, layer by layer.

use std::collections::BTreeMap;

use dunlin_runtime::format::DataType;
use dunlin_runtime::{Error, Family, Model, Observer, Session, StepReport, dequantize, quantize};

use crate::pack::AlignedBytes;

/// Difference between a layer's output in two models, over all samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deviation {
    /// Σ f², f being the float output.
    pub signal: f64,
    /// Σ (f − q)², q being the real value of the quantized output.
    pub noise: f64,
    /// Largest |f − q|.
    pub worst: f64,
}

impl Deviation {
    /// Signal to quantization noise in decibels: 10 · log₁₀(Σ f² / Σ (f − q)²). Infinite where the outputs are equal.
    pub fn sqnr(&self) -> f64 {
        if self.noise == 0.0 { f64::INFINITY } else { 10.0 * (self.signal / self.noise).log10() }
    }

    fn add(&mut self, float: f32, quantized: f32) {
        let (float, error) = (f64::from(float), f64::from(float) - f64::from(quantized));
        self.signal += float * float;
        self.noise += error * error;
        self.worst = self.worst.max(error.abs());
    }
}

/// A model and the name of the layer that each of its steps computes.
#[derive(Debug, Clone, Copy)]
pub struct Named<'m> {
    /// The model.
    pub model: &'m Model<'m>,
    /// One name a step.
    pub names: &'m [String],
}

/// The real values of all step outputs of one run, by layer name.
#[derive(Default)]
struct Outputs<'n> {
    names: &'n [String],
    values: BTreeMap<&'n str, Vec<f32>>,
}

impl Observer for Outputs<'_> {
    fn end(&mut self, step: &StepReport<'_>) {
        let Some(name) = self.names.get(step.index) else { return };
        let values = self.values.entry(name).or_default();
        values.clear();
        extend_real(values, step.output, step.bytes);
    }
}

/// Appends the real values of a tensor's bytes.
fn extend_real(values: &mut Vec<f32>, tensor: &dunlin_runtime::format::TensorRecord, bytes: &[u8]) {
    if tensor.is(DataType::Int8) {
        values.extend(bytes.iter().map(|&byte| dequantize(byte as i8, tensor.scale, tensor.zero_point)));
    } else {
        values.extend(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
    }
}

/// Runs both models over the same samples; a [`Pair::run`] for each one.
pub struct Pair<'m> {
    float: Named<'m>,
    quantized: Named<'m>,
    float_arena: AlignedBytes,
    quantized_arena: AlignedBytes,
    layers: BTreeMap<&'m str, Deviation>,
    outputs: Vec<Deviation>,
}

impl<'m> Pair<'m> {
    /// Prepares two models with the same inputs and outputs.
    pub fn new(float: Named<'m>, quantized: Named<'m>) -> Pair<'m> {
        let arena = |named: Named<'_>| AlignedBytes::zeroed(named.model.arena_bytes(Family::best()));
        Pair {
            float,
            quantized,
            float_arena: arena(float),
            quantized_arena: arena(quantized),
            layers: BTreeMap::new(),
            outputs: vec![Deviation::default(); float.model.program().header().output_count.into()],
        }
    }

    /// Runs both models on one sample, in the order of the models' input, and returns the real values of the first output of each: float,
    /// quantized.
    ///
    /// # Errors
    /// If a model has other inputs or cannot be run.
    pub fn run(&mut self, sample: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let float = run(self.float, self.float_arena.as_mut_slice(), sample)?;
        let quantized = run(self.quantized, self.quantized_arena.as_mut_slice(), sample)?;
        for (name, quantized) in &quantized.layers.values {
            if let Some(float) = float.layers.values.get(name) {
                let deviation = self.layers.entry(name).or_default();
                float.iter().zip(quantized).for_each(|(&float, &quantized)| deviation.add(float, quantized));
            }
        }
        for (deviation, (float, quantized)) in
            self.outputs.iter_mut().zip(float.outputs.iter().zip(&quantized.outputs))
        {
            float.iter().zip(quantized).for_each(|(&float, &quantized)| deviation.add(float, quantized));
        }
        let first = |outputs: Vec<Vec<f32>>| outputs.into_iter().next().unwrap_or_default();
        Ok((first(float.outputs), first(quantized.outputs)))
    }

    /// Deviation of each layer that both models have, by name.
    pub fn layers(&self) -> &BTreeMap<&'m str, Deviation> {
        &self.layers
    }

    /// Deviation of each model output.
    pub fn outputs(&self) -> &[Deviation] {
        &self.outputs
    }
}

struct Run<'n> {
    layers: Outputs<'n>,
    outputs: Vec<Vec<f32>>,
}

fn run<'m>(named: Named<'m>, arena: &mut [u8], sample: &[f32]) -> Result<Run<'m>, Error> {
    let mut session = Session::new(named.model, arena)?;
    fill_input(&mut session, sample)?;
    let mut layers = Outputs { names: named.names, values: BTreeMap::new() };
    session.run_with(&mut layers)?;
    let program = named.model.program();
    let mut outputs = Vec::new();
    for index in 0..program.header().output_count.into() {
        let tensor = program.output(index).ok_or(Error::NoSuchTensor(index))?;
        let mut values = Vec::new();
        extend_real(&mut values, tensor, session.output_bytes(index)?);
        outputs.push(values);
    }
    Ok(Run { layers, outputs })
}

/// Writes a float sample into the first input of a session, quantized if the input is int8.
///
/// # Errors
/// [`Error::NoSuchTensor`] if the model has no input.
pub fn fill_input(session: &mut Session<'_>, sample: &[f32]) -> Result<(), Error> {
    let tensor = *session.model().program().input(0).ok_or(Error::NoSuchTensor(0))?;
    if tensor.is(DataType::Float32) {
        let input = session.input_f32(0)?;
        input.iter_mut().zip(sample).for_each(|(input, &value)| *input = value);
    } else {
        let input = session.input(0)?;
        let quantized = sample.iter().map(|&value| quantize(value, tensor.scale, tensor.zero_point));
        input.iter_mut().zip(quantized).for_each(|(input, value)| *input = value);
    }
    Ok(())
}
