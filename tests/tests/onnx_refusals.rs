//! What cannot be imported is refused, all of it at once, and what only looks so is not.

use dunlin_convert::import::onnx::import;
use dunlin_convert::{ImportError, UnsupportedNode};
use dunlin_tests::onnx_model::Attribute::{Integer, Integers};
use dunlin_tests::onnx_model::OnnxModel;

fn refused(model: &OnnxModel) -> Vec<UnsupportedNode> {
    match import(&model.to_bytes()) {
        Err(ImportError::Unsupported(nodes)) => nodes,
        other => panic!("{other:?}"),
    }
}

fn names(nodes: &[UnsupportedNode]) -> Vec<&str> {
    nodes.iter().map(|node| node.node.as_str()).collect()
}

#[test]
fn all_unsupported_nodes_are_named_with_reasons() {
    let mut model = OnnxModel::new(13, &[1, 4, 6, 6]);
    let (weights, transposed) = (model.weights(&[4, 4, 3, 3]), model.weights(&[4, 4, 2, 2]));
    model.node("Conv", &["x", &weights], &["a"], &[]);
    model.node("ConvTranspose", &["a", &transposed], &["b"], &[("strides", Integers(&[2, 2]))]);
    model.node("Relu", &["b"], &["c"], &[]);
    model.node("MyOperator", &["c"], &["d"], &[]).domain("com.example");
    model.node("MatMul", &["c", "c"], &["e"], &[]);
    model.node("Softplus", &["e"], &["f"], &[]);
    model.node("Add", &["d", "f"], &["y"], &[]);
    let nodes = refused(&model);
    assert_eq!(names(&nodes), ["ConvTranspose_1", "MyOperator_3", "MatMul_4", "Softplus_5"]);
    assert!(nodes[1].reason.contains("com.example"));
    assert!(nodes[2].reason.contains("two activations"));
    let text = ImportError::Unsupported(nodes).to_string();
    assert!(text.starts_with("4 unsupported nodes"), "{text}");
    assert!(text.contains("use a Resize with mode nearest followed by a Conv"), "{text}");
}

#[test]
fn nodes_that_no_output_needs_do_not_matter() {
    let mut model = OnnxModel::new(13, &[1, 4]);
    model.node("LSTM", &["x", "x", "x"], &["unused"], &[]).node("Relu", &["x"], &["y"], &[]);
    assert_eq!(import(&model.to_bytes()).unwrap().nodes.len(), 1);
}

#[test]
fn an_open_batch_is_one_and_other_open_axes_are_refused() {
    let mut model = OnnxModel::new(13, &[1, 3, 6, 6]);
    // As PyTorch writes x.view(x.shape[0], -1).
    let index = model.integers(&[0]);
    let rest = model.integers(&[-1]);
    model.node("Shape", &["x"], &["a"], &[]).node("Gather", &["a", &index], &["b"], &[("axis", Integer(0))]);
    model.node("Concat", &["b", &rest], &["c"], &[("axis", Integer(0))]);
    model.node("Reshape", &["x", "c"], &["y"], &[]);
    model.open_axis(0, "batch");
    let graph = import(&model.to_bytes()).unwrap();
    assert_eq!(graph.shape(graph.inputs[0]), [1, 3, 6, 6]);
    assert_eq!(graph.shape(graph.outputs[0]), [1, 108]);

    model.open_axis(3, "width");
    let nodes = refused(&model);
    assert_eq!(names(&nodes), ["x"]);
    assert!(nodes[0].reason.contains("width"), "{}", nodes[0].reason);
}

#[test]
fn outputs_that_are_not_float_and_ranks_above_four_are_refused() {
    let mut model = OnnxModel::new(13, &[1, 4, 6]);
    let shape = model.integers(&[1, 2, 2, 3, 2]);
    model.node("Reshape", &["x", &shape], &["a"], &[]).node("ArgMax", &["a"], &["y"], &[]);
    let nodes = refused(&model);
    assert_eq!(names(&nodes), ["Reshape_0", "ArgMax_1"]);
    assert!(nodes[0].reason.contains("rank 5"), "{}", nodes[0].reason);
}

#[test]
fn contradictions_are_malformed() {
    for channels in [3, 5] {
        let mut model = OnnxModel::new(13, &[1, 4, 6, 6]);
        let weights = model.weights(&[2, channels, 3, 3]);
        model.node("Conv", &["x", &weights], &["y"], &[]);
        assert!(matches!(import(&model.to_bytes()), Err(ImportError::Malformed { .. })));
    }
    let mut model = OnnxModel::new(13, &[1, 4]);
    model.node("Relu", &["missing"], &["y"], &[]);
    let error = import(&model.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("`missing`"), "{error}");
}
