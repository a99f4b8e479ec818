//! Every operator, packed alone and run with the portable kernels, against naive references.

use dunlin_convert::Graph;
use dunlin_convert::graph::{
    Activation, BinaryFunction, Constant, DataType, Operator, Quantization, Tensor, TensorId, UnaryFunction,
};
use dunlin_convert::pack::{
    AlignedBytes, Golden, InterfaceDescription, PackError, PackOptions, Packed, pack,
};
use dunlin_runtime::format::{ProgramHeader, section};
use dunlin_runtime::{Error, Family, Model, Session, trace};
use dunlin_tests::random::Random;
use dunlin_tests::reference::{float, integer};
use dunlin_tests::single_operator::{Scheme, graphs};

/// Runs a blob with the portable kernels; inputs and the first output as bytes.
fn run(packed: &Packed, inputs: &[&[u8]]) -> Vec<u8> {
    let model = packed.blob.open().unwrap();
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(Family::Portable));
    let mut session = Session::with_family(&model, arena.as_mut_slice(), Family::Portable).unwrap();
    for (index, input) in inputs.iter().enumerate() {
        session.input_bytes(index).unwrap().copy_from_slice(input);
    }
    session.run().unwrap();
    session.output_bytes(0).unwrap().to_vec()
}

fn element_counts(graph: &Graph) -> Vec<usize> {
    graph.inputs.iter().map(|&id| graph.tensor(id).element_count()).collect()
}

