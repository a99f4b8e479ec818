//! Small ONNX models, as PyTorch and tf2onnx write them, imported, simplified and interpreted, against tract's own
//! execution of the same file.

use dunlin_convert::graph::Operator;
use dunlin_convert::import;
use dunlin_convert::{Graph, passes};
use dunlin_tests::onnx_model::Attribute::{Float, Integer, Integers, Text};
use dunlin_tests::onnx_model::OnnxModel;
use dunlin_tests::random::Random;
use dunlin_tests::reference::float;
use tract_onnx::prelude::*;

/// What tract computes for the model's input.
fn run_tract(bytes: &[u8], input: &[f32], shape: &[i64]) -> Vec<f32> {
    let model = onnx().model_for_read(&mut &*bytes).unwrap();
    let model = model.into_optimized().unwrap().into_runnable().unwrap();
    let shape: Vec<usize> = shape.iter().map(|&extent| extent as usize).collect();
    let input = Tensor::from_shape(&shape, input).unwrap();
    let output = model.run(tvec!(input.into())).unwrap().remove(0);
    output.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
}

/// Imports and simplifies a model and compares it with tract, before and after. The result has no transposes.
fn check(model: &OnnxModel, shape: &[i64]) -> Graph {
    let bytes = model.to_bytes();
    let mut random = Random::new(7);
    let count = shape.iter().product::<i64>() as usize;
    let input: Vec<f32> = (0..count).map(|_| random.between(-3.0, 3.0)).collect();
    let expected = run_tract(&bytes, &input, shape);
    let mut graph = import::onnx::import(&bytes).unwrap();
    for stage in ["imported", "simplified"] {
        let found = &float::run_file_layout(&graph, std::slice::from_ref(&input))[0];
        assert_eq!(found.len(), expected.len(), "{stage}");
        for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let error = (found - expected).abs();
            assert!(
                error <= 2e-5 * (1.0 + expected.abs()),
                "{stage}: element {position}: {found} {expected}"
            );
        }
        passes::simplify(&mut graph).unwrap();
    }
    graph
}

fn kinds(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|node| node.operator.kind()).collect()
}

#[test]
fn convolutions_with_stride_dilation_padding_and_groups() {
    for (groups, cin, cout, kernel, stride, dilation, pads) in [
        (1, 3, 5, [3, 3], [1, 1], [1, 1], [0, 0, 0, 0]),
        (1, 2, 4, [3, 2], [2, 1], [1, 2], [1, 0, 2, 1]),
        (2, 4, 6, [1, 3], [1, 2], [1, 1], [0, 1, 0, 1]),
        (3, 3, 3, [3, 3], [1, 1], [2, 1], [2, 1, 2, 1]),
        (3, 3, 6, [3, 3], [2, 2], [1, 1], [1, 1, 1, 1]),
    ] {
        let shape = [1, cin, 9, 8];
        let mut model = OnnxModel::new(13, &shape);
        let weights = model.weights(&[cout, cin / groups, kernel[0], kernel[1]]);
        let bias = model.weights(&[cout]);
        let attributes = [
            ("group", Integer(groups)),
            ("strides", Integers(&stride)),
            ("dilations", Integers(&dilation)),
            ("pads", Integers(&pads)),
        ];
        model.node("Conv", &["x", &weights, &bias], &["y"], &attributes);
        let kind = if groups == 3 && cout == 3 { "depthwise_conv2d" } else { "conv2d" };
        assert_eq!(kinds(&check(&model, &shape)), [kind]);
    }
}

#[test]
fn automatic_padding() {
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        let shape = [1, 2, 9, 8];
        let mut model = OnnxModel::new(13, &shape);
        let weights = model.weights(&[3, 2, 3, 2]);
        let attributes = [("auto_pad", Text(mode)), ("strides", Integers(&[2, 3]))];
        model.node("Conv", &["x", &weights], &["y"], &attributes);
        check(&model, &shape);
    }
}

