//! Training is deterministic, learns, and exports what it trained.

use std::io::Cursor;

use dunlin_models::TrainError;
use dunlin_models::pipeline::{Progress, Store};
use dunlin_models::train::{self, NAMES, Options, Trained};
use ndarray::{Array2, ArrayD, Axis};
use ndarray_npy::NpzReader;
use tract_onnx::prelude::{Framework, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, tvec};

fn options(seed: u64) -> Options {
    Options {
        seed,
        epochs: Some(2),
        training_samples: Some(320),
        test_samples: Some(200),
        store: Store::none(),
    }
}

fn trained(name: &str, seed: u64) -> Trained {
    train::run(name, &options(seed), &mut |_| {}).expect("trains")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for name in NAMES {
        let first = trained(name, 3);
        assert_eq!(first.files, trained(name, 3).files, "{name}");
        assert_ne!(
            first.file(&format!("{name}.onnx")),
            trained(name, 4).file(&format!("{name}.onnx")),
            "{name}"
        );
    }
}

#[test]
fn the_loss_falls_and_is_reported_as_recorded() {
    for name in NAMES {
        let mut reported = Vec::new();
        let mut listen = |progress: Progress<'_>| {
            if let Progress::Epoch { loss, .. } = progress {
                reported.push(loss);
            }
        };
        let trained = train::run(name, &options(5), &mut listen).expect("trains");
        assert_eq!(trained.experiment.loss_per_epoch, reported, "{name}");
        assert!(reported.len() == 2 && reported[1] < reported[0], "{name}: {reported:?}");
    }
}

/// An independent engine reads the export and agrees with the framework that trained.
#[test]
fn the_export_computes_what_was_trained() {
    for name in NAMES {
        let trained = trained(name, 11);
        let onnx = trained.file(&format!("{name}.onnx")).expect("is exported");
        let model = tract_onnx::onnx()
            .model_for_read(&mut Cursor::new(onnx))
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .expect("the model runs");
        let mut inputs = NpzReader::new(Cursor::new(trained.file("inputs.npz").expect("is written")))
            .expect("is an archive");
        let x: ArrayD<f32> = inputs.by_name("x").expect("holds inputs");
        let expected: Array2<f32> = inputs.by_name("expected").expect("holds outputs");
        let scale = expected.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        for (input, row) in x.axis_iter(Axis(0)).zip(expected.rows()) {
            let input: Tensor = input.insert_axis(Axis(0)).to_owned().into();
            let output = model.run(tvec!(input.into_tvalue())).expect("runs");
            let output = output[0].to_plain_array_view::<f32>().expect("is float32");
            for (left, right) in output.iter().zip(row) {
                assert!((left - right).abs() <= 1e-5 * scale, "{name}: {left} instead of {right}");
            }
        }
    }
}

#[test]
fn impossible_requests_are_explained() {
    let unknown = train::run("cats", &options(1), &mut |_| {}).expect_err("is unknown");
    assert_eq!(unknown.to_string(), "there is no pipeline named `cats`; choose one of digits, house_price");
    let few = Options { training_samples: Some(5), ..options(1) };
    let error = train::run("digits", &few, &mut |_| {}).expect_err("is too few");
    assert!(matches!(error, TrainError::Parameter { parameter: "training samples", value: 5, least: 200 }));
}
