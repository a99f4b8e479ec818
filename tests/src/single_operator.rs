//! Graphs of one operator each, over the shapes and settings in which operators go wrong: channel counts that fill no
//! block, odd extents, strides, dilations, one-sided padding, groups, broadcasts, constants on either side.

use dunlin_convert::Graph;
use dunlin_convert::graph::{
    Activation, BinaryFunction, Constant, DataType, Node, Operator, Padding, Quantization, Tensor, TensorId,
    UnaryFunction,
};

use crate::random::Random;

/// The type of all activations of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// float32.
    Float32,
    /// int8, per-channel weights.
    Int8,
}

/// Graphs of one node for every operator that exists in a scheme, the operator and its shapes being the graph's name.
pub fn graphs(scheme: Scheme, random: &mut Random) -> Vec<Graph> {
    let mut graphs = Graphs { scheme, random, graphs: Vec::new() };
    graphs.convolutions();
    graphs.depthwise_convolutions();
    graphs.fully_connected();
    graphs.arithmetic();
    graphs.unary();
    graphs.pools();
    graphs.movements();
    graphs.reductions();
    graphs.graphs
}

const ACTIVATIONS: [Activation; 4] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Clip { min: -0.7, max: 1.3 }];

struct Graphs<'r> {
    scheme: Scheme,
    random: &'r mut Random,
    graphs: Vec<Graph>,
}

