//! Single operators over a grid of shapes on the emulated Cortex-M4.

use anyhow::{Context, bail};
use dunlin_kernel_tests::blob_builder::seal;
use dunlin_kernel_tests::case::{Attributes, Case, Filter, Input, Output, Quantization, Values};
use dunlin_kernel_tests::random::Random;
use dunlin_kernel_tests::{execution, program, reference};
use dunlin_runtime::format::attributes::{Addition, Clamp, Convolution, FullyConnected};
use dunlin_runtime::format::{DataType, Operator};

use super::chart::{Bar, Group};
use super::cortex_m4::run_counted;
use super::markdown::{Table, grouped};
use super::section::Section;

/// What extents, weights and elements come from.
const SEED: u64 = 0xd0_0d1e;
/// About how many multiplications a shape takes; few enough to be quick, many enough to drown what is done once.
const MACS: usize = 200_000;
/// Fewest multiplications for an output that a chart shows: below, an output costs more than its sum.
const LEAST_CHARTED: u64 = 8;
/// Most and fewest pixels of an output.
const PIXELS: [usize; 2] = [30, 900];

/// Kernel rows, kernel columns, stride, input channels and output channels of convolutions.
const CONV2D: &[[u32; 5]] = &[
    [3, 3, 1, 1, 16],
    [3, 3, 1, 2, 16],
    [3, 3, 1, 3, 16],
    [3, 3, 1, 4, 16],
    [3, 3, 1, 5, 16],
    [3, 3, 1, 8, 16],
    [3, 3, 1, 16, 16],
    [3, 3, 1, 32, 33],
    [3, 3, 1, 64, 64],
    [3, 3, 1, 13, 7],
    [3, 3, 2, 1, 8],
    [3, 3, 2, 3, 16],
    [3, 3, 2, 16, 32],
    [3, 3, 2, 32, 64],
    [5, 5, 1, 1, 8],
    [5, 5, 1, 3, 12],
    [5, 5, 1, 8, 16],
    [5, 5, 1, 17, 9],
    [5, 5, 2, 3, 24],
    [10, 4, 2, 1, 64],
    [10, 4, 1, 3, 16],
    [1, 1, 1, 1, 8],
    [1, 1, 1, 2, 16],
    [1, 1, 1, 3, 16],
    [1, 1, 1, 4, 16],
    [1, 1, 1, 5, 12],
    [1, 1, 1, 8, 16],
    [1, 1, 1, 16, 16],
    [1, 1, 1, 16, 32],
    [1, 1, 1, 32, 32],
    [1, 1, 1, 64, 64],
    [1, 1, 1, 96, 24],
    [1, 1, 1, 128, 128],
    [1, 1, 1, 255, 33],
    [1, 1, 1, 256, 64],
    [1, 1, 2, 16, 32],
    [1, 1, 2, 64, 64],
];
/// Kernel rows, kernel columns, stride and channels of depthwise convolutions.
const DEPTHWISE: &[[u32; 4]] = &[
    [3, 3, 1, 1],
    [3, 3, 1, 2],
    [3, 3, 1, 3],
    [3, 3, 1, 4],
    [3, 3, 1, 5],
    [3, 3, 1, 8],
    [3, 3, 1, 16],
    [3, 3, 1, 31],
    [3, 3, 1, 64],
    [3, 3, 1, 128],
    [3, 3, 1, 256],
    [3, 3, 2, 3],
    [3, 3, 2, 16],
    [3, 3, 2, 64],
    [5, 5, 1, 1],
    [5, 5, 1, 8],
    [5, 5, 1, 32],
    [5, 5, 2, 16],
    [10, 4, 1, 8],
    [1, 1, 1, 16],
];
/// Inputs and outputs of fully connected layers.
const FULLY_CONNECTED: &[[u32; 2]] =
    &[[1, 16], [3, 16], [5, 7], [8, 128], [64, 12], [128, 8], [128, 128], [255, 33], [256, 256], [640, 128]];
/// Channels of additions.
const ADD: &[u32] = &[1, 3, 16, 64, 256];

/// A row of the grid.
struct Shape {
    /// Kernel and stride, where there are some.
    window: String,
    channels: String,
    extent: String,
    /// Multiplications; of additions, elements.
    work: u64,
    case: Case,
}

impl Shape {
    /// As in the baseline.
    fn name(&self) -> String {
        let parts = [self.case.operator.name(), &self.window, &self.channels, &self.extent];
        format!(
            "shapes.{}",
            parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
        )
    }
}

