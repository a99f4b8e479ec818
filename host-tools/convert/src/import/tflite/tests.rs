//! Real models import with their integers untouched; damaged files never cause a panic.

use std::path::{Path, PathBuf};

use super::import;
use super::test_model::{TestModel, Value, element};
use crate::error::ImportError;
use crate::graph::{Activation, Constant, DataType, Graph, Operator, Padding, UnaryFunction};

const ADD: i32 = 0;
const CONCATENATION: i32 = 2;
const DEPTHWISE_CONV_2D: i32 = 4;
const FULLY_CONNECTED: i32 = 9;
const LSTM: i32 = 16;
const PADV2: i32 = 60;
const STRIDED_SLICE: i32 = 45;
const SPLIT: i32 = 49;
const RESIZE_NEAREST_NEIGHBOR: i32 = 97;
const LEAKY_RELU: i32 = 98;

/// A model of the shared data, if the data is there.
fn model(name: &str) -> Option<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("DUNLIN_DATA").map_or_else(beside, PathBuf::from);
    let bytes = std::fs::read(data.join("models").join(name)).ok();
    if bytes.is_none() {
        eprintln!("skipped: {name} is not in {}", data.display());
    }
    bytes
}

fn kinds(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|node| node.operator.kind()).collect()
}

#[test]
fn real_models_keep_their_operators_and_integers() {
    let dscnn = [
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "average_pool2d",
        "reshape",
        "fully_connected",
        "softmax",
    ];
    let resnet = [
        "conv2d",
        "conv2d",
        "conv2d",
        "add",
        "conv2d",
        "conv2d",
        "conv2d",
        "add",
        "conv2d",
        "conv2d",
        "conv2d",
        "add",
        "average_pool2d",
        "reshape",
        "fully_connected",
        "softmax",
    ];
    let cases: [(&str, &[&str], f32, i32); 4] = [
        ("kws/kws_int8.tflite", &dscnn, 0.584703, 83),
        ("kws/kws_ptq_int8.tflite", &dscnn, 0.58241, 84),
        ("ic/ic_int8.tflite", &resnet, 1.0, -128),
        ("ad/ad_int8.tflite", &["fully_connected"; 10], 0.391015, 89),
    ];
    for (name, expected, scale, zero_point) in cases {
        let Some(file) = model(name) else { return };
        let graph = import(&file).unwrap();
        assert_eq!(kinds(&graph), expected, "{name}");
        let input = graph.tensor(graph.inputs[0]).quantization.clone().unwrap();
        assert!(
            (input.scales[0] - scale).abs() < 1e-5 && input.zero_points == [zero_point],
            "{name}: {input:?}"
        );
        for tensor in &graph.tensors {
            let in_file = |bytes: &[u8]| file.windows(bytes.len()).any(|window| window == bytes);
            let (bytes, axis): (Vec<u8>, _) = match &tensor.constant {
                Some(Constant::I8(values)) => (values.iter().map(|value| value.cast_unsigned()).collect(), 4),
                Some(Constant::I32(values)) => {
                    (values.iter().flat_map(|value| value.to_le_bytes()).collect(), 1)
                }
                Some(Constant::F32(_)) => panic!("{name}: {} became float", tensor.name),
                None => continue,
            };
            assert!(in_file(&bytes), "{name}: the values of {} are not those of the file", tensor.name);
            let quantization = tensor.quantization.as_ref().unwrap();
            let scales: Vec<u8> = quantization.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
            assert!(in_file(&scales), "{name}: the scales of {} are not those of the file", tensor.name);
            assert!(
                quantization.axis.is_none_or(|found| found < axis)
                    && quantization.zero_points.iter().all(|&z| z == 0)
            );
        }
    }
}

