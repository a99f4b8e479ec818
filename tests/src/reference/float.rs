//! Interprets a float graph as its operators are documented: plain loops, sums in double precision.

use dunlin_convert::Graph;
use dunlin_convert::graph::{
    BinaryFunction, Constant, FileLayout, Node, Operator, Padding, TensorId, UnaryFunction,
};

/// The values of every tensor of a graph for one set of inputs; empty for tensors that are not float.
///
/// # Panics
/// If an input does not have the size of its tensor, or the graph is not a float graph.
pub fn interpret(graph: &Graph, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = graph
        .tensors
        .iter()
        .map(|tensor| match &tensor.constant {
            Some(Constant::F32(values)) => values.to_vec(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(inputs.len(), graph.inputs.len(), "number of inputs");
    for (&id, input) in graph.inputs.iter().zip(inputs) {
        assert_eq!(input.len(), graph.tensor(id).element_count(), "size of input {}", graph.tensor(id).name);
        values[id.0].clone_from(input);
    }
    for node in &graph.nodes {
        let result = compute(graph, node, &values);
        assert_eq!(result.len(), graph.tensor(node.output).element_count(), "size of {}", node.name);
        values[node.output.0] = result;
    }
    values
}

/// The graph's outputs for inputs that are laid out as in the model file, laid out likewise.
///
/// # Panics
/// As [`interpret`].
pub fn run_file_layout(graph: &Graph, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let inputs: Vec<Vec<f32>> = graph
        .inputs
        .iter()
        .zip(inputs)
        .map(|(id, input)| match graph.file_layouts.get(id) {
            Some(FileLayout { shape, permutation }) => transpose(input, shape, permutation),
            None => input.clone(),
        })
        .collect();
    let values = interpret(graph, &inputs);
    let outputs = graph.outputs.iter().map(|id| match graph.file_layouts.get(id) {
        Some(FileLayout { shape, permutation }) => {
            let transposed: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
            let mut inverse = vec![0; permutation.len()];
            for (to, &from) in permutation.iter().enumerate() {
                inverse[from] = to;
            }
            transpose(&values[id.0], &transposed, &inverse)
        }
        None => values[id.0].clone(),
    });
    outputs.collect()
}

/// The elements of a tensor in the order of the permuted axes.
pub fn transpose(x: &[f32], shape: &[usize], permutation: &[usize]) -> Vec<f32> {
    let output: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
    indices(&output)
        .map(|index| {
            let mut source = vec![0; shape.len()];
            for (to, &from) in permutation.iter().enumerate() {
                source[from] = index[to];
            }
            x[offset(&source, shape)]
        })
        .collect()
}

/// All indices of a shape, row-major.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |mut position: usize| {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = position % shape[axis];
            position /= shape[axis];
        }
        index
    })
}

fn offset(index: &[usize], shape: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |position, (&index, &extent)| position * extent + index)
}