#[test]
fn residual_network_of_a_pytorch_exporter() {
    let shape = [1, 3, 16, 16];
    let mut model = OnnxModel::new(13, &shape);
    let stem = model.weights(&[8, 3, 3, 3]);
    model.node("Conv", &["x", &stem], &["stem"], &[("pads", Integers(&[1, 1, 1, 1]))]);
    model.batch_normalization("stem", "stem_bn", 8).node("Relu", &["stem_bn"], &["a"], &[]);
    let (first, second, skip) =
        (model.weights(&[4, 8, 3, 3]), model.weights(&[4, 4, 3, 3]), model.weights(&[4, 8, 1, 1]));
    let pads = ("pads", Integers(&[1, 1, 1, 1]));
    model.node("Conv", &["a", &first], &["b"], &[pads, ("strides", Integers(&[2, 2]))]);
    model.batch_normalization("b", "b_bn", 4).node("Relu", &["b_bn"], &["c"], &[]);
    model.node("Conv", &["c", &second], &["d"], &[pads]).batch_normalization("d", "d_bn", 4);
    model
        .node("Conv", &["a", &skip], &["e"], &[("strides", Integers(&[2, 2]))])
        .batch_normalization("e", "e_bn", 4);
    model.node("Add", &["d_bn", "e_bn"], &["f"], &[]).node("Relu", &["f"], &["g"], &[]);
    model.node("Concat", &["g", "c"], &["h"], &[("axis", Integer(1))]);
    model.node("GlobalAveragePool", &["h"], &["i"], &[]).node("Flatten", &["i"], &["j"], &[]);
    let (weights, bias) = (model.weights(&[10, 8]), model.weights(&[10]));
    model.node("Gemm", &["j", &weights, &bias], &["k"], &[("transB", Integer(1))]);
    model.node("Softmax", &["k"], &["y"], &[]);
    let graph = check(&model, &shape);
    let expected = [
        "conv2d",
        "conv2d",
        "conv2d",
        "conv2d",
        "add",
        "concat",
        "average_pool2d",
        "reshape",
        "fully_connected",
        "softmax",
    ];
    assert_eq!(kinds(&graph), expected);
}

#[test]
fn flattened_image_before_dense_layers() {
    let shape = [1, 2, 6, 5];
    let mut model = OnnxModel::new(13, &shape);
    let weights = model.weights(&[3, 2, 3, 3]);
    model.node("Conv", &["x", &weights], &["a"], &[]).node("Flatten", &["a"], &["b"], &[]);
    model.batch_normalization("b", "c", 36).node("LeakyRelu", &["c"], &["d"], &[]);
    let (weights, bias) = (model.weights(&[36, 4]), model.weights(&[4]));
    model.node("MatMul", &["d", &weights], &["e"], &[]).node("Add", &["e", &bias], &["y"], &[]);
    assert!(!kinds(&check(&model, &shape)).contains(&"transpose"));
}

#[test]
fn signal_network() {
    let shape = [1, 3, 32];
    let mut model = OnnxModel::new(13, &shape);
    let (first, second) = (model.weights(&[8, 3, 5]), model.weights(&[8, 1, 3]));
    model.node("Conv", &["x", &first], &["a"], &[("pads", Integers(&[2, 2])), ("strides", Integers(&[2]))]);
    model.batch_normalization("a", "b", 8).node("Relu", &["b"], &["c"], &[]);
    model.node("MaxPool", &["c"], &["d"], &[("kernel_shape", Integers(&[2])), ("strides", Integers(&[2]))]);
    model.node("Conv", &["d", &second], &["e"], &[("group", Integer(8))]).node(
        "Sigmoid",
        &["e"],
        &["f"],
        &[],
    );
    model.node("Flatten", &["f"], &["g"], &[]);
    let (weights, bias) = (model.weights(&[4, 48]), model.weights(&[4]));
    model.node("Gemm", &["g", &weights, &bias], &["y"], &[("transB", Integer(1))]);
    let graph = check(&model, &shape);
    assert_eq!(graph.shape(graph.inputs[0]), [1, 1, 32, 3]);
    let expected = ["conv2d", "max_pool2d", "depthwise_conv2d", "sigmoid", "reshape", "fully_connected"];
    assert_eq!(kinds(&graph), expected);
}

#[test]
fn signal_with_channels_last_that_the_model_transposes_itself() {
    let shape = [1, 20, 6];
    let mut model = OnnxModel::new(13, &shape);
    let weights = model.weights(&[4, 6, 3]);
    model.node("Transpose", &["x"], &["a"], &[("perm", Integers(&[0, 2, 1]))]);
    model.node("Conv", &["a", &weights], &["b"], &[]).node("Relu", &["b"], &["c"], &[]);
    model.node("ReduceMean", &["c"], &["y"], &[("axes", Integers(&[-1])), ("keepdims", Integer(0))]);
    let graph = check(&model, &shape);
    assert_eq!(kinds(&graph), ["conv2d", "average_pool2d", "reshape"]);
}

