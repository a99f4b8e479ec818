//! What a blob's description says is what the packer wrote.

use std::collections::BTreeMap;

use dunlin_runtime::Family;

use super::{BoardBudget, Report, describe, terminal};
use crate::graph::{Activation, Graph, Operator, Padding};
use crate::pack::{PackOptions, Packed, pack};
use crate::passes::fixture;
use crate::quantize::quantize;

/// Channel counts that are no multiple of a block, one layer of each kind that has weights.
fn network() -> Graph {
    let (mut graph, input) = fixture::graph_with_input(&[1, 9, 7, 3]);
    let wide = fixture::append_conv(&mut graph, input, 10, [3, 2], Padding::default());
    let taps = graph.add_constant("taps", vec![1, 3, 3, 10], vec![0.5; 90]);
    let bias = graph.add_constant("bias", vec![10], vec![0.25; 10]);
    let depthwise = Operator::DepthwiseConv2d {
        stride: [2, 2],
        dilation: [1, 1],
        padding: Padding::default(),
        activation: Activation::Relu,
    };
    let narrow = fixture::append(&mut graph, depthwise, &[wide, taps, bias]);
    let elements = graph.tensor(narrow).element_count();
    let flat = graph.add_node("flat", Operator::Reshape, vec![narrow], vec![1, elements]);
    let weights = graph.add_constant("weights", vec![5, elements], vec![0.125; 5 * elements]);
    let bias = graph.add_constant("bias", vec![5], vec![1.0; 5]);
    let dense = Operator::FullyConnected { activation: Activation::None };
    let output = fixture::append(&mut graph, dense, &[flat, weights, bias]);
    graph.outputs.push(output);
    graph
}

fn packed() -> [Packed; 2] {
    let float = network();
    let ranges: BTreeMap<_, _> =
        (0..float.tensors.len()).map(|id| (crate::graph::TensorId(id), (-1.0, 3.0))).collect();
    let integer = quantize(float.clone(), &ranges, &BTreeMap::new()).unwrap();
    [float, integer].map(|graph| pack(&graph, &PackOptions::default()).unwrap())
}

#[test]
fn costs_read_from_a_blob_are_those_that_were_packed() {
    for packed in packed() {
        let blob = describe(&packed.blob.open().unwrap());
        assert_eq!(blob.layers.len(), packed.steps.len());
        for (layer, step) in blob.layers.iter().zip(&packed.steps) {
            let found = (layer.macs, layer.weight_bytes, layer.arena_offset as usize, layer.arena_bytes);
            assert_eq!(
                found,
                (step.macs, step.weight_bytes, step.arena_offset, step.arena_bytes),
                "{layer:?}"
            );
            assert_eq!(layer.name, step.name);
        }
        let lengths = blob.sections.iter().map(|section| (section.bytes as usize).next_multiple_of(16));
        assert_eq!(lengths.sum::<usize>() + 256, blob.bytes);
    }
}

#[test]
fn a_board_has_room_to_the_last_byte() {
    let [_, packed] = packed();
    let mut report = Report::new("model.onnx", "int8", &packed).unwrap();
    let portable = report.blob.arena.families[Family::Portable as usize].total_bytes as u64;
    let budget = |flash_bytes, ram_bytes| {
        let families = vec![Family::Portable];
        BoardBudget { name: "board".into(), flash_bytes, ram_bytes, families }
    };
    let blob_bytes = report.blob.bytes as u64;
    for (flash, ram, fits) in
        [(blob_bytes, portable, true), (blob_bytes - 1, portable, false), (blob_bytes, portable - 1, false)]
    {
        report.judge(&budget(flash, ram));
        assert_eq!(report.board.as_ref().unwrap().fits, fits, "{flash} and {ram}");
        let text = terminal::report(&report);
        assert_eq!(text.contains("does not fit"), !fits, "{text}");
    }
}