impl Graphs<'_> {
    fn activation(&mut self) -> Activation {
        ACTIVATIONS[self.random.below(ACTIVATIONS.len())]
    }

    fn quantization(&mut self, scale: f32) -> Option<Quantization> {
        let zero_point = self.random.below(256) as i32 - 128;
        (self.scheme == Scheme::Int8).then(|| Quantization {
            scales: vec![scale],
            zero_points: vec![zero_point],
            axis: None,
        })
    }

    fn input(&mut self, graph: &mut Graph, shape: &[usize]) -> TensorId {
        let scale = self.random.between(0.01, 0.05);
        let quantization = self.quantization(scale);
        let data_type = if self.scheme == Scheme::Int8 { DataType::I8 } else { DataType::F32 };
        let name = format!("input {}", graph.inputs.len());
        let id =
            graph.add_tensor(Tensor { quantization, ..Tensor::activation(name, shape.to_vec(), data_type) });
        graph.inputs.push(id);
        id
    }

    /// A constant operand.
    fn operand(&mut self, graph: &mut Graph, shape: &[usize]) -> TensorId {
        let scale = self.random.between(0.01, 0.05);
        let quantization = self.quantization(scale);
        let constant = self.values(shape.iter().product(), -128);
        graph.add_tensor(Tensor { quantization, ..Tensor::constant("operand", shape.to_vec(), constant) })
    }

    /// Weights with a scale for each index of `axis`, or one for all.
    fn weights(&mut self, graph: &mut Graph, shape: &[usize], axis: Option<usize>) -> TensorId {
        let scales = (0..axis.map_or(1, |axis| shape[axis])).map(|_| self.random.between(0.002, 0.02));
        let scales: Vec<f32> = scales.collect();
        let zero_points = vec![0; scales.len()];
        let quantization =
            (self.scheme == Scheme::Int8).then_some(Quantization { scales, zero_points, axis });
        let constant = self.values(shape.iter().product(), -127);
        graph.add_tensor(Tensor { quantization, ..Tensor::constant("weights", shape.to_vec(), constant) })
    }

    fn bias(&mut self, graph: &mut Graph, channels: usize) -> TensorId {
        let constant = match self.scheme {
            Scheme::Float32 => self.values(channels, 0),
            Scheme::Int8 => {
                Constant::I32((0..channels).map(|_| self.random.below(8000) as i32 - 4000).collect())
            }
        };
        graph.add_tensor(Tensor::constant("bias", vec![channels], constant))
    }

    fn values(&mut self, count: usize, least: i32) -> Constant {
        match self.scheme {
            Scheme::Float32 => Constant::floats((0..count).map(|_| self.random.between(-1.0, 1.0)).collect()),
            Scheme::Int8 => {
                let span = (128 - least) as usize;
                Constant::I8((0..count).map(|_| (least + self.random.below(span) as i32) as i8).collect())
            }
        }
    }

    /// Adds the graph of an operator. `gain` is the size of a result relative to the scale of the first input times that
    /// of the weights; `shape` is needed where the operator does not determine the output's.
    fn add(
        &mut self,
        mut graph: Graph,
        operator: Operator,
        inputs: Vec<TensorId>,
        gain: f32,
        shape: Option<&[usize]>,
    ) {
        let scale = |id: TensorId| {
            let quantization = graph.tensor(id).quantization.as_ref();
            quantization.map_or(1.0, |quantization| quantization.scales[0])
        };
        let weights = if inputs.len() == 3 { scale(inputs[1]) } else { 1.0 };
        let quantization = self.quantization(scale(inputs[0]) * weights * gain);
        let data_type = graph.data_type(inputs[0]);
        let mut node = Node { name: operator.to_string(), operator, inputs, output: TensorId(0) };
        let shape = shape.map_or_else(|| graph.output_shape(&node).unwrap().unwrap(), <[usize]>::to_vec);
        let shapes: Vec<&[usize]> = node.inputs.iter().map(|&id| graph.shape(id)).collect();
        graph.name = format!("{:?} of {shapes:?}", node.operator);
        node.output =
            graph.add_tensor(Tensor { quantization, ..Tensor::activation("output", shape, data_type) });
        graph.outputs.push(node.output);
        graph.nodes.push(node);
        graph.validate().unwrap();
        self.graphs.push(graph);
    }

    /// As [`Self::add`], with the quantization of the first input.
    fn add_keeping(
        &mut self,
        graph: Graph,
        operator: Operator,
        inputs: Vec<TensorId>,
        shape: Option<&[usize]>,
    ) {
        let first = inputs[0];
        self.add(graph, operator, inputs, 1.0, shape);
        if let Some(graph) = self.graphs.last_mut() {
            let quantization = graph.tensor(first).quantization.clone();
            let output = graph.outputs[0];
            graph.tensor_mut(output).quantization = quantization;
        }
    }

    fn convolutions(&mut self) {
        // Image and channels, output channels, kernel, stride, dilation, padding (top, bottom, left, right), groups.
        type Case = ([usize; 3], usize, [usize; 2], [usize; 2], [usize; 2], [usize; 4], usize);
        let cases: [Case; 13] = [
            ([5, 6, 1], 1, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
            ([7, 5, 2], 3, [3, 2], [2, 1], [1, 1], [0, 1, 1, 0], 1),
            ([6, 7, 3], 8, [3, 3], [2, 2], [1, 1], [0, 1, 0, 1], 1),
            ([4, 4, 4], 9, [1, 1], [1, 1], [1, 1], [0; 4], 1),
            ([5, 5, 8], 17, [1, 1], [2, 2], [1, 1], [0; 4], 1),
            ([9, 8, 5], 4, [3, 3], [1, 1], [2, 2], [2, 2, 2, 2], 1),
            ([1, 20, 3], 5, [1, 5], [1, 2], [1, 1], [0, 0, 2, 2], 1),
            ([6, 5, 6], 9, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 3),
            ([4, 5, 4], 8, [2, 3], [1, 1], [1, 1], [0, 1, 1, 1], 2),
            ([5, 4, 3], 6, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 3),
            ([8, 8, 16], 16, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
            ([10, 4, 1], 10, [10, 4], [1, 1], [1, 1], [0; 4], 1),
            ([3, 3, 7], 12, [3, 3], [3, 3], [1, 1], [0; 4], 1),
        ];
        for ([h, w, c], channels, kernel, stride, dilation, [top, bottom, left, right], groups) in cases {
            for axis in [Some(0), None] {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, &[1, h, w, c]);
                let shape = [channels, kernel[0], kernel[1], c / groups];
                let weights = self.weights(&mut graph, &shape, axis);
                let bias = self.bias(&mut graph, channels);
                let padding = Padding { top, bottom, left, right };
                let activation = self.activation();
                let operator = Operator::Conv2d { stride, dilation, padding, groups, activation };
                let gain = 60.0 * ((kernel[0] * kernel[1] * c / groups) as f32).sqrt();
                self.add(graph, operator, vec![x, weights, bias], gain, None);
            }
        }
    }

    fn depthwise_convolutions(&mut self) {
        for (c, kernel, stride, dilation, padding) in [
            (1, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]),
            (3, [3, 3], [2, 2], [1, 1], [0, 1, 0, 1]),
            (8, [2, 3], [1, 2], [1, 1], [0, 0, 1, 1]),
            (11, [3, 3], [1, 1], [2, 2], [2, 2, 2, 2]),
            (17, [5, 1], [2, 1], [1, 1], [2, 2, 0, 0]),
        ] {
            for axis in [Some(3), None] {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, &[1, 9, 7, c]);
                let weights = self.weights(&mut graph, &[1, kernel[0], kernel[1], c], axis);
                let bias = self.bias(&mut graph, c);
                let [top, bottom, left, right] = padding;
                let padding = Padding { top, bottom, left, right };
                let activation = self.activation();
                let operator = Operator::DepthwiseConv2d { stride, dilation, padding, activation };
                self.add(graph, operator, vec![x, weights, bias], 150.0, None);
            }
        }
    }

    fn fully_connected(&mut self) {
        for (shape, outputs) in [
            (&[1, 1][..], 1),
            (&[1, 13], 10),
            (&[3, 16], 8),
            (&[2, 3, 5], 9),
            (&[1, 64], 17),
            (&[1, 2, 2, 6], 3),
        ] {
            for axis in [Some(0), None] {
                let mut graph = Graph::default();
                let features = shape[shape.len() - 1];
                let x = self.input(&mut graph, shape);
                let weights = self.weights(&mut graph, &[outputs, features], axis);
                let bias = self.bias(&mut graph, outputs);
                let operator = Operator::FullyConnected { activation: self.activation() };
                self.add(graph, operator, vec![x, weights, bias], 60.0 * (features as f32).sqrt(), None);
            }
        }
    }

    fn arithmetic(&mut self) {
        let functions = [(BinaryFunction::Add, 2.0), (BinaryFunction::Sub, 2.0), (BinaryFunction::Mul, 1.5)];
        for (function, gain) in functions {
            for (left, right) in [
                (&[1, 4, 5, 3][..], &[1, 4, 5, 3][..]),
                (&[1, 4, 5, 3], &[3]),
                (&[1, 1, 1, 7], &[2, 3, 2, 7]),
                (&[1, 6], &[1, 1]),
                (&[4, 1, 5], &[3, 1]),
            ] {
                for constant in [None, Some(0), Some(1)] {
                    let mut graph = Graph::default();
                    let shapes = [left, right];
                    let operands = [0, 1].map(|index| {
                        if constant == Some(index) {
                            self.operand(&mut graph, shapes[index])
                        } else {
                            self.input(&mut graph, shapes[index])
                        }
                    });
                    let operator = Operator::Binary { function, activation: self.activation() };
                    self.add(graph, operator, operands.to_vec(), gain, None);
                }
            }
            let mut graph = Graph::default();
            let x = self.input(&mut graph, &[2, 9]);
            let operator = Operator::Binary { function, activation: Activation::None };
            self.add(graph, operator, vec![x, x], gain, None);
        }
    }

    fn unary(&mut self) {
        let functions = [
            UnaryFunction::Relu,
            UnaryFunction::Clip { min: -0.5, max: 2.0 },
            UnaryFunction::LeakyRelu { alpha: 0.1 },
            UnaryFunction::LeakyRelu { alpha: -0.3 },
            UnaryFunction::Elu { alpha: 1.2 },
            UnaryFunction::Sigmoid,
            UnaryFunction::Tanh,
            UnaryFunction::HardSwish,
            UnaryFunction::HardSigmoid { alpha: 0.2, beta: 0.5 },
            UnaryFunction::Exp,
            UnaryFunction::Abs,
            UnaryFunction::Neg,
        ];
        for function in functions {
            let mut graph = Graph::default();
            let x = self.input(&mut graph, &[1, 2, 8, 16]);
            let gain = self.random.between(0.7, 1.5);
            self.add(graph, Operator::Unary { function }, vec![x], gain, None);
        }
        for (rows, columns) in [(1, 10), (3, 7), (1, 1)] {
            let mut graph = Graph::default();
            let x = self.input(&mut graph, &[rows, columns]);
            let beta = if rows == 3 { 0.5 } else { 1.0 };
            self.add(graph, Operator::Softmax { beta }, vec![x], 1.0, None);
            if let (Scheme::Int8, Some(graph)) = (self.scheme, self.graphs.last_mut()) {
                let probabilities =
                    Quantization { scales: vec![1.0 / 256.0], zero_points: vec![-128], axis: None };
                let output = graph.outputs[0];
                graph.tensor_mut(output).quantization = Some(probabilities);
            }
        }
        if self.scheme == Scheme::Int8 {
            for gain in [0.3, 1.0, 3.0] {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, &[1, 4, 16]);
                self.add(graph, Operator::Quantize, vec![x], gain, None);
            }
        }
    }

    fn pools(&mut self) {
        for (shape, kernel, stride, [top, bottom, left, right]) in [
            ([1, 6, 7, 1], [2, 2], [2, 2], [0, 0, 0, 0]),
            ([2, 5, 5, 3], [3, 3], [1, 1], [1, 1, 1, 1]),
            ([1, 7, 4, 9], [3, 2], [2, 1], [0, 1, 1, 0]),
            ([1, 5, 6, 8], [5, 6], [1, 1], [0, 0, 0, 0]),
        ] {
            let padding = Padding { top, bottom, left, right };
            for kind in 0..3 {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, &shape);
                let activation = self.activation();
                let count_include_pad = kind == 1;
                let operator = if kind == 2 {
                    Operator::MaxPool2d { kernel, stride, padding, activation }
                } else {
                    Operator::AveragePool2d { kernel, stride, padding, count_include_pad, activation }
                };
                self.add_keeping(graph, operator, vec![x], None);
            }
        }
    }

    /// Operators that only move elements.
    fn movements(&mut self) {
        type Case = (&'static [usize], Operator, Option<&'static [usize]>);
        let operators: [Case; 12] = [
            (&[1, 4, 3, 2], Operator::Reshape, Some(&[6, 4])),
            (&[2, 3, 4], Operator::Transpose { permutation: vec![1, 2, 0] }, None),
            (&[1, 3, 1, 4], Operator::Transpose { permutation: vec![0, 2, 1, 3] }, None),
            (&[1, 3, 2, 4], Operator::Transpose { permutation: vec![0, 3, 1, 2] }, None),
            (
                &[1, 3, 2, 4],
                Operator::Pad { before: vec![0, 1, 0, 0], after: vec![0, 0, 2, 1], value: 0.0 },
                None,
            ),
            (&[3, 5], Operator::Pad { before: vec![2, 1], after: vec![0, 1], value: 0.4 }, None),
            (
                &[1, 6, 5, 3],
                Operator::Slice { starts: vec![0, 1, 0, 1], strides: vec![1, 2, 1, 1] },
                Some(&[1, 3, 5, 2]),
            ),
            (&[4, 9], Operator::Slice { starts: vec![1, 0], strides: vec![2, 3] }, Some(&[2, 3])),
            (
                &[1, 2, 3, 5],
                Operator::ResizeNearest {
                    source_rows: vec![0, 0, 1, 1],
                    source_columns: vec![0, 1, 1, 2, 2],
                },
                None,
            ),
            (
                &[2, 4, 4, 2],
                Operator::ResizeNearest { source_rows: vec![1, 3], source_columns: vec![0, 2] },
                None,
            ),
            (&[7], Operator::Reshape, Some(&[1, 1, 7])),
            (&[1, 1, 1, 6], Operator::Transpose { permutation: vec![0, 3, 1, 2] }, None),
        ];
        for (shape, operator, output) in operators {
            let mut graph = Graph::default();
            let x = self.input(&mut graph, shape);
            self.add_keeping(graph, operator, vec![x], output);
        }
        for (axis, left, right) in [
            (3, [1, 2, 3, 4], [1, 2, 3, 1]),
            (1, [1, 2, 3, 4], [1, 5, 3, 4]),
            (0, [2, 1, 1, 3], [1, 1, 1, 3]),
        ] {
            for constant in [false, true] {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, &left);
                let other =
                    if constant { self.operand(&mut graph, &right) } else { self.input(&mut graph, &right) };
                let gain = self.random.between(0.8, 1.2);
                self.add(graph, Operator::Concat { axis }, vec![x, other], gain, None);
            }
        }
    }

    fn reductions(&mut self) {
        for (shape, axes, keep_dims) in [
            (&[1, 5, 4, 3][..], vec![1, 2], true),
            (&[1, 5, 4, 3], vec![1, 2], false),
            (&[2, 7, 5], vec![2], false),
            (&[3, 8], vec![0, 1], true),
        ] {
            let count: usize = axes.iter().map(|&axis| shape[axis]).product();
            for mean in [true, false] {
                let mut graph = Graph::default();
                let x = self.input(&mut graph, shape);
                let axes = axes.clone();
                let (operator, gain) = if mean {
                    (Operator::Mean { axes, keep_dims }, 0.6)
                } else {
                    (Operator::Sum { axes, keep_dims }, (count as f32).sqrt())
                };
                self.add(graph, operator, vec![x], gain, None);
            }
        }
    }
}
