//! ONNX models of several exporters, imported, simplified and interpreted, against onnxruntime and PyTorch.

use std::fs;
use std::path::Path;

use dunlin_convert::graph::Operator;
use dunlin_convert::import::onnx;
use dunlin_convert::passes;
use dunlin_convert::{Graph, ImportError};
use dunlin_tests::data;
use dunlin_tests::random::Random;
use dunlin_tests::reference::float;

/// A model, its file, the runtime in expected.npz, the permitted error, and the operators that are left.
const MODELS: [(&str, &str, &str, f32, &str); 6] = [
    (
        "digits_cnn",
        "digits_cnn.onnx",
        "torch",
        1e-5,
        "conv2d max_pool2d conv2d average_pool2d reshape fully_connected",
    ),
    (
        "housing_mlp",
        "housing_mlp.onnx",
        "torch",
        2e-5,
        "mul add fully_connected fully_connected fully_connected",
    ),
    (
        "mnist_mbv2",
        "mnist_mbv2.onnx",
        "torch",
        5e-5,
        "conv2d conv2d depthwise_conv2d conv2d add conv2d depthwise_conv2d conv2d conv2d depthwise_conv2d conv2d add \
         conv2d average_pool2d reshape fully_connected",
    ),
    (
        "kws",
        "kws_float.onnx",
        "onnx_float_ort",
        2e-6,
        "conv2d depthwise_conv2d conv2d depthwise_conv2d conv2d depthwise_conv2d conv2d depthwise_conv2d conv2d \
         average_pool2d reshape fully_connected softmax",
    ),
    (
        "ic",
        "ic_float.onnx",
        "onnx_float_ort",
        1e-5,
        "conv2d conv2d conv2d add conv2d conv2d conv2d add conv2d conv2d conv2d add average_pool2d reshape \
         fully_connected softmax",
    ),
    // The outputs span 60, and onnxruntime and LiteRT differ by 4e-3 here.
    (
        "ad",
        "ad_float.onnx",
        "onnx_float_ort",
        5e-3,
        "fully_connected fully_connected fully_connected fully_connected fully_connected fully_connected \
         fully_connected fully_connected fully_connected fully_connected",
    ),
];

fn import(path: &Path) -> Graph {
    onnx::import(&fs::read(path).unwrap()).unwrap()
}

fn import_simplified(path: &Path) -> Graph {
    let mut graph = import(path);
    passes::simplify(&mut graph).unwrap();
    graph
}

fn kinds(graph: &Graph) -> String {
    graph.nodes.iter().map(|node| node.operator.kind()).collect::<Vec<_>>().join(" ")
}

/// The greatest absolute error of a graph over the samples.
fn worst_error(graph: &Graph, inputs: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(inputs.len(), expected.len());
    let mut worst = 0.0f32;
    for (input, expected) in inputs.iter().zip(expected) {
        let output = &float::run_file_layout(graph, std::slice::from_ref(input))[0];
        assert_eq!(output.len(), expected.len());
        for (found, wanted) in output.iter().zip(expected) {
            assert!(found.is_finite());
            worst = worst.max((found - wanted).abs());
        }
    }
    worst
}

#[test]
fn models_compute_what_their_exporters_runtime_computes() {
    let Some(data) = data::directory() else { return };
    for (model, file, key, permitted, operators) in MODELS {
        let folder = data.join("models").join(model);
        let mut graph = import(&folder.join(file));
        let inputs = data::samples(&data::read_npz::<f32>(&folder.join("inputs.npz"), "x"));
        let expected = data::samples(&data::read_npz::<f32>(&folder.join("expected.npz"), key));
        let imported = worst_error(&graph, &inputs[..4], &expected[..4]);
        passes::simplify(&mut graph).unwrap();
        let simplified = worst_error(&graph, &inputs, &expected);
        eprintln!(
            "{model}: error {imported:.1e} as imported, {simplified:.1e} simplified: {}",
            kinds(&graph)
        );
        assert!(imported <= permitted && simplified <= permitted, "{model}");
        assert_eq!(kinds(&graph), operators, "{model}");
    }
}

#[test]
fn both_layouts_of_an_image_classifier_become_the_same_graph() {
    let Some(data) = data::directory() else { return };
    let folder = data.join("models/ic");
    let nhwc = import_simplified(&folder.join("ic_float.onnx"));
    let nchw = import_simplified(&folder.join("ic_float_nchw_op17.onnx"));
    assert_eq!(kinds(&nhwc), kinds(&nchw));
    for graph in [&nhwc, &nchw] {
        assert!(!graph.nodes.iter().any(|node| matches!(node.operator, Operator::Transpose { .. })));
        assert_eq!(graph.shape(graph.inputs[0]), [1, 32, 32, 3]);
    }
    assert!(nhwc.file_layouts.is_empty());
    assert_eq!(nchw.file_layouts[&nchw.inputs[0]].permutation, [0, 2, 3, 1]);

    // The same image, transposed as the NCHW file wants it, gives the same bits.
    let inputs = data::samples(&data::read_npz::<f32>(&folder.join("inputs.npz"), "x"));
    for input in &inputs[..4] {
        let channels_first = float::transpose(input, &[1, 32, 32, 3], &[0, 3, 1, 2]);
        let found = float::run_file_layout(&nchw, &[channels_first]);
        assert_eq!(found, float::run_file_layout(&nhwc, std::slice::from_ref(input)));
    }
}

#[test]
fn every_unsupported_node_is_listed() {
    let Some(data) = data::directory() else { return };
    for (file, expected) in [
        ("nab_lstm/nab_lstm.onnx", &["LSTM"] as &[&str]),
        ("sentiment_embed/sentiment_embed.onnx", &["graph input", "Gather"]),
    ] {
        let result = onnx::import(&fs::read(data.join("models").join(file)).unwrap());
        let Err(ImportError::Unsupported(nodes)) = result else { panic!("{file}: {result:?}") };
        let operators: Vec<&str> = nodes.iter().map(|node| node.operator.as_str()).collect();
        assert_eq!(operators, expected, "{file}");
        assert!(
            nodes
                .iter()
                .all(|node| !node.node.is_empty() && !node.reason.is_empty() && !node.advice.is_empty())
        );
    }
}

#[test]
fn damaged_files_are_errors_or_other_models_but_never_panics() {
    let Some(data) = data::directory() else { return };
    let bytes = fs::read(data.join("models/digits_cnn/digits_cnn.onnx")).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        assert!(onnx::import(&bytes[..length]).is_err(), "cut at {length}");
    }
    assert!(onnx::import(b"not a model").is_err());

    // Weights are most of the file; the first and last kilobytes hold the structure.
    let mut random = Random::new(3);
    for _ in 0..2000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(3) {
            let within = random.below(3000);
            let position = if random.below(2) == 0 { within } else { bytes.len() - 1 - within };
            damaged[position] = random.bits() as u8;
        }
        if let Ok(mut graph) = onnx::import(&damaged) {
            passes::simplify(&mut graph).unwrap();
        }
    }
}
