//! What one node of an int8 graph computes, written down from `docs/numerics.md` with plain arithmetic: exact rational
//! numbers where the rounding is specified, real functions where a table or a fixed-point formula approximates one.

use dunlin_convert::Graph;
use dunlin_convert::graph::{Activation, BinaryFunction, Constant, DataType, Node, Operator, TensorId};

use super::float;

/// The outputs of a node and how far the runtime's may be off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The integers.
    pub values: Vec<i32>,
    /// 0 where every rounding is specified, 1 where a real function is approximated.
    pub tolerance: i32,
}

/// The output of the only node of a graph, for the integers of its inputs.
///
/// # Panics
/// If the graph does not have exactly one node, or tensors that int8 graphs do not have.
pub fn evaluate(graph: &Graph, inputs: &[Vec<i8>]) -> Expected {
    let [node] = &graph.nodes[..] else { panic!("{} nodes", graph.nodes.len()) };
    let mut integers: Vec<Vec<i32>> = graph
        .tensors
        .iter()
        .map(|tensor| match &tensor.constant {
            Some(Constant::I8(values)) => values.iter().map(|&value| value.into()).collect(),
            Some(Constant::I32(values)) => values.clone(),
            Some(Constant::F32(_)) => panic!("float constant `{}`", tensor.name),
            None => Vec::new(),
        })
        .collect();
    for (id, input) in graph.inputs.iter().zip(inputs) {
        integers[id.0] = input.iter().map(|&value| value.into()).collect();
    }
    Evaluation { graph, node, integers }.run()
}

struct Evaluation<'g> {
    graph: &'g Graph,
    node: &'g Node,
    integers: Vec<Vec<i32>>,
}