#[test]
fn float_models_import_and_hybrid_ones_say_why_not() {
    for name in ["kws/kws_float.tflite", "ic/ic_float.tflite", "ad/ad_float.tflite"] {
        let Some(file) = model(name) else { return };
        let graph = import(&file).unwrap();
        assert!(graph.tensors.iter().all(|tensor| tensor.data_type != DataType::I8), "{name}");
    }
    let Some(file) = model("kws/kws_hybrid_f32io.tflite") else { return };
    let Err(ImportError::Unsupported(nodes)) = import(&file) else { panic!("a hybrid model was taken") };
    assert_eq!(nodes.iter().filter(|node| node.operator.ends_with("CONV_2D")).count(), nodes.len());
    assert!(nodes.iter().all(|node| node.reason.contains("int8") && !node.advice.is_empty()));
}

/// A model with one operator of most kinds.
fn small_model() -> Vec<u8> {
    let mut model = TestModel::default();
    let x = model.activation("x", &[1, 4, 4, 2]);
    let taps: Vec<u8> = (0..16).collect();
    let weights = model.tensor("weights", element::INT8, &[1, 2, 2, 4], (&[0.1, 0.2, 0.3, 0.4], 0, 3), &taps);
    let wide = model.activation("wide", &[1, 2, 2, 4]);
    let stride_two = |activation| {
        vec![(1, Value::Int(2)), (2, Value::Int(2)), (3, Value::Int(2)), (4, Value::Byte(activation))]
    };
    model.operator(DEPTHWISE_CONV_2D, &[x, weights, -1], &[wide], stride_two(1));
    let axis = model.integers("axis", &[3]);
    let halves = [model.activation("left", &[1, 2, 2, 2]), model.activation("right", &[1, 2, 2, 2])];
    model.operator(SPLIT, &[axis, wide], &halves, vec![(0, Value::Int(2))]);
    let joined = model.activation("joined", &[1, 2, 4, 2]);
    model.operator(CONCATENATION, &[halves[1], halves[0]], &[joined], vec![(0, Value::Int(-2))]);
    let pads = model.integers("pads", &[0, 0, 1, 0, 0, 2, 0, 0]);
    let added = model.tensor("added", element::INT8, &[1], (&[0.5], 3, 0), &[9]);
    let padded = model.activation("padded", &[1, 3, 6, 2]);
    model.operator(PADV2, &[joined, pads, added], &[padded], vec![]);
    let extents = model.integers("extents", &[6, 3]);
    let resized = model.activation("resized", &[1, 6, 3, 2]);
    model.operator(RESIZE_NEAREST_NEIGHBOR, &[padded, extents], &[resized], vec![(1, Value::Byte(1))]);
    let bounds = [[0, 1, -1, 0], [0, 6, 0, 2], [1, 2, 1, 1]].map(|values| model.integers("bounds", &values));
    let rows = model.activation("rows", &[1, 3, 2]);
    let masks = vec![(0, Value::Int(0b0001)), (1, Value::Int(0b0001)), (4, Value::Int(0b0100))];
    model.operator(STRIDED_SLICE, &[resized, bounds[0], bounds[1], bounds[2]], &[rows], masks);
    let dense = model.tensor("dense", element::INT8, &[2, 6], (&[0.25], 0, 0), &[1; 12]);
    let scores = model.activation("scores", &[2]);
    model.operator(FULLY_CONNECTED, &[rows, dense], &[scores], vec![]);
    let result = model.activation("result", &[2]);
    model.operator(LEAKY_RELU, &[scores], &[result], vec![(0, Value::Float(0.25))]);
    model.finish(&[x], &[result])
}