#[test]
fn squeeze_and_excitation_with_hard_activations() {
    let shape = [1, 4, 6, 6];
    let mut model = OnnxModel::new(13, &shape);
    let weights = model.weights(&[8, 4, 1, 1]);
    model.node("Conv", &["x", &weights], &["a"], &[]);
    let (three, six) = (model.floats(&[], vec![3.0]), model.floats(&[], vec![6.0]));
    let zero = model.floats(&[], vec![0.0]);
    model.node("Add", &["a", &three], &["b"], &[]).node("Clip", &["b", &zero, &six], &["c"], &[]);
    model.node("Div", &["c", &six], &["d"], &[]).node("Mul", &["a", "d"], &["e"], &[]);
    let (reduce, expand) = (model.weights(&[2, 8]), model.weights(&[8, 2]));
    model.node("ReduceMean", &["e"], &["f"], &[("axes", Integers(&[2, 3])), ("keepdims", Integer(0))]);
    model.node("Gemm", &["f", &reduce], &["g"], &[("transB", Integer(1))]).node("Relu", &["g"], &["h"], &[]);
    model.node("Gemm", &["h", &expand], &["i"], &[("transB", Integer(1))]);
    model.node("HardSigmoid", &["i"], &["j"], &[("alpha", Float(1.0 / 6.0)), ("beta", Float(0.5))]);
    let axes = model.integers(&[2, 3]);
    model.node("Unsqueeze", &["j", &axes], &["k"], &[]).node("Mul", &["e", "k"], &["y"], &[]);
    let graph = check(&model, &shape);
    let kinds = kinds(&graph);
    assert_eq!(kinds[..2], ["conv2d", "hard_swish"]);
    assert!(!kinds.contains(&"transpose"), "{kinds:?}");
}

#[test]
fn segmentation_with_resizing_and_softmax_over_channels() {
    for (coordinates, rounding) in [
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("half_pixel", "round_prefer_ceil"),
        ("align_corners", "round_prefer_ceil"),
    ] {
        let shape = [1, 3, 8, 6];
        let mut model = OnnxModel::new(13, &shape);
        let (down, up) = (model.weights(&[4, 3, 3, 3]), model.weights(&[5, 7, 1, 1]));
        let attributes = [("pads", Integers(&[1, 1, 1, 1])), ("strides", Integers(&[2, 2]))];
        model.node("Conv", &["x", &down], &["a"], &attributes).node("Tanh", &["a"], &["b"], &[]);
        let sizes = model.integers(&[1, 4, 8, 6]);
        let attributes = [
            ("mode", Text("nearest")),
            ("coordinate_transformation_mode", Text(coordinates)),
            ("nearest_mode", Text(rounding)),
        ];
        model.node("Resize", &["b", "", "", &sizes], &["c"], &attributes);
        model.node("Concat", &["x", "c"], &["d"], &[("axis", Integer(1))]);
        model.node("Conv", &["d", &up], &["e"], &[]).node("Softmax", &["e"], &["y"], &[("axis", Integer(1))]);
        let graph = check(&model, &shape);
        assert_eq!(kinds(&graph), ["conv2d", "tanh", "resize_nearest", "concat", "conv2d", "softmax"]);
        assert_eq!(graph.file_layouts.len(), 2);
    }
}

#[test]
fn images_standardised_channel_by_channel() {
    let shape = [1, 3, 6, 6];
    let mut model = OnnxModel::new(13, &shape);
    let (mean, deviation) = (model.weights(&[3, 1, 1]), model.positive_weights(&[1, 3, 1, 1]));
    let weights = model.weights(&[4, 3, 3, 3]);
    model.node("Sub", &["x", &mean], &["a"], &[]).node("Div", &["a", &deviation], &["b"], &[]);
    model.node("Conv", &["b", &weights], &["y"], &[]);
    assert_eq!(kinds(&check(&model, &shape)), ["mul", "add", "conv2d"]);
}

#[test]
fn pixels_scaled_by_one_number() {
    let shape = [1, 3, 6, 6];
    let mut model = OnnxModel::new(13, &shape);
    let (scale, weights) = (model.floats(&[], vec![255.0]), model.weights(&[4, 3, 3, 3]));
    model.node("Div", &["x", &scale], &["a"], &[]);
    model.node("Conv", &["a", &weights], &["y"], &[("pads", Integers(&[1, 1, 1, 1]))]);
    assert_eq!(kinds(&check(&model, &shape)), ["conv2d"]);
}

#[test]
fn pooling_of_all_kinds() {
    for operator in ["AveragePool", "MaxPool"] {
        for (pads, ceil, include) in
            [([0; 4], 0, 0), ([1, 0, 1, 1], 0, 0), ([1, 1, 0, 0], 0, 1), ([0; 4], 1, 0), ([1, 1, 1, 1], 1, 0)]
        {
            let shape = [1, 3, 8, 7];
            let mut model = OnnxModel::new(13, &shape);
            let mut attributes = vec![
                ("kernel_shape", Integers(&[3, 2])),
                ("strides", Integers(&[2, 2])),
                ("pads", Integers(&pads)),
                ("ceil_mode", Integer(ceil)),
            ];
            if operator == "AveragePool" {
                attributes.push(("count_include_pad", Integer(include)));
            }
            model.node(operator, &["x"], &["y"], &attributes);
            let graph = check(&model, &shape);
            assert_eq!(graph.nodes.len(), 1, "{operator} {pads:?} {ceil}");
        }
    }
}

