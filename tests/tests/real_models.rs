//! Models and data that others made: exact on every machine, in the planned arena, and as good as their float parents.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use dunlin_convert::graph::Graph;
use dunlin_convert::import::tflite;
use dunlin_convert::pack::{AlignedBytes, Golden, PackOptions, Packed, pack};
use dunlin_convert::report::{Comparer, Comparison, Truth};
use dunlin_convert::samples::{SampleError, SampleFile, read_labels};
use dunlin_convert::{Request as Conversion, convert, fidelity};
use dunlin_device::{Board, DeviceError, Options, Request, RunReport, run};
use dunlin_runtime::format::Operator;
use dunlin_runtime::{Family, Model, Observer, Session, StepReport, Trace, quantize, trace};
use dunlin_tests::data;

/// int8 `.tflite` files, their inputs and the outputs of LiteRT's reference kernels, by their keys.
const LITERT: [(&str, &str, &str, &str); 4] = [
    ("kws", "kws_int8.tflite", "x_q", "tflite_int8_ref"),
    ("kws", "kws_ptq_int8.tflite", "x_q_ptq", "ptq_tflite_int8_ref"),
    ("ic", "ic_int8.tflite", "x_q", "tflite_int8_ref"),
    ("ad", "ad_int8.tflite", "x_q", "tflite_int8_ref"),
];
/// Float models with the samples that they are calibrated with and judged on, and the classes of these, if they have any.
const FLOAT: [(&str, &str, Option<&str>); 3] = [
    ("kws", "kws/kws_speech_600.npz:x", Some("kws/kws_speech_600.npz:y")),
    ("ic", "cifar10/cifar10_test_jpeg_2000.npz:x", Some("cifar10/cifar10_test_jpeg_2000.npz:y")),
    ("ad", "ad/toycar_hls4ml_309x640.npz:x", None),
];
/// Float models are calibrated with this many samples, the first ones.
const CALIBRATION: usize = 200;

/// A float model as it was converted.
struct Converted {
    name: &'static str,
    float: Packed,
    graph: Graph,
    packed: Packed,
}

/// Every float model in int8, converted once.
fn converted(data: &Path) -> &'static [Converted] {
    static MODELS: OnceLock<Vec<Converted>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let convert = |(name, samples, _): (&'static str, &str, _)| {
            let request = Conversion {
                model: data.join(format!("models/{name}/{name}_float.onnx")),
                calibration: Some(data.join(samples).display().to_string()),
                calibration_samples: Some(CALIBRATION),
                ..Conversion::default()
            };
            let conversion = convert(&request, &mut |_, _, _| {}).unwrap();
            Converted {
                name,
                float: conversion.float.unwrap(),
                graph: conversion.graph,
                packed: conversion.packed,
            }
        };
        FLOAT.into_iter().map(convert).collect()
    })
}

/// A blob with real and random inputs for it.
struct Case {
    name: String,
    packed: Packed,
    samples: Vec<Vec<u8>>,
    /// Outputs of LiteRT's reference kernels, where the blob has the integers of a `.tflite` file.
    expected: Option<Vec<Vec<u8>>>,
}

fn bytes(integers: &[i8]) -> Vec<u8> {
    bytemuck::cast_slice(integers).to_vec()
}

fn cases(data: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for (model, file, inputs, outputs) in LITERT {
        let folder = data.join("models").join(model);
        let graph = tflite::import(&fs::read(folder.join(file)).unwrap()).unwrap();
        let options = PackOptions { golden: Golden::Synthetic { count: 2 }, ..PackOptions::default() };
        let read = |file: &str, key| -> Vec<Vec<u8>> {
            data::samples(&data::read_npz::<i8>(&folder.join(file), key)).iter().map(|x| bytes(x)).collect()
        };
        cases.push(Case {
            name: file.to_owned(),
            packed: pack(&graph, &options).unwrap(),
            samples: read("inputs.npz", inputs),
            expected: Some(read("expected.npz", outputs)),
        });
    }
    for Converted { name, packed, .. } in converted(data) {
        let model = packed.blob.open().unwrap();
        let input = *model.program().input(0).unwrap();
        let floats = data::read_npz::<f32>(&data.join(format!("models/{name}/inputs.npz")), "x");
        let quantized =
            |x: &Vec<f32>| x.iter().map(|&x| quantize(x, input.scale, input.zero_point) as u8).collect();
        cases.push(Case {
            name: format!("{name}_float.onnx"),
            packed: packed.clone(),
            samples: data::samples(&floats).iter().map(quantized).collect(),
            expected: None,
        });
    }
    cases
}

/// Number of a sample, number of a step, its operator and the hash of what it computed.
type StepHash = (usize, usize, Operator, u32);