#[test]
fn int8_operators_compute_what_numerics_says() {
    let mut random = Random::new(11);
    let graphs = [graphs(Scheme::Int8, &mut random), graphs(Scheme::Int8, &mut random)].concat();
    for graph in graphs {
        let packed =
            pack(&graph, &PackOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", graph.name));
        for round in 0..3 {
            let value = |random: &mut Random| match round {
                0 => [-128, 127][random.below(2)],
                _ => (random.below(256) as i32 - 128) as i8,
            };
            let counts = element_counts(&graph);
            let inputs: Vec<Vec<i8>> =
                counts.iter().map(|&count| (0..count).map(|_| value(&mut random)).collect()).collect();
            let expected = integer::evaluate(&graph, &inputs);
            let bytes: Vec<&[u8]> = inputs.iter().map(|input| bytemuck::cast_slice(input)).collect();
            let found = run(&packed, &bytes);
            assert_eq!(found.len(), expected.values.len(), "{}", graph.name);
            for (index, (&found, wanted)) in found.iter().zip(&expected.values).enumerate() {
                let off = (i32::from(found as i8) - wanted).abs();
                assert!(off <= expected.tolerance, "{}: element {index} is {off} off", graph.name);
            }
        }
    }
}

#[test]
fn float32_operators_compute_what_the_interpreter_computes() {
    let mut random = Random::new(12);
    for graph in graphs(Scheme::Float32, &mut random) {
        let packed =
            pack(&graph, &PackOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", graph.name));
        let inputs: Vec<Vec<f32>> = element_counts(&graph)
            .into_iter()
            .map(|count| (0..count).map(|_| random.between(-4.0, 4.0)).collect())
            .collect();
        let expected = &float::interpret(&graph, &inputs)[graph.outputs[0].0];
        let bytes: Vec<&[u8]> = inputs.iter().map(|input| bytemuck::cast_slice(input)).collect();
        let found: Vec<f32> =
            run(&packed, &bytes).as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!(found.len(), expected.len(), "{}", graph.name);
        for (index, (found, wanted)) in found.iter().zip(expected).enumerate() {
            let off = (found - wanted).abs();
            assert!(
                off <= 2e-5 * wanted.abs().max(1.0),
                "{}: element {index} is {found}, not {wanted}",
                graph.name
            );
        }
    }
}

#[test]
fn blobs_are_reproducible_carry_their_digest_and_pass_their_golden_vectors() {
    for scheme in [Scheme::Int8, Scheme::Float32] {
        for graph in graphs(scheme, &mut Random::new(13)).iter().step_by(3) {
            let stored = element_counts(graph).into_iter().map(|count| {
                let element = if scheme == Scheme::Int8 { 1 } else { 4 };
                vec![0x3c; count * element]
            });
            let goldens = [Golden::Synthetic { count: 3 }, Golden::Stored(vec![stored.collect()])];
            for (golden, count) in goldens.into_iter().zip([3, 1]) {
                let options = PackOptions {
                    name: "one".into(),
                    inputs: vec![InterfaceDescription { range: Some((1.0, 3.0)), ..Default::default() }],
                    golden,
                    ..PackOptions::default()
                };
                let packed = pack(graph, &options).unwrap();
                assert_eq!(packed, pack(graph, &options).unwrap(), "{}", graph.name);
                let model = packed.blob.open().unwrap();
                model.check_digest().unwrap();
                assert_eq!(model.manifest().unwrap().name, "one");
                let mut arena = AlignedBytes::zeroed(model.arena_bytes(Family::Portable));
                let mut session =
                    Session::with_family(&model, arena.as_mut_slice(), Family::Portable).unwrap();
                assert_eq!(session.self_test(), Ok(count), "{}", graph.name);

                let mut damaged = packed.blob.bytes.clone();
                let last = damaged.len() - 1;
                damaged.as_mut_slice()[last] ^= 1;
                let model = Model::open(damaged.as_slice()).unwrap();
                assert_eq!(model.check_digest(), Err(Error::DigestMismatch));
            }
        }
    }
}

/// A hash that every machine gets. A change of packing, of planning or of the graphs changes it; scratch is left out.
const WEIGHTS_AND_PROGRAMS: u32 = 0xc3c2_1e93;

#[test]
fn weights_and_programs_are_the_same_on_every_machine() {
    let mut random = Random::new(14);
    let graphs = [graphs(Scheme::Int8, &mut random), graphs(Scheme::Float32, &mut random)].concat();
    let hash = graphs.iter().fold(0, |hash, graph| {
        let packed = pack(graph, &PackOptions::default()).unwrap();
        let model = packed.blob.open().unwrap();
        let tables = &model.section(section::PROGRAM).unwrap()[size_of::<ProgramHeader>()..];
        trace(trace(hash, model.section(section::WEIGHTS).unwrap()), tables)
    });
    assert_eq!(hash, WEIGHTS_AND_PROGRAMS, "{hash:#010x}");
}

/// A float32 input `x` of 12 elements, quantized in steps of 1/16.
fn quantized_input(graph: &mut Graph) -> TensorId {
    let x = graph.add_tensor(Tensor::activation("x", vec![3, 4], DataType::F32));
    graph.inputs.push(x);
    let q = graph.add_node("q", Operator::Quantize, vec![x], vec![3, 4]);
    sixteenths(graph, q);
    q
}

fn sixteenths(graph: &mut Graph, id: TensorId) {
    let tensor = graph.tensor_mut(id);
    tensor.data_type = DataType::I8;
    tensor.quantization = Some(Quantization { scales: vec![0.0625], zero_points: vec![0], axis: None });
}

#[test]
fn integers_between_float_borders_share_memory_where_they_can() {
    let mut graph = Graph::default();
    let q = quantized_input(&mut graph);
    let flat = graph.add_node("flat", Operator::Reshape, vec![q], vec![12]);
    let relu =
        graph.add_node("relu", Operator::Unary { function: UnaryFunction::Relu }, vec![flat], vec![12]);
    let function = BinaryFunction::Add;
    let add = Operator::Binary { function, activation: Activation::None };
    let sum = graph.add_node("sum", add, vec![flat, relu], vec![12]);
    for id in [flat, relu, sum] {
        sixteenths(&mut graph, id);
    }
    let y = graph.add_node("y", Operator::Dequantize, vec![sum], vec![12]);
    graph.tensor_mut(y).data_type = DataType::F32;
    graph.outputs.push(y);

    let packed = pack(&graph, &PackOptions::default()).unwrap();
    let names: Vec<&str> = packed.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["q", "relu", "sum", "y"], "a reshape is no step");
    assert_eq!(
        packed.plan.activation_bytes, 64,
        "48 bytes of float32 and 12 of int8; the sum lies over an operand"
    );
    assert_eq!(packed.blob.open().unwrap().step_names().collect::<Vec<_>>(), names);
    let input: Vec<f32> = (0..12).map(|index| index as f32 * 0.25 - 1.5).collect();
    let expected: Vec<f32> = input.iter().map(|&x| x + x.max(0.0)).collect();
    assert_eq!(run(&packed, &[bytemuck::cast_slice(&input)]), bytemuck::cast_slice::<f32, u8>(&expected));
}

#[test]
fn what_a_blob_cannot_express_is_refused_by_name() {
    let mut graph = Graph::default();
    let q = quantized_input(&mut graph);
    let operand = graph.add_tensor(Tensor::constant("operand", vec![1], Constant::floats(vec![1.0])));
    let operator = Operator::Binary { function: BinaryFunction::Mul, activation: Activation::None };
    let product = graph.add_node("product", operator, vec![q, operand], vec![3, 4]);
    sixteenths(&mut graph, product);
    graph.outputs.push(product);
    let error = pack(&graph, &PackOptions::default()).unwrap_err();
    assert!(matches!(&error, PackError::Node { node, .. } if node == "product"), "{error}");

    graph.nodes.pop();
    graph.outputs = vec![operand];
    let error = pack(&graph, &PackOptions::default()).unwrap_err();
    assert!(matches!(&error, PackError::Interface { tensor, .. } if tensor == "operand"), "{error}");

    graph.outputs = vec![q];
    let options = PackOptions { golden: Golden::Stored(vec![vec![vec![0; 12]]]), ..PackOptions::default() };
    let error = pack(&graph, &options).unwrap_err();
    assert!(matches!(error, PackError::GoldenVector { vector: 0, .. }), "{error}");
}
