//! ONNX models of several exporters, imported and interpreted, against the outputs of onnxruntime and PyTorch.

use std::fs;
use std::path::Path;

use dunlin_convert::import::onnx;
use dunlin_convert::{Graph, ImportError};
use dunlin_tests::data;
use dunlin_tests::reference::float;

/// The greatest absolute error of a graph over all samples.
fn worst_error(graph: &Graph, folder: &Path, key: &str) -> f32 {
    let inputs = data::samples(&data::read_npz::<f32>(&folder.join("inputs.npz"), "x"));
    let expected = data::samples(&data::read_npz::<f32>(&folder.join("expected.npz"), key));
    assert_eq!(inputs.len(), expected.len());
    let mut worst = 0.0f32;
    for (input, expected) in inputs.iter().zip(&expected) {
        let output = &float::run_file_layout(graph, std::slice::from_ref(input))[0];
        assert_eq!(output.len(), expected.len());
        for (found, wanted) in output.iter().zip(expected) {
            worst = worst.max((found - wanted).abs());
        }
    }
    worst
}

#[test]
fn imported_models_compute_what_the_exporters_runtime_computes() {
    let Some(data) = data::directory() else { return };
    for (model, file, key) in [
        ("digits_cnn", "digits_cnn.onnx", "torch"),
        ("housing_mlp", "housing_mlp.onnx", "torch"),
        ("mnist_mbv2", "mnist_mbv2.onnx", "torch"),
        ("kws", "kws_float.onnx", "onnx_float_ort"),
        ("ic", "ic_float.onnx", "onnx_float_ort"),
        ("ad", "ad_float.onnx", "onnx_float_ort"),
    ] {
        let folder = data.join("models").join(model);
        let graph = onnx::import(&fs::read(folder.join(file)).unwrap()).unwrap();
        let error = worst_error(&graph, &folder, key);
        eprintln!("{model}: {error:e}");
    }
}

#[test]
fn every_unsupported_node_is_listed() {
    let Some(data) = data::directory() else { return };
    for (model, file) in [("nab_lstm", "nab_lstm.onnx"), ("sentiment_embed", "sentiment_embed.onnx")] {
        let bytes = fs::read(data.join("models").join(model).join(file)).unwrap();
        match onnx::import(&bytes) {
            Err(ImportError::Unsupported(nodes)) => eprintln!("{}", ImportError::Unsupported(nodes)),
            other => panic!("{other:?}"),
        }
    }
}