/// The outputs of all samples, and the hash of every step's output.
#[derive(PartialEq)]
struct Results {
    outputs: Vec<Vec<u8>>,
    steps: Vec<StepHash>,
}

impl Results {
    fn of(report: &RunReport) -> Results {
        let step = |step: &dunlin_device::StepHash| -> StepHash {
            (step.sample as usize, step.step.into(), step.operator, step.hash)
        };
        Results { outputs: report.outputs.clone(), steps: report.trace.iter().map(step).collect() }
    }

    /// # Panics
    /// If something differs, with the first step that does.
    fn assert_equal(&self, expected: &Results, subject: &str) {
        assert_eq!(self.steps.len(), expected.steps.len(), "{subject}");
        for (found, expected) in self.steps.iter().zip(&expected.steps) {
            assert_eq!(found, expected, "{subject}: sample, step, operator, hash");
        }
        assert!(self.outputs == expected.outputs, "{subject}: the outputs differ");
    }
}

struct Hashes<'s> {
    sample: usize,
    steps: &'s mut Vec<StepHash>,
}

impl Observer for Hashes<'_> {
    fn end(&mut self, step: &StepReport<'_>) {
        let hash = trace(Trace::default().0, step.bytes);
        self.steps.push((self.sample, step.index, step.operator, hash));
    }
}

fn run_here(model: &Model<'_>, family: Family, samples: &[Vec<u8>]) -> Results {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(family));
    let mut session = Session::with_family(model, arena.as_mut_slice(), family).unwrap();
    assert_eq!(session.family(), family);
    let mut results = Results { outputs: Vec::new(), steps: Vec::new() };
    for (sample, values) in samples.iter().enumerate() {
        session.input_bytes(0).unwrap().copy_from_slice(values);
        session.run_with(&mut Hashes { sample, steps: &mut results.steps }).unwrap();
        results.outputs.push(session.output_bytes(0).unwrap().to_vec());
    }
    results
}

/// Runs a case on a board, holds what it reports against the portable kernels here, and counts the elements that differ from
/// LiteRT's.
fn check_board(case: &Case, board: &str, processor: Option<&str>, family: Family) -> RunReport {
    let subject = format!("{} on {board} {} with {}", case.name, processor.unwrap_or(""), family.name());
    let options = Options { family: Some(family), trace: true, ..Options::default() };
    let request = Request { options, processor: processor.map(str::to_owned), ..Request::default() };
    let board = Board::named(board).unwrap();
    let report = run(board, case.packed.blob.as_slice(), &case.samples, &request)
        .unwrap_or_else(|error| panic!("{subject}: {error}"));
    assert_eq!(report.family, family);
    assert_eq!(report.golden_vectors, 2);
    assert!(report.arena.guards_intact && report.arena.shorter_refused, "{subject}: {:?}", report.arena);

    let model = case.packed.blob.open().unwrap();
    let portable = run_here(&model, Family::Portable, &case.samples);
    assert_eq!(portable.steps.len(), case.samples.len() * case.packed.steps.len());
    Results::of(&report).assert_equal(&portable, &subject);
    if let Some(expected) = &case.expected {
        assert_eq!(report.outputs.len(), expected.len());
        let pairs = report.outputs.iter().flatten().zip(expected.iter().flatten());
        let (differing, elements) = (pairs.clone().filter(|(a, b)| a != b).count(), pairs.count());
        let all: usize = expected.iter().map(Vec::len).sum();
        assert_eq!(elements, all);
        assert_eq!(differing, 0, "{subject}: of {elements} output elements");
    }
    report
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

#[test]
fn families_of_this_processor_compute_the_same_after_every_operator() {
    let Some(data) = data::directory() else { return };
    for case in cases(&data) {
        assert!(case.samples.len() >= 64);
        let model = case.packed.blob.open().unwrap();
        let portable = run_here(&model, Family::Portable, &case.samples);
        for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
            let subject = format!("{} with {}", case.name, family.name());
            run_here(&model, family, &case.samples).assert_equal(&portable, &subject);
        }
    }
}

#[test]
fn aarch64_computes_the_same_after_every_operator() {
    let Some(data) = data::directory() else { return };
    if !is_installed("qemu-aarch64") {
        return;
    }
    for case in cases(&data) {
        for (processor, family) in
            [("cortex-a72", Family::Portable), ("cortex-a72", Family::Neon), ("cortex-a76", Family::NeonDot)]
        {
            check_board(&case, "aarch64", Some(processor), family);
        }
    }
}

