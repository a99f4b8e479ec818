//! The pipeline of the price estimator.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;

use burn::module::Module;
use burn::nn::loss::{MseLoss, Reduction};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2, Axis, Slice, arr2};
use ndarray_npy::{NpzReader, NpzWriter};
use serde_json::Value;

use super::optimise::optimise;
use super::{Evaluation, Parameters, SHIPPED_INPUTS};
use crate::data::houses::{self, FEATURE_NAMES, FEATURES, Houses};
use crate::error::TrainError;
use crate::network::{HousePriceNetwork, Moments, weights};
use crate::pipeline::{Progress, Step};

pub(super) const PARAMETERS: Parameters = Parameters {
    seed: 7,
    epochs: 60,
    training_samples: 6_000,
    test_samples: 4_000,
    batch: 64,
    learning_rate: 4e-3,
};

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
        step("table", &["data"], Value::Null, Box::new(|inputs, _| table(inputs[0]))),
    ]
}

/// Draws both splits.
fn data(parameters: &Parameters) -> Result<Vec<u8>, TrainError> {
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let splits = [("train", parameters.training_samples), ("test", parameters.test_samples)];
    for (split, count) in splits {
        let Houses { features, prices } = houses::generate(parameters.seed, split, count);
        archive.add_array(format!("{split}_x"), &arr2(&features))?;
        archive.add_array(format!("{split}_y"), &Array1::from_vec(prices).insert_axis(Axis(1)))?;
    }
    Ok(archive.finish()?.into_inner())
}

fn train(
    data: &[u8],
    parameters: &Parameters,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, TrainError> {
    let (features, prices) = split(data, "train")?;
    let inputs = Moments::of(&rows::<FEATURES>(&features));
    let target = Moments::of(&rows::<1>(&prices));
    let prices = prices.mapv(|price| (price - target.mean[0]) / target.deviation[0]);

    let device = Device::flex().autodiff();
    let network =
        weights::initialise(HousePriceNetwork::new(&device), parameters.seed).standardizing(&inputs);
    let loss = |network: &HousePriceNetwork, indices: &[usize]| {
        let outputs = network.forward(tensor(&features.select(Axis(0), indices), &device));
        let targets = tensor(&prices.select(Axis(0), indices), &device);
        MseLoss::new().forward(outputs, targets, Reduction::Mean)
    };
    let (network, losses) = optimise(network, parameters, loss, progress)?;
    let network = network.scaling_output(&target);
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    weights::save(&network, &mut archive)?;
    archive.add_array("loss_per_epoch", &Array1::from_vec(losses))?;
    Ok(archive.finish()?.into_inner())
}

/// The prices that the framework computes for the test houses.
fn expected(data: &[u8], weights: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (features, _) = split(data, "test")?;
    let outputs = weights::values(network(weights)?.forward(tensor(&features, &Device::flex())));
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("expected", &Array1::from_vec(outputs).insert_axis(Axis(1)))?;
    Ok(archive.finish()?.into_inner())
}

fn evaluate(data: &[u8], weights: &[u8], expected: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (features, prices) = split(data, "test")?;
    let outputs: Array2<f32> = NpzReader::new(Cursor::new(expected))?.by_name("expected")?;
    let prices: Vec<f64> = prices.iter().copied().map(f64::from).collect();
    let outputs: Vec<f64> = outputs.iter().copied().map(f64::from).collect();
    // What an omniscient appraiser would say who knows all but the noise, whose mean is exp(σ² / 2).
    let bias = libm::exp(houses::PRICE_NOISE * houses::PRICE_NOISE / 2.0);
    let omniscient: Vec<f64> =
        rows::<FEATURES>(&features).iter().map(|row| bias * houses::expected_price(row)).collect();
    let errors = prices.iter().zip(&outputs).map(|(price, output)| (price - output).abs());
    let losses: Array1<f64> = NpzReader::new(Cursor::new(weights))?.by_name("loss_per_epoch")?;
    let evaluation = Evaluation {
        weights: network(weights)?.num_params(),
        loss_per_epoch: losses.to_vec(),
        metrics: BTreeMap::from([
            ("mean_absolute_error".into(), errors.sum::<f64>() / prices.len() as f64),
            ("r2".into(), determination(&prices, &outputs)),
            (
                "r2_of_shipped_inputs".into(),
                determination(&prices[..SHIPPED_INPUTS], &outputs[..SHIPPED_INPUTS]),
            ),
            ("r2_possible".into(), determination(&prices, &omniscient)),
        ]),
    };
    Ok(serde_json::to_vec_pretty(&evaluation)?)
}

/// The coefficient of determination R²: 1 - Σ(y - ŷ)² / Σ(y - mean)².
fn determination(truth: &[f64], estimates: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let square = |value: f64| value * value;
    let residual: f64 = truth.iter().zip(estimates).map(|(y, estimate)| square(y - estimate)).sum();
    let total: f64 = truth.iter().map(|y| square(y - mean)).sum();
    1.0 - residual / total
}

/// Houses of the training to calibrate with.
fn calibration(data: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (features, _) = split(data, "train")?;
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("x", &first(&features))?;
    Ok(archive.finish()?.into_inner())
}

/// Test houses with their prices and the framework's outputs.
fn test(data: &[u8], expected: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (features, prices) = split(data, "test")?;
    let outputs: Array2<f32> = NpzReader::new(Cursor::new(expected))?.by_name("expected")?;
    let mut archive = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    archive.add_array("x", &first(&features))?;
    archive.add_array("y", &first(&prices))?;
    archive.add_array("expected", &first(&outputs))?;
    Ok(archive.finish()?.into_inner())
}

/// The features of the shipped test houses as text, under a header.
fn table(data: &[u8]) -> Result<Vec<u8>, TrainError> {
    let (features, _) = split(data, "test")?;
    let mut text = FEATURE_NAMES.join(",") + "\n";
    for row in first(&features).rows() {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        writeln!(text, "{}", cells.join(",")).expect("a String takes every write");
    }
    Ok(text.into_bytes())
}

fn network(weights: &[u8]) -> Result<HousePriceNetwork, TrainError> {
    weights::load(HousePriceNetwork::new(&Device::flex()), &mut NpzReader::new(Cursor::new(weights))?)
}

fn split(data: &[u8], split: &str) -> Result<(Array2<f32>, Array2<f32>), TrainError> {
    let mut archive = NpzReader::new(Cursor::new(data))?;
    Ok((archive.by_name(&format!("{split}_x"))?, archive.by_name(&format!("{split}_y"))?))
}

/// What ships of a table that has one row per house.
fn first(table: &Array2<f32>) -> Array2<f32> {
    table.slice_axis(Axis(0), Slice::from(..SHIPPED_INPUTS)).to_owned()
}

fn rows<const N: usize>(table: &Array2<f32>) -> Vec<[f32; N]> {
    table.rows().into_iter().map(|row| std::array::from_fn(|column| row[column])).collect()
}

fn tensor(table: &Array2<f32>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = table.iter().copied().collect();
    Tensor::from_data(TensorData::new(values, table.shape().to_vec()), device)
}

#[cfg(test)]
mod tests {
    use super::determination;

    #[test]
    fn determination_is_one_for_the_truth_and_zero_for_its_mean() {
        let truth = [1.0, 2.0, 6.0];
        assert_eq!(determination(&truth, &truth), 1.0);
        assert_eq!(determination(&truth, &[3.0; 3]), 0.0);
        assert_eq!(determination(&truth, &[2.0, 2.0, 5.0]), 1.0 - 2.0 / 14.0);
    }
}