#[test]
fn options_become_explicit() {
    let graph = import(&small_model()).unwrap();
    let expected = [
        "conv2d",
        "slice",
        "slice",
        "concat",
        "pad",
        "resize_nearest",
        "slice",
        "reshape",
        "reshape",
        "fully_connected",
        "reshape",
        "leaky_relu",
    ];
    assert_eq!(kinds(&graph), expected);
    let operator = |index: usize| graph.nodes[index].operator.clone();

    let convolution = Operator::Conv2d {
        stride: [2, 2],
        dilation: [1, 1],
        padding: Padding::default(),
        groups: 2,
        activation: Activation::Relu,
    };
    assert_eq!(operator(0), convolution);
    let weights = graph.tensor(graph.nodes[0].inputs[1]);
    assert_eq!(weights.shape, [4, 2, 2, 1]);
    let taps = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
    assert_eq!(weights.constant, Some(Constant::I8(taps.to_vec())));
    assert_eq!(weights.quantization.as_ref().unwrap().axis, Some(0));
    let bias = graph.tensor(graph.nodes[0].inputs[2]);
    assert_eq!(bias.constant, Some(Constant::I32(vec![0; 4])));
    assert_eq!(
        bias.quantization.as_ref().unwrap().scales,
        [0.1, 0.2, 0.3, 0.4].map(|scale: f32| scale * 0.5)
    );

    assert_eq!(operator(2), Operator::Slice { starts: vec![0, 0, 0, 2], strides: vec![1; 4] });
    assert_eq!(operator(3), Operator::Concat { axis: 2 });
    let pad = Operator::Pad { before: vec![0, 1, 0, 0], after: vec![0, 0, 2, 0], value: 3.0 };
    assert_eq!(operator(4), pad);
    let resize =
        Operator::ResizeNearest { source_rows: vec![0, 0, 1, 1, 2, 2], source_columns: vec![1, 3, 5] };
    assert_eq!(operator(5), resize);
    assert_eq!(operator(6), Operator::Slice { starts: vec![0, 1, 2, 0], strides: vec![1, 2, 1, 1] });
    assert_eq!(graph.shape(graph.nodes[6].output), [1, 3, 1, 2]);
    assert_eq!(graph.shape(graph.nodes[8].output), [1, 6]);
    assert_eq!(operator(11), Operator::Unary { function: UnaryFunction::LeakyRelu { alpha: 0.25 } });
}

#[test]
fn everything_unsupported_is_listed_at_once() {
    let mut model = TestModel::default();
    let x = model.activation("x", &[1, 4]);
    let y = model.activation("y", &[1, 4]);
    let bytes = model.tensor("bytes", element::UINT8, &[1, 4], (&[0.5], 0, 0), &[]);
    let float = model.tensor("float", element::FLOAT32, &[1, 4], (&[], 0, 0), &[]);
    let other = model.tensor("other", element::INT8, &[1, 8], (&[0.25], 3, 0), &[]);
    model.operator(LSTM, &[x], &[y], vec![]);
    model.operator(ADD, &[y, x], &[bytes], vec![]);
    model.operator(ADD, &[x, y], &[float], vec![]);
    model.operator(CONCATENATION, &[x, y], &[other], vec![(0, Value::Int(1))]);
    let Err(ImportError::Unsupported(nodes)) = import(&model.finish(&[x], &[other])) else {
        panic!("imported")
    };
    let found: Vec<_> = nodes.iter().map(|node| (node.node.as_str(), node.operator.as_str())).collect();
    assert_eq!(found, [("y", "LSTM"), ("bytes", "ADD"), ("float", "ADD"), ("other", "CONCATENATION")]);
    assert!(nodes[1].reason.contains("uint8") && nodes[3].reason.contains("quantized differently"));
}

/// A small generator of pseudorandom numbers (Knuth's MMIX constants).
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as usize
}

#[test]
fn damaged_files_are_errors_or_models_but_never_panics() {
    let small = small_model();
    for length in 0..small.len() {
        assert!(import(&small[..length]).is_err(), "a file cut at {length} of {} bytes", small.len());
    }
    let mut state = 1;
    for position in 0..small.len() {
        for value in [0, 0x7f, 0x80, 0xff, random(&mut state) as u8] {
            let mut damaged = small.clone();
            damaged[position] = value;
            let _ = import(&damaged);
        }
    }
    for name in ["kws/kws_int8.tflite", "ic/ic_int8.tflite", "ad/ad_int8.tflite"] {
        let Some(file) = model(name) else { return };
        for step in 0..1000 {
            let _ = import(&file[..file.len() * step / 1000]);
            let mut damaged = file.clone();
            // Every other change goes to the tail, where the tables are.
            let tail = if step % 2 == 0 { file.len() } else { file.len().min(6000) };
            let position = file.len() - 1 - random(&mut state) % tail;
            damaged[position] ^= 1 << (random(&mut state) % 8);
            let _ = import(&damaged);
        }
    }
}