#[test]
fn cortex_m4_computes_the_same_in_exactly_the_planned_arena() {
    let Some(data) = data::directory() else { return };
    if !is_installed("qemu-system-arm") {
        return;
    }
    for case in cases(&data) {
        let report = check_board(&case, "mps2-an386", None, Family::Dsp);
        let (arena, stack, sizes) = (report.arena, report.stack.unwrap(), report.sizes.unwrap());
        let model = case.packed.blob.open().unwrap();
        assert_eq!(arena.planned as usize, model.arena_bytes(Family::Dsp));
        println!(
            "{}: {}, arena {} of {} bytes, stack {} and {} to open, blob {}, flash {}, static RAM {}, samples {}",
            case.name,
            report.run,
            arena.high_water,
            arena.planned,
            stack.run,
            stack.open,
            report.blob_bytes,
            sizes.flash,
            sizes.static_ram,
            report.outputs.len(),
        );
        assert_eq!(arena.high_water, arena.planned, "{}", case.name);
        assert!(stack.run > 0 && stack.open > 0 && sizes.flash > 0 && sizes.static_ram > 0);

        let options = Options { arena_shortfall: 1, ..Options::default() };
        let request = Request { options, ..Request::default() };
        let board = Board::named("mps2-an386").unwrap();
        match run(board, case.packed.blob.as_slice(), &case.samples[..1], &request) {
            Err(DeviceError::Refused { reason, .. }) => assert!(reason.contains("the arena has"), "{reason}"),
            other => panic!("{}: {other:?}", case.name),
        }
    }
}

/// Holds a blob against its float parent on all samples.
fn compare(converted: &Converted, samples: &str, classes: Option<&str>) -> Comparison {
    let names = |packed: &Packed| packed.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    let float = &converted.float;
    let (float_names, names) = (names(float), names(&converted.packed));
    let (float, model) = (float.blob.open().unwrap(), converted.packed.blob.open().unwrap());
    let (mut float_arena, mut arena) = Default::default();
    let pair = fidelity::Pair::new(
        fidelity::Named::new(&float, &mut float_arena, &float_names).unwrap(),
        fidelity::Named::new(&model, &mut arena, &names).unwrap(),
    );
    let input = converted.graph.inputs[0];
    let layout = converted.graph.file_layouts.get(&input);
    let samples = SampleFile::open(samples).unwrap().arrange(converted.graph.shape(input), layout).unwrap();
    let outputs = model.program().output(0).unwrap().elements().unwrap();
    let truth = classes.map(|at| Truth::Classes(read_labels(at, samples.count(), outputs).unwrap()));
    let mut comparer = Comparer::new(pair, &names, truth);
    samples
        .for_each(|_, sample| {
            comparer.add(sample).unwrap();
            Ok::<(), SampleError>(())
        })
        .unwrap();
    comparer.finish()
}

#[test]
fn int8_predicts_as_well_as_float() {
    let Some(data) = data::directory() else { return };
    for (converted, (_, samples, classes)) in converted(&data).iter().zip(FLOAT) {
        let at = |location: &str| data.join(location).display().to_string();
        let comparison = compare(converted, &at(samples), classes.map(at).as_deref());
        let name = converted.name;
        let digest = converted.packed.blob.open().unwrap().digest();
        println!("{name}: digest {}", digest.map(|byte| format!("{byte:02x}")).concat());
        let mut line = format!("{name}: {} samples", comparison.samples);
        let sqnr = comparison.layers.iter().filter_map(|layer| Some((layer.sqnr_db?, &layer.name)));
        let (lowest, layer) = sqnr.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        write!(line, ", lowest SQNR {lowest:.1} dB at {layer}").unwrap();
        write!(line, ", of the output {:.1} dB", comparison.outputs[0].sqnr_db.unwrap()).unwrap();
        if classes.is_some() {
            let votes = comparison.classification.unwrap();
            let (float, quantized) =
                (votes.float_accuracy_percent.unwrap(), votes.quantized_accuracy_percent.unwrap());
            println!(
                "{line}, accuracy {float:.2} % in float, {quantized:.2} % in int8, agreement {:.2} %",
                votes.agreement_percent
            );
            assert!(float - quantized <= 0.5, "{name}: {float} % became {quantized} %");
            assert!(votes.agreement_percent >= 97.0, "{name}: {} % agree", votes.agreement_percent);
        } else {
            let error = comparison.reconstruction.unwrap();
            let root = f64::sqrt;
            println!(
                "{line}, reconstruction error {:.4} in float, {:.4} in int8, {:+.3} %",
                root(error.float_mean_squared_error),
                root(error.quantized_mean_squared_error),
                error.increase_percent
            );
            assert!(error.increase_percent.abs() <= 1.0, "{name}: {:+} %", error.increase_percent);
        }
    }
}