#[test]
fn explicit_padding() {
    let shape = [1, 3, 6, 6];
    let mut model = OnnxModel::new(13, &shape);
    let pads = model.integers(&[0, 0, 1, 0, 0, 0, 2, 1]);
    let weights = model.weights(&[4, 3, 3, 3]);
    model.node("Pad", &["x", &pads], &["a"], &[]).node("Conv", &["a", &weights], &["b"], &[]);
    model.node("Relu", &["b"], &["c"], &[]).node("Pad", &["c", &pads], &["d"], &[]);
    let attributes = [("kernel_shape", Integers(&[3, 3])), ("strides", Integers(&[2, 2]))];
    model.node("MaxPool", &["d"], &["y"], &attributes);
    assert_eq!(kinds(&check(&model, &shape)), ["conv2d", "max_pool2d"]);
}

#[test]
fn parts_of_tensors() {
    let shape = [1, 6, 5, 4];
    let mut model = OnnxModel::new(13, &shape);
    let weights = model.weights(&[6, 6, 1, 1]);
    let parts = model.integers(&[2, 4]);
    model.node("Conv", &["x", &weights], &["a"], &[]);
    model.node("Split", &["a", &parts], &["b", "c"], &[("axis", Integer(1))]);
    let lists = [model.integers(&[1]), model.integers(&[9]), model.integers(&[1]), model.integers(&[2])];
    model.node("Slice", &["c", &lists[0], &lists[1], &lists[2], &lists[3]], &["d"], &[]);
    model.node("Add", &["b", "d"], &["e"], &[]);
    let index = model.integers(&[-1]);
    model.node("Gather", &["e", &index], &["f"], &[("axis", Integer(2))]);
    let weights = model.weights(&[3, 2, 1, 2]);
    model.node("Conv", &["f", &weights], &["y"], &[]);
    assert!(!kinds(&check(&model, &shape)).contains(&"transpose"));
}

#[test]
fn activations() {
    for (operator, attributes) in [
        ("Relu", vec![]),
        ("LeakyRelu", vec![("alpha", Float(0.3))]),
        ("Elu", vec![("alpha", Float(0.7))]),
        ("Sigmoid", vec![]),
        ("Tanh", vec![]),
        ("HardSigmoid", vec![]),
        ("HardSwish", vec![]),
        ("Exp", vec![]),
        ("Abs", vec![]),
        ("Neg", vec![]),
    ] {
        let shape = [1, 3, 4, 4];
        let mut model = OnnxModel::new(14, &shape);
        let weights = model.weights(&[3, 3, 1, 1]);
        model.node("Conv", &["x", &weights], &["a"], &[]).node(operator, &["a"], &["b"], &attributes);
        model.node("Conv", &["b", &weights], &["y"], &[]);
        assert!(!kinds(&check(&model, &shape)).contains(&"transpose"), "{operator}");
    }
}

#[test]
fn slopes_per_channel() {
    let shape = [1, 3, 4, 4];
    let mut model = OnnxModel::new(13, &shape);
    let (weights, slopes) = (model.weights(&[3, 3, 1, 1]), model.weights(&[3, 1, 1]));
    model.node("Conv", &["x", &weights], &["a"], &[]).node("PRelu", &["a", &slopes], &["b"], &[]);
    model.node("Conv", &["b", &weights], &["y"], &[]);
    let graph = check(&model, &shape);
    assert!(!graph.nodes.iter().any(|node| matches!(node.operator, Operator::Transpose { .. })));
}

#[test]
fn normalisation_before_the_activation_of_a_sum() {
    let shape = [1, 3, 6, 6];
    let mut model = OnnxModel::new(13, &shape);
    let (first, second) = (model.weights(&[3, 3, 1, 1]), model.weights(&[4, 3, 3, 3]));
    model.node("Conv", &["x", &first], &["a"], &[]).node("Add", &["a", "x"], &["b"], &[]);
    model.batch_normalization("b", "c", 3).node("Relu", &["c"], &["d"], &[]);
    model.node("Conv", &["d", &second], &["y"], &[]);
    assert_eq!(kinds(&check(&model, &shape)), ["conv2d", "add", "depthwise_conv2d", "conv2d"]);
}