/// The result of a node for the values of all tensors.
pub(super) fn compute(graph: &Graph, node: &Node, values: &[Vec<f32>]) -> Vec<f32> {
    let value = |id: TensorId| values[id.0].as_slice();
    let x = value(node.inputs[0]);
    let x_shape = graph.shape(node.inputs[0]);
    let shape = graph.shape(node.output);
    let mut result: Vec<f32> = match &node.operator {
        Operator::Conv2d { stride, dilation, padding, groups, .. } => {
            let weights = Weights { values: value(node.inputs[1]), shape: graph.shape(node.inputs[1]) };
            let per_group = shape[3] / groups;
            let window = |index: &[usize]| {
                let group = index[3] / per_group;
                let inputs = weights.shape[3];
                let mut sum = f64::from(value(node.inputs[2])[index[3]]);
                each_tap(index, &weights.shape[1..3], *stride, *dilation, *padding, |row, column, tap| {
                    if let Some([h, w]) = inside(row, column, x_shape) {
                        let pixel = offset(&[index[0], h, w, group * inputs], x_shape);
                        let weight = offset(&[index[3], tap[0], tap[1], 0], weights.shape);
                        for channel in 0..inputs {
                            sum +=
                                f64::from(x[pixel + channel]) * f64::from(weights.values[weight + channel]);
                        }
                    }
                });
                sum as f32
            };
            indices(shape).map(|index| window(&index)).collect()
        }
        Operator::DepthwiseConv2d { stride, dilation, padding, .. } => {
            let weights = Weights { values: value(node.inputs[1]), shape: graph.shape(node.inputs[1]) };
            let window = |index: &[usize]| {
                let mut sum = f64::from(value(node.inputs[2])[index[3]]);
                each_tap(index, &weights.shape[1..3], *stride, *dilation, *padding, |row, column, tap| {
                    if let Some([h, w]) = inside(row, column, x_shape) {
                        let pixel = offset(&[index[0], h, w, index[3]], x_shape);
                        let weight = offset(&[0, tap[0], tap[1], index[3]], weights.shape);
                        sum += f64::from(x[pixel]) * f64::from(weights.values[weight]);
                    }
                });
                sum as f32
            };
            indices(shape).map(|index| window(&index)).collect()
        }
        Operator::FullyConnected { .. } => {
            let (weights, bias) = (value(node.inputs[1]), value(node.inputs[2]));
            let features = x_shape[x_shape.len() - 1];
            let rows = x.chunks_exact(features);
            let dot = |row: &[f32], weights: &[f32], bias: f32| {
                let products = row.iter().zip(weights).map(|(&x, &weight)| f64::from(x) * f64::from(weight));
                (f64::from(bias) + products.sum::<f64>()) as f32
            };
            rows.flat_map(|row| {
                weights.chunks_exact(features).zip(bias).map(move |(weights, &bias)| dot(row, weights, bias))
            })
            .collect()
        }
        Operator::Binary { function, .. } => {
            let other = value(node.inputs[1]);
            let other_shape = graph.shape(node.inputs[1]);
            let operand = |values: &[f32], own: &[usize], index: &[usize]| {
                let index = &index[index.len() - own.len()..];
                let clipped: Vec<usize> =
                    index.iter().zip(own).map(|(&index, &extent)| index.min(extent - 1)).collect();
                values[offset(&clipped, own)]
            };
            let apply = |a: f32, b: f32| match function {
                BinaryFunction::Add => a + b,
                BinaryFunction::Sub => a - b,
                BinaryFunction::Mul => a * b,
            };
            indices(shape)
                .map(|index| apply(operand(x, x_shape, &index), operand(other, other_shape, &index)))
                .collect()
        }
        Operator::Unary { function } => x.iter().map(|&x| unary(*function, x)).collect(),
        Operator::AveragePool2d { kernel, stride, padding, count_include_pad, .. } => {
            let window = |index: &[usize]| {
                let (mut sum, mut count) = (0.0, 0);
                each_tap(index, kernel, *stride, [1, 1], *padding, |row, column, _| {
                    if let Some([h, w]) = inside(row, column, x_shape) {
                        sum += f64::from(x[offset(&[index[0], h, w, index[3]], x_shape)]);
                        count += 1;
                    }
                });
                let divisor = if *count_include_pad { kernel[0] * kernel[1] } else { count };
                (sum / divisor as f64) as f32
            };
            indices(shape).map(|index| window(&index)).collect()
        }
        Operator::MaxPool2d { kernel, stride, padding, .. } => {
            let window = |index: &[usize]| {
                let mut greatest = f32::NEG_INFINITY;
                each_tap(index, kernel, *stride, [1, 1], *padding, |row, column, _| {
                    if let Some([h, w]) = inside(row, column, x_shape) {
                        greatest = greatest.max(x[offset(&[index[0], h, w, index[3]], x_shape)]);
                    }
                });
                greatest
            };
            indices(shape).map(|index| window(&index)).collect()
        }
        Operator::Concat { axis } => {
            let element = |mut index: Vec<usize>| {
                for &input in &node.inputs {
                    let extent = graph.shape(input)[*axis];
                    if index[*axis] < extent {
                        return value(input)[offset(&index, graph.shape(input))];
                    }
                    index[*axis] -= extent;
                }
                unreachable!("the output's extent is the sum of the inputs'")
            };
            indices(shape).map(element).collect()
        }
        Operator::Reshape => x.to_vec(),
        Operator::Transpose { permutation } => transpose(x, x_shape, permutation),
        Operator::Pad { before, value, .. } => indices(shape)
            .map(|index| {
                let source: Option<Vec<usize>> = (0..index.len())
                    .map(|axis| index[axis].checked_sub(before[axis]).filter(|&index| index < x_shape[axis]))
                    .collect();
                source.map_or(*value, |source| x[offset(&source, x_shape)])
            })
            .collect(),
        Operator::Softmax { beta } => {
            x.chunks_exact(x_shape[x_shape.len() - 1]).flat_map(|row| softmax(row, *beta)).collect()
        }
        Operator::Mean { axes, .. } | Operator::Sum { axes, .. } => {
            let mut sums = vec![0.0f64; shape.iter().product()];
            let kept: Vec<usize> = x_shape
                .iter()
                .enumerate()
                .map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent })
                .collect();
            for (position, mut index) in indices(x_shape).enumerate() {
                for &axis in axes {
                    index[axis] = 0;
                }
                sums[offset(&index, &kept)] += f64::from(x[position]);
            }
            let mean = matches!(node.operator, Operator::Mean { .. });
            let divisor = if mean { (x.len() / sums.len()) as f64 } else { 1.0 };
            sums.iter().map(|sum| (sum / divisor) as f32).collect()
        }
        Operator::ResizeNearest { source_rows, source_columns } => indices(shape)
            .map(|index| {
                x[offset(&[index[0], source_rows[index[1]], source_columns[index[2]], index[3]], x_shape)]
            })
            .collect(),
        Operator::Slice { starts, strides } => indices(shape)
            .map(|index| {
                let source: Vec<usize> =
                    (0..index.len()).map(|axis| starts[axis] + index[axis] * strides[axis]).collect();
                x[offset(&source, x_shape)]
            })
            .collect(),
        Operator::Quantize | Operator::Dequantize => {
            panic!("{} is no operator of a float graph", node.operator)
        }
    };
    if let Some(activation) = node.operator.activation() {
        for element in &mut result {
            *element = activation.apply(*element);
        }
    }
    result
}