/// The grid.
fn shapes() -> Vec<Shape> {
    let random = &mut Random::new(SEED);
    let mut shapes = Vec::new();
    for &[rows, columns, stride, inputs, outputs] in CONV2D {
        shapes.push(convolution(Operator::Conv2d, [rows, columns], stride, [inputs, outputs], random));
    }
    for &[rows, columns, stride, channels] in DEPTHWISE {
        let operator = Operator::DepthwiseConv2d;
        shapes.push(convolution(operator, [rows, columns], stride, [channels; 2], random));
    }
    shapes.extend(FULLY_CONNECTED.iter().map(|&channels| fully_connected(channels, random)));
    shapes.extend(ADD.iter().map(|&channels| add(channels, random)));
    shapes
}

/// Runs all shapes as the steps of one program, and holds their results against the naive evaluation.
pub fn measure() -> anyhow::Result<Section> {
    let shapes = shapes();
    let cases: Vec<_> = shapes.iter().map(|shape| shape.case.clone()).collect();
    let mut blob = program::blob(&cases);
    seal(&mut blob);
    let sample = execution::inputs(&cases).collect::<Vec<_>>().concat();
    let report = run_counted(&blob, &sample).context("running the grid of shapes")?;
    let steps = report.counts.map(|counts| counts.steps).unwrap_or_default();
    if steps.len() != shapes.len() {
        bail!("{} steps were counted, there are {} shapes", steps.len(), shapes.len());
    }
    let mut outputs = report.outputs.first().map(Vec::as_slice).unwrap_or_default();
    for case in &cases {
        let (found, behind) = outputs.split_at(case.output.elements());
        if let Some(difference) = reference::evaluate(case).difference(found) {
            bail!("{difference}: {}", case.describe());
        }
        outputs = behind;
    }

    let mut section = Section::new("Shapes on Cortex-M4");
    let mut table = Table::new(&[
        "operator",
        "kernel",
        "channels",
        "input",
        ">MACs",
        ">instructions per MAC",
        ">cycles per MAC",
    ]);
    let mut groups = Groups::default();
    for (shape, count) in shapes.iter().zip(&steps) {
        if shape.work >= LEAST_CHARTED * shape.case.output.elements() as u64 {
            groups.add(shape, count.cycles);
        }
        let per_mac = |number: u64| format!("{:.2}", number as f64 / shape.work as f64);
        table.push([
            shape.case.operator.name().to_owned(),
            shape.window.clone(),
            shape.channels.clone(),
            shape.extent.clone(),
            grouped(shape.work),
            per_mac(count.instructions),
            per_mac(count.cycles),
        ]);
        section.figure(&shape.name(), "instructions", count.instructions);
        section.figure(&shape.name(), "cycles", count.cycles);
    }
    section.add(
        "Random weights and elements, odd extents, padding as TensorFlow's SAME, multiplications with padding counted like others; of add, \
         elements instead of multiplications. A kernel is rows × columns / stride.",
    );
    section.chart(
        "cortex-m4-shapes",
        "Modelled cycles per multiplication over shapes, shorter is better",
        &groups.0,
    );
    section.add(table);
    Ok(section)
}

/// Bars of the cycles per multiplication, operator by operator.
#[derive(Default)]
struct Groups(Vec<Group>);

impl Groups {
    fn add(&mut self, shape: &Shape, cycles: u64) {
        let title = format!("{}: modelled cycles per multiplication", shape.case.operator.name());
        if self.0.last().is_none_or(|group| group.title != title) {
            self.0.push(Group { title, bars: Vec::new() });
        }
        let value = cycles as f64 / shape.work as f64;
        let name = format!("dunlin {} {}", shape.window, shape.channels);
        if let Some(group) = self.0.last_mut() {
            group.bars.push(Bar { name, value, text: format!("{value:.2}") });
        }
    }
}

/// Odd rows and columns that make about `MACS` with `work` for each pixel.
fn extent(work: usize, random: &mut Random) -> [u32; 2] {
    let pixels = (MACS / work).clamp(PIXELS[0], PIXELS[1]);
    let side = (pixels as f64).sqrt() as usize;
    let columns = side.saturating_sub(2) + random.below(5);
    [pixels / columns, columns].map(|pixels| pixels as u32 | 1)
}

fn elements(count: usize, random: &mut Random) -> Vec<i8> {
    (0..count).map(|_| random.bits() as i8).collect()
}

fn quantization(random: &mut Random) -> Quantization {
    Quantization::of_zero_point(i32::from(random.bits() as i8))
}

