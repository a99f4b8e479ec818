//! How far a quantized model is from its float parent, layer by layer.

use std::collections::BTreeMap;

use dunlin_runtime::format::{DataType, TensorRecord};
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

/// A model that is ready to run, and the name of the layer that each of its steps computes.
#[derive(Debug)]
pub struct Named<'m> {
    session: Session<'m>,
    names: &'m [String],
}

impl<'m> Named<'m> {
    /// Prepares to run a model, once for all samples, in an arena that is given the model's size. There is one name for each step.
    ///
    /// # Errors
    /// If this processor has no kernels for the model.
    pub fn new(
        model: &Model<'m>,
        arena: &'m mut AlignedBytes,
        names: &'m [String],
    ) -> Result<Named<'m>, Error> {
        *arena = AlignedBytes::zeroed(model.arena_bytes(Family::best()));
        Ok(Named { session: Session::new(model, arena.as_mut_slice())?, names })
    }

    /// Runs the model and returns the real values of its outputs.
    fn run(&mut self, sample: &[f32], mut observer: impl Observer) -> Result<Vec<Vec<f32>>, Error> {
        fill_input(&mut self.session, sample)?;
        self.session.run_with(&mut observer)?;
        let program = self.session.model().program();
        let output = |index: usize| {
            let tensor = program.output(index).ok_or(Error::NoSuchTensor(index))?;
            Ok(real_values(tensor, self.session.output_bytes(index)?).collect())
        };
        (0..program.header().output_count.into()).map(output).collect()
    }
}

/// Real values of step outputs, by layer name.
type Values<'n> = BTreeMap<&'n str, Vec<f32>>;

/// Keeps the outputs of all steps of the float model.
struct Keeping<'n, 'v> {
    names: &'n [String],
    values: &'v mut Values<'n>,
}

impl Observer for Keeping<'_, '_> {
    fn end(&mut self, step: &StepReport<'_>) {
        let Some(name) = self.names.get(step.index) else { return };
        let values = self.values.entry(name).or_default();
        values.clear();
        values.extend(real_values(step.output, step.bytes));
    }
}

/// Compares the outputs of all steps of the quantized model with what was kept, while they are there.
struct Comparing<'n, 'v> {
    names: &'n [String],
    float: &'v Values<'n>,
    layers: &'v mut BTreeMap<&'n str, Deviation>,
}

impl Observer for Comparing<'_, '_> {
    fn end(&mut self, step: &StepReport<'_>) {
        let Some(name) = self.names.get(step.index) else { return };
        let Some(float) = self.float.get(name.as_str()) else { return };
        let deviation = self.layers.entry(name).or_default();
        float
            .iter()
            .zip(real_values(step.output, step.bytes))
            .for_each(|(&float, quantized)| deviation.add(float, quantized));
    }
}

/// The real values of a tensor's bytes.
fn real_values(tensor: &TensorRecord, bytes: &[u8]) -> impl Iterator<Item = f32> {
    let integers = if tensor.is(DataType::Int8) { bytes } else { &[] };
    let floats = if tensor.is(DataType::Int8) { &[] } else { bytes };
    let integers = integers.iter().map(|&byte| dequantize(byte as i8, tensor.scale, tensor.zero_point));
    integers.chain(floats.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)))
}

/// Runs both models over the same samples; a [`Pair::run`] for each one.
pub struct Pair<'m> {
    float: Named<'m>,
    quantized: Named<'m>,
    float_values: Values<'m>,
    layers: BTreeMap<&'m str, Deviation>,
    outputs: Vec<Deviation>,
}

impl<'m> Pair<'m> {
    /// Prepares two models with the same inputs and outputs.
    pub fn new(float: Named<'m>, quantized: Named<'m>) -> Pair<'m> {
        let outputs = float.session.model().program().header().output_count.into();
        Pair {
            float,
            quantized,
            float_values: BTreeMap::new(),
            layers: BTreeMap::new(),
            outputs: vec![Deviation::default(); outputs],
        }
    }

    /// Runs both models on one sample, in the order of the models' input, and returns the real values of the first output of each: float,
    /// quantized.
    ///
    /// # Errors
    /// If a model has other inputs or cannot be run.
    pub fn run(&mut self, sample: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let keeping = Keeping { names: self.float.names, values: &mut self.float_values };
        let float = self.float.run(sample, keeping)?;
        let names = self.quantized.names;
        let comparing = Comparing { names, float: &self.float_values, layers: &mut self.layers };
        let quantized = self.quantized.run(sample, comparing)?;
        for (deviation, (float, quantized)) in self.outputs.iter_mut().zip(float.iter().zip(&quantized)) {
            float.iter().zip(quantized).for_each(|(&float, &quantized)| deviation.add(float, quantized));
        }
        let first = |outputs: Vec<Vec<f32>>| outputs.into_iter().next().unwrap_or_default();
        Ok((first(float), first(quantized)))
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