struct Weights<'a> {
    values: &'a [f32],
    shape: &'a [usize],
}

/// Calls `visit` with the row, the column (both may lie in the padding) and the tap of each element of the window of
/// an output pixel.
fn each_tap(
    output: &[usize],
    kernel: &[usize],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    mut visit: impl FnMut(isize, isize, [usize; 2]),
) {
    for tap_row in 0..kernel[0] {
        for tap_column in 0..kernel[1] {
            let row = (output[1] * stride[0] + tap_row * dilation[0]) as isize - padding.top as isize;
            let column = (output[2] * stride[1] + tap_column * dilation[1]) as isize - padding.left as isize;
            visit(row, column, [tap_row, tap_column]);
        }
    }
}

fn inside(row: isize, column: isize, image: &[usize]) -> Option<[usize; 2]> {
    let row = usize::try_from(row).ok().filter(|&row| row < image[1])?;
    let column = usize::try_from(column).ok().filter(|&column| column < image[2])?;
    Some([row, column])
}

fn softmax(row: &[f32], beta: f32) -> Vec<f32> {
    let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = row.iter().map(|&x| (f64::from(beta) * f64::from(x - greatest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

fn unary(function: UnaryFunction, x: f32) -> f32 {
    let wide = f64::from(x);
    let result = match function {
        UnaryFunction::Relu => wide.max(0.0),
        UnaryFunction::Clip { min, max } => wide.max(f64::from(min)).min(f64::from(max)),
        UnaryFunction::LeakyRelu { alpha } if x < 0.0 => wide * f64::from(alpha),
        UnaryFunction::Elu { alpha } if x < 0.0 => f64::from(alpha) * wide.exp_m1(),
        UnaryFunction::LeakyRelu { .. } | UnaryFunction::Elu { .. } => wide,
        UnaryFunction::Sigmoid => 1.0 / (1.0 + (-wide).exp()),
        UnaryFunction::Tanh => wide.tanh(),
        UnaryFunction::HardSwish => wide * (wide + 3.0).clamp(0.0, 6.0) / 6.0,
        UnaryFunction::HardSigmoid { alpha, beta } => {
            (f64::from(alpha) * wide + f64::from(beta)).clamp(0.0, 1.0)
        }
        UnaryFunction::Exp => wide.exp(),
        UnaryFunction::Log => wide.ln(),
        UnaryFunction::Sqrt => wide.sqrt(),
        UnaryFunction::Abs => wide.abs(),
        UnaryFunction::Neg => -wide,
    };
    result as f32
}