fn input(dims: [u32; 4], random: &mut Random) -> Input {
    let values = Values::Int8(elements(dims.iter().product::<u32>() as usize, random));
    Input { dims, quantization: quantization(random), values, constant: false }
}

fn output(dims: [u32; 4], random: &mut Random) -> Output {
    Output { dims, quantization: quantization(random), data_type: DataType::Int8 }
}

/// A multiplier and shift that bring numbers up to `largest` into the range of int8, roughly.
fn requantization(largest: f64, random: &mut Random) -> (i32, i32) {
    ((1 << 30) + (random.bits() >> 34) as i32, (100.0 / largest).log2().round() as i32)
}

fn filter(outputs: u32, values: u32, random: &mut Random) -> Filter {
    let largest = f64::from(values).sqrt() * 127.0 * 73.0;
    let weights =
        elements((outputs * values) as usize, random).iter().map(|&weight| weight.max(-127)).collect();
    let bias = (0..outputs).map(|_| (random.bits() as i32) >> 17).collect();
    let (multiplier, shift) = (0..outputs).map(|_| requantization(largest, random)).unzip();
    Filter::Int8 { weights, bias, multiplier, shift }
}

fn convolution(
    operator: Operator,
    kernel: [u32; 2],
    stride: u32,
    channels: [u32; 2],
    random: &mut Random,
) -> Shape {
    let groups = if operator == Operator::DepthwiseConv2d { channels[0] } else { 1 };
    let values = kernel[0] * kernel[1] * channels[0] / groups;
    let outputs = extent((values * channels[1]) as usize, random);
    // The last stride may be cut.
    let [rows, columns] = outputs.map(|extent| (extent - 1) * stride + 1);
    let record = Convolution {
        kernel_h: kernel[0],
        kernel_w: kernel[1],
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        padding_top: (kernel[0] - 1) / 2,
        padding_left: (kernel[1] - 1) / 2,
        groups,
        clamp: Clamp::int8(-128, 127),
        weights_offset: 0,
        channels_offset: 0,
    };
    let case = Case {
        operator,
        inputs: vec![input([1, rows, columns, channels[0]], random)],
        output: output([1, outputs[0], outputs[1], channels[1]], random),
        attributes: Attributes::Convolution(record, filter(channels[1], values, random)),
        in_place: false,
    };
    let window = format!("{}×{}/{stride}", kernel[0], kernel[1]);
    let channels = if operator == Operator::Conv2d {
        format!("{}→{}", channels[0], channels[1])
    } else {
        groups.to_string()
    };
    let work = case.output.elements() as u64 * u64::from(values);
    Shape { window, channels, extent: format!("{rows}×{columns}"), work, case }
}

fn fully_connected([inputs, outputs]: [u32; 2], random: &mut Random) -> Shape {
    let record = FullyConnected { clamp: Clamp::int8(-128, 127), weights_offset: 0, channels_offset: 0 };
    let case = Case {
        operator: Operator::FullyConnected,
        inputs: vec![input([1, 1, 1, inputs], random)],
        output: output([1, 1, 1, outputs], random),
        attributes: Attributes::FullyConnected(record, filter(outputs, inputs, random)),
        in_place: false,
    };
    let (window, channels) = (String::new(), format!("{inputs}→{outputs}"));
    Shape { window, channels, extent: String::new(), work: u64::from(inputs * outputs), case }
}

fn add(channels: u32, random: &mut Random) -> Shape {
    /// The operator raises its inputs by 20 bits and brings the larger scale to one half (docs/numerics.md).
    const RAISED: f64 = (1 << 28) as f64;
    let [rows, columns] = extent(64 * channels as usize, random);
    let dims = [1, rows, columns, channels];
    // The larger of the two scales is halved, the other one is less.
    let (left_multiplier, left_shift) = (1 << 30, 0);
    let (right_multiplier, right_shift) = (requantization(100.0, random).0, -1);
    let (output_multiplier, output_shift) = requantization(RAISED, random);
    let record = Addition {
        clamp: Clamp::int8(-128, 127),
        left_multiplier,
        left_shift,
        right_multiplier,
        right_shift,
        output_multiplier,
        output_shift,
    };
    let case = Case {
        operator: Operator::Add,
        inputs: vec![input(dims, random), input(dims, random)],
        output: output(dims, random),
        attributes: Attributes::Addition(record),
        in_place: false,
    };
    let work = case.output.elements() as u64;
    let (window, channels, extent) = (String::new(), channels.to_string(), format!("{rows}×{columns}"));
    Shape { window, channels, extent, work, case }
}
