//! The pipeline of the digit classifier.

use std::collections::BTreeMap;
use std::io::Cursor;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::{Array1, Array2, Array4, Axis, Slice};
use ndarray_npy::{NpzReader, NpzWriter};
use serde_json::Value;

use super::optimise::optimise;
use super::{Evaluation, Parameters, SHIPPED_INPUTS};
use crate::data::digits::{self, Digits, LABELS, SIDE};
use crate::error::TrainError;
use crate::network::{DigitsNetwork, weights};
use crate::pipeline::{Progress, Step};

pub(super) const PARAMETERS: Parameters = Parameters {
    seed: 7,
    epochs: 16,
    training_samples: 30_000,
    test_samples: 4_000,
    batch: 64,
    learning_rate: 4e-3,
};

/// Images that go through the network at once outside training.
const EVALUATION_BATCH: usize = 250;

pub(super) fn steps(parameters: Parameters) -> Vec<Step<'static>> {
    let step = |name, inputs, parameters, work| Step { name, revision: 1, inputs, parameters, work };
    vec![
        step("data", &[], parameters.of_data(), Box::new(move |_, _| data(&parameters))),
        step(
            "weights",
            &["data"],
            parameters.of_weights(),
            Box::new(move |inputs, progress| train(inputs[0], &parameters, progress)),
        ),
        step("model", &["weights"], Value::Null, Box::new(|inputs, _| Ok(network(inputs[0])?.to_onnx()))),
        step(
            "expected",
            &["data", "weights"],
            Value::Null,
            Box::new(|inputs, _| expected(inputs[0], inputs[1])),
        ),
        step(
            "evaluation",
            &["data", "weights", "expected"],
            Value::Null,
            Box::new(|inputs, _| evaluate(inputs[0], inputs[1], inputs[2])),
        ),
        step("calibration", &["data"], Value::Null, Box::new(|inputs, _| calibration(inputs[0]))),
        step("inputs", &["data", "expected"], Value::Null, Box::new(|inputs, _| test(inputs[0], inputs[1]))),
    ]
}

/// Draws both splits.
fn data(parameters: &Parameters) -> Result<Vec<u8>, TrainError> {
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let splits = [("train", parameters.training_samples), ("test", parameters.test_samples)];
    for (split, count) in splits {
        let Digits { pixels, labels } = digits::generate(parameters.seed, split, count);
        let images = Array4::from_shape_vec((count, 1, SIDE, SIDE), pixels).expect("images are whole");
        archive.add_array(format!("{split}_x"), &images)?;
        archive.add_array(format!("{split}_y"), &Array1::from_vec(labels))?;
    }
    Ok(archive.finish()?.into_inner())
}

fn train(
    data: &[u8],
    parameters: &Parameters,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, TrainError> {
    let (images, labels) = split(data, "train")?;
    let device = Device::flex().autodiff();
    let network = weights::initialise(DigitsNetwork::new(&device), parameters.seed);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let loss = |network: &DigitsNetwork, indices: &[usize]| {
        let targets: Vec<i64> = indices.iter().map(|index| i64::from(labels[*index])).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [indices.len()]), &device);
        cross_entropy.forward(network.logits(tensor(&images.select(Axis(0), indices), &device)), targets)
    };
    let (network, losses) = optimise(network, parameters, loss, progress)?;
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    weights::save(&network, &mut archive)?;
    archive.add_array("loss_per_epoch", &Array1::from_vec(losses))?;
    Ok(archive.finish()?.into_inner())
}

/// The probabilities that the framework computes for the test images.
fn expected(data: &[u8], weights: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (images, _) = split(data, "test")?;
    let network = network(weights)?;
    let mut outputs = Vec::with_capacity(images.len_of(Axis(0)) * LABELS.len());
    for batch in images.axis_chunks_iter(Axis(0), EVALUATION_BATCH) {
        outputs.extend(weights::values(network.probabilities(tensor(&batch.to_owned(), &Device::flex()))));
    }
    let outputs = Array2::from_shape_vec((images.len_of(Axis(0)), LABELS.len()), outputs);
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("expected", &outputs.expect("one row per image"))?;
    Ok(archive.finish()?.into_inner())
}

fn evaluate(data: &[u8], weights: &[u8], expected: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (_, labels) = split(data, "test")?;
    let outputs: Array2<f32> = NpzReader::new(Cursor::new(expected))?.by_name("expected")?;
    let correct = |count: usize| {
        let rows = outputs.rows().into_iter().zip(&labels).take(count);
        rows.filter(|(row, label)| {
            let best = row.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1));
            best.is_some_and(|(class, _)| class == usize::from(**label))
        })
        .count() as f64
            / count as f64
    };
    let losses: Array1<f64> = NpzReader::new(Cursor::new(weights))?.by_name("loss_per_epoch")?;
    let evaluation = Evaluation {
        weights: network(weights)?.num_params(),
        loss_per_epoch: losses.to_vec(),
        metrics: BTreeMap::from([
            ("accuracy".into(), correct(labels.len())),
            ("accuracy_of_shipped_inputs".into(), correct(SHIPPED_INPUTS)),
        ]),
    };
    Ok(serde_json::to_vec_pretty(&evaluation)?)
}

/// Training images to calibrate with.
fn calibration(data: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (images, _) = split(data, "train")?;
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("x", &levels(&first(&images)))?;
    Ok(archive.finish()?.into_inner())
}

/// Test images with their digits and the framework's outputs.
fn test(data: &[u8], expected: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (images, labels) = split(data, "test")?;
    let outputs: Array2<f32> = NpzReader::new(Cursor::new(expected))?.by_name("expected")?;
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("x", &levels(&first(&images)))?;
    archive.add_array("y", &first(&labels))?;
    archive.add_array("expected", &first(&outputs))?;
    Ok(archive.finish()?.into_inner())
}

fn network(weights: &[u8]) -> Result<DigitsNetwork, TrainError> {
    weights::load(DigitsNetwork::new(&Device::flex()), &mut NpzReader::new(Cursor::new(weights))?)
}

fn split(data: &[u8], split: &str) -> Result<(Array4<u8>, Array1<u8>), TrainError> {
    let mut archive = NpzReader::new(Cursor::new(data))?;
    Ok((archive.by_name(&format!("{split}_x"))?, archive.by_name(&format!("{split}_y"))?))
}

/// What ships of an array that has one entry per sample.
fn first<A: Clone, D: ndarray::RemoveAxis>(array: &ndarray::Array<A, D>) -> ndarray::Array<A, D> {
    array.slice_axis(Axis(0), Slice::from(..SHIPPED_INPUTS)).to_owned()
}

/// Grey levels as models see them: from 0 to 1.
fn levels(images: &Array4<u8>) -> Array4<f32> {
    images.mapv(|level| f32::from(level) / 255.0)
}

fn tensor(images: &Array4<u8>, device: &Device) -> Tensor<4> {
    let shape = images.shape().to_vec();
    Tensor::from_data(TensorData::new(levels(images).into_iter().collect::<Vec<f32>>(), shape), device)
}
