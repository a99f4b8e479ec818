//! What ships is what the records say: same bytes, same outputs, same quality, and data from the stated seed.

use std::io::Cursor;

use dunlin_models::data::{digits, houses};
use dunlin_models::{Sample, Task, samples};
use ndarray::{Array1, Array2, ArrayD, Axis};
use ndarray_npy::{NpzReader, ReadableElement};
use sha2::{Digest, Sha256};
use tract_onnx::prelude::{Framework, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, tvec};

#[test]
fn files_are_those_that_the_records_name() {
    for sample in samples() {
        let record = sample.experiment().expect("the record is valid");
        assert_eq!(record.model, sample.name);
        let onnx = format!("{}.onnx", sample.name);
        let files = [
            (onnx.as_str(), sample.onnx),
            ("calibration.npz", sample.calibration),
            ("inputs.npz", sample.test),
        ];
        for (name, content) in files {
            let file = &record.files[name];
            assert_eq!(file.bytes, content.len(), "{}/{name}", sample.name);
            assert_eq!(file.sha256, sha256(content), "{}/{name}", sample.name);
        }
    }
}

#[test]
fn table_is_the_one_that_the_record_names_and_holds_the_test_inputs() {
    let sample = dunlin_models::sample("house_price").expect("is shipped");
    let table = include_str!("../pretrained/house_price/inputs.csv");
    let record = sample.experiment().expect("the record is valid");
    assert_eq!(record.files["inputs.csv"].sha256, sha256(table.as_bytes()));

    let mut lines = table.lines();
    assert_eq!(lines.next(), Some(houses::FEATURE_NAMES.join(",").as_str()));
    let values: Vec<f32> =
        lines.flat_map(|line| line.split(',').map(|cell| cell.parse().expect("is a number"))).collect();
    assert_eq!(values, array::<f32>(sample.test, "x").into_raw_vec_and_offset().0);
}

#[test]
fn inputs_come_from_the_seed_of_the_record() {
    let sample = dunlin_models::sample("digits").expect("is shipped");
    for (split, archive) in [("train", sample.calibration), ("test", sample.test)] {
        let drawn = digits::generate(seed(sample), split, 200);
        let levels: Vec<f32> = drawn.pixels.iter().map(|level| f32::from(*level) / 255.0).collect();
        assert_eq!(array::<f32>(archive, "x").into_raw_vec_and_offset().0, levels, "{split}");
    }
    assert_eq!(
        array::<u8>(sample.test, "y").into_raw_vec_and_offset().0,
        digits::generate(seed(sample), "test", 200).labels
    );

    let sample = dunlin_models::sample("house_price").expect("is shipped");
    for (split, archive) in [("train", sample.calibration), ("test", sample.test)] {
        let drawn = houses::generate(seed(sample), split, 200);
        assert_eq!(
            array::<f32>(archive, "x").into_raw_vec_and_offset().0,
            drawn.features.concat(),
            "{split}"
        );
    }
    let prices = houses::generate(seed(sample), "test", 200).prices;
    assert_eq!(array::<f32>(sample.test, "y").into_raw_vec_and_offset().0, prices);
}

/// An independent engine computes what the training framework computed, and is as good as the record says.
#[test]
fn models_compute_what_the_training_framework_computed() {
    for sample in samples() {
        let model = tract_onnx::onnx()
            .model_for_read(&mut Cursor::new(sample.onnx))
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .expect("the model runs");
        let inputs: ArrayD<f32> = array(sample.test, "x");
        let expected: Array2<f32> = array(sample.test, "expected").into_dimensionality().expect("has rows");
        let mut outputs = Array2::zeros(expected.dim());
        for (input, mut output) in inputs.axis_iter(Axis(0)).zip(outputs.rows_mut()) {
            let input: Tensor = input.insert_axis(Axis(0)).to_owned().into();
            let result = model.run(tvec!(input.into_tvalue())).expect("runs");
            let result = result[0].to_plain_array_view::<f32>().expect("is float32");
            let row = result.to_shape(result.len()).expect("is contiguous");
            output.assign(&row);
        }
        let scale = expected.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        let difference =
            (&outputs - &expected).iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert!(difference <= 1e-5 * scale, "{}: {difference} of {scale}", sample.name);

        let record = sample.experiment().expect("the record is valid");
        let (metric, quality) = match sample.task {
            Task::Classification => ("accuracy_of_shipped_inputs", accuracy(sample, &outputs)),
            Task::Regression { .. } => ("r2_of_shipped_inputs", determination(sample, &outputs)),
        };
        assert!((record.metrics[metric] - quality).abs() < 1e-5, "{}: {metric} {quality}", sample.name);
    }
}

fn accuracy(sample: &Sample, outputs: &Array2<f32>) -> f64 {
    let labels: Array1<u8> = array(sample.test, "y").into_dimensionality().expect("is a list");
    let best = |row: &[f32]| (0..row.len()).max_by(|left, right| row[*left].total_cmp(&row[*right]));
    let rows = outputs.rows().into_iter().zip(&labels);
    let correct = rows.filter(|(row, label)| best(&row.to_vec()) == Some(usize::from(**label))).count();
    correct as f64 / labels.len() as f64
}

fn determination(sample: &Sample, outputs: &Array2<f32>) -> f64 {
    let truth = array::<f32>(sample.test, "y").mapv(f64::from);
    let mean = truth.sum() / truth.len() as f64;
    let residual: f64 = truth.iter().zip(outputs).map(|(y, output)| (y - f64::from(*output)).powi(2)).sum();
    1.0 - residual / truth.mapv(|y| (y - mean).powi(2)).sum()
}

fn seed(sample: &Sample) -> u64 {
    let record = sample.experiment().expect("the record is valid");
    record.parameters["seed"].as_u64().expect("is a number")
}

fn array<T: ReadableElement>(archive: &[u8], name: &str) -> ArrayD<T> {
    NpzReader::new(Cursor::new(archive)).and_then(|mut npz| npz.by_name(name)).expect("holds the array")
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