impl Evaluation<'_> {
    fn run(&self) -> Expected {
        let output = self.affine(self.node.output);
        let exact = |values: Vec<i32>| Expected { values, tolerance: 0 };
        match &self.node.operator {
            Operator::Conv2d { .. } | Operator::DepthwiseConv2d { .. } => exact(self.layer(scale_twice)),
            Operator::FullyConnected { .. } => exact(self.layer(scale_once)),
            Operator::Binary { function, .. } => exact(self.binary(*function)),
            Operator::AveragePool2d { .. } => exact(self.average()),
            Operator::MaxPool2d { .. }
            | Operator::Reshape
            | Operator::Transpose { .. }
            | Operator::Slice { .. }
            | Operator::ResizeNearest { .. } => {
                let moved = self.float(&self.node.operator, |id| self.as_float(id));
                exact(moved.iter().map(|&value| self.clamp(value as i32)).collect())
            }
            Operator::Pad { before, after, value } => {
                let value = ((value / output.0).round() as i32 + output.1).clamp(-128, 127) as f32;
                let operator = Operator::Pad { before: before.clone(), after: after.clone(), value };
                let padded = self.float(&operator, |id| self.as_float(id));
                exact(padded.iter().map(|&value| value as i32).collect())
            }
            // A real function, then one rounding.
            operator => {
                let requantizes = matches!(operator, Operator::Quantize);
                let operator = if requantizes { &Operator::Reshape } else { operator };
                let real = self.float(operator, |id| self.real(id));
                let quantized = real.iter().map(|value| {
                    let steps = (f64::from(*value) / f64::from(output.0)).round() as i32;
                    steps.saturating_add(output.1).clamp(-128, 127)
                });
                Expected { values: quantized.collect(), tolerance: 1 }
            }
        }
    }

    fn affine(&self, id: TensorId) -> (f32, i32) {
        let quantization = self.graph.tensor(id).quantization.as_ref().expect("a quantization");
        (quantization.scales[0], quantization.zero_points[0])
    }

    fn as_float(&self, id: TensorId) -> Vec<f32> {
        self.integers[id.0].iter().map(|&value| value as f32).collect()
    }

    /// q − zero point for int8 activations; weights and biases as they are.
    fn centred(&self, id: TensorId) -> Vec<f32> {
        let tensor = self.graph.tensor(id);
        let is_activation = tensor.data_type == DataType::I8
            && tensor.quantization.as_ref().is_some_and(|quantization| quantization.axis.is_none());
        let zero_point = if is_activation { self.affine(id).1 } else { 0 };
        self.integers[id.0].iter().map(|&value| (value - zero_point) as f32).collect()
    }

    fn real(&self, id: TensorId) -> Vec<f32> {
        let (scale, zero_point) = self.affine(id);
        self.integers[id.0].iter().map(|&value| scale * (value - zero_point) as f32).collect()
    }

    /// The operator without its activation, computed by the float interpreter.
    fn float(&self, operator: &Operator, values: impl Fn(TensorId) -> Vec<f32>) -> Vec<f32> {
        let mut node = Node { operator: operator.clone(), ..self.node.clone() };
        if let Some(activation) = node.operator.activation_mut() {
            *activation = Activation::None;
        }
        let mut all = vec![Vec::new(); self.graph.tensors.len()];
        for &id in &node.inputs {
            all[id.0] = values(id);
        }
        float::compute(self.graph, &node, &all)
    }

    /// Sums of products, which single precision holds exactly as long as they are short, then one factor a channel.
    fn layer(&self, scale: impl Fn(i64, f64) -> i64) -> Vec<i32> {
        let (input, output) = (self.affine(self.node.inputs[0]), self.affine(self.node.output));
        let weights = self.graph.tensor(self.node.inputs[1]).quantization.as_ref().expect("scales");
        let channels = *self.graph.shape(self.node.output).last().expect("channels");
        let sums = self.float(&self.node.operator, |id| self.centred(id));
        let outputs = sums.iter().enumerate().map(|(index, &sum)| {
            assert!(sum.abs() < (1 << 24) as f32, "the sum {sum} is not exact");
            let weight_scale = weights.scales[index % channels % weights.scales.len()];
            let factor = f64::from(input.0) * f64::from(weight_scale) / f64::from(output.0);
            self.clamp(scale(sum as i64, factor) as i32 + output.1)
        });
        outputs.collect()
    }

    fn binary(&self, function: BinaryFunction) -> Vec<i32> {
        let operator = |function| Operator::Binary { function, activation: Activation::None };
        // Adding a zero stretches an operand to the shape of the output.
        let stretched = |operand: usize| {
            let kept = self.node.inputs[operand];
            let mut node = self.node.clone();
            node.operator = operator(BinaryFunction::Add);
            let zeros = |id: TensorId| vec![0.0; self.graph.tensor(id).element_count()];
            let mut all: Vec<Vec<f32>> =
                (0..self.graph.tensors.len()).map(|id| zeros(TensorId(id))).collect();
            all[kept.0] = self.centred(kept);
            let sums = float::compute(self.graph, &node, &all);
            let twice = node.inputs[0] == node.inputs[1];
            sums.into_iter().map(move |sum| sum as i64 / if twice { 2 } else { 1 }).collect::<Vec<_>>()
        };
        let (left, right) = (self.affine(self.node.inputs[0]).0, self.affine(self.node.inputs[1]).0);
        let output = self.affine(self.node.output);
        let common = 2.0 * f64::from(left).max(f64::from(right));
        let combine = |a: i64, b: i64| {
            let term = |value: i64, scale: f32| scale_twice(value << 20, f64::from(scale) / common);
            let sum_factor = common / (f64::from(1 << 20) * f64::from(output.0));
            match function {
                BinaryFunction::Add => scale_twice(term(a, left) + term(b, right), sum_factor),
                BinaryFunction::Sub => scale_twice(term(a, left) - term(b, right), sum_factor),
                BinaryFunction::Mul => scale_twice(a * b, f64::from(left * right / output.0)),
            }
        };
        let pairs = stretched(0).into_iter().zip(stretched(1));
        pairs.map(|(a, b)| self.clamp(combine(a, b) as i32 + output.1)).collect()
    }

    /// Means times counts give back the sums of integers.
    fn average(&self) -> Vec<i32> {
        let Operator::AveragePool2d { kernel, stride, padding, count_include_pad, activation } =
            self.node.operator
        else {
            panic!("no average")
        };
        let whole = (kernel[0] * kernel[1]) as f32;
        let pool = |count_include_pad| Operator::AveragePool2d {
            kernel,
            stride,
            padding,
            count_include_pad,
            activation,
        };
        let ones = self.float(&pool(true), |id| vec![1.0; self.integers[id.0].len()]);
        let means = self.float(&pool(false), |id| self.as_float(id));
        let zero_point = self.affine(self.node.inputs[0]).1;
        let rounded = means.iter().zip(ones).map(|(mean, share)| {
            let inside = (share * whole).round();
            let (mut sum, mut count) = ((mean * inside).round() as i32, inside as i32);
            if count_include_pad {
                sum += (whole as i32 - count) * zero_point;
                count = whole as i32;
            }
            let half = count / 2;
            self.clamp((if sum > 0 { sum + half } else { sum - half }) / count)
        });
        rounded.collect()
    }

    fn clamp(&self, value: i32) -> i32 {
        let (low, high) = self.node.operator.activation().unwrap_or_default().bounds();
        let (scale, zero_point) = self.affine(self.node.output);
        let bound = |real: f32| (real / scale).round() as i32 + zero_point;
        let value = if low.is_finite() { value.max(bound(low).clamp(-128, 127)) } else { value };
        let value = if high.is_finite() { value.min(bound(high).clamp(-128, 127)) } else { value };
        value.clamp(-128, 127)
    }
}

/// `value · factor`, the factor rounded to 31 bits, the product rounded half up at 31 bits behind its point and then
/// half away from zero.
fn scale_twice(value: i64, factor: f64) -> i64 {
    let (mut fraction, mut shift) = (factor, 0);
    while fraction >= 1.0 {
        (fraction, shift) = (fraction / 2.0, shift + 1);
    }
    while fraction < 0.5 {
        (fraction, shift) = (fraction * 2.0, shift - 1);
    }
    let multiplier = (fraction * 2f64.powi(31)).round() as i128;
    let (left, right) = if shift > 0 { (shift, 0) } else { (0, -shift) };
    let high = ((i128::from(value) << left) * multiplier + (1 << 30)).div_euclid(1 << 31);
    let half = (1i128 << right) / 2;
    let magnitude = (high.abs() + half) >> right;
    (high.signum() * magnitude) as i64
}

/// `value · factor` in double precision, rounded half away from zero.
fn scale_once(value: i64, factor: f64) -> i64 {
    (value as f64 * factor).round() as i64
}
