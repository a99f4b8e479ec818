//! Random graphs compute the same before and after each pass and all passes together.

use dunlin_convert::Graph;
use dunlin_convert::graph::{
    Activation, BinaryFunction, DataType, Operator, Padding, Tensor, TensorId, UnaryFunction,
};
use dunlin_convert::passes;
use dunlin_tests::random::Random;
use dunlin_tests::reference::float;

/// Grows a graph node by node; every node reads tensors that exist already.
struct Grower {
    graph: Graph,
    random: Random,
    /// The tensors that further nodes may read.
    tensors: Vec<TensorId>,
}

impl Grower {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut graph = Graph::default();
        let shape = vec![1, 2 + random.below(4), 2 + random.below(4), 1 + random.below(4)];
        let input = graph.add_tensor(Tensor::activation("input", shape, DataType::F32));
        graph.inputs.push(input);
        Self { graph, random, tensors: vec![input] }
    }

    fn constant(&mut self, shape: &[usize]) -> TensorId {
        let values = (0..shape.iter().product()).map(|_| self.random.between(-1.0, 1.0)).collect();
        self.graph.add_constant("constant", shape.to_vec(), values)
    }

    /// Appends a node, unless the operator does not fit its inputs.
    fn append(&mut self, operator: Operator, inputs: Vec<TensorId>) {
        let output =
            self.graph.add_node(format!("n{}", self.graph.nodes.len()), operator, inputs, Vec::new());
        match self.graph.output_shape(self.graph.nodes.last().unwrap()) {
            Ok(Some(shape)) if shape.iter().product::<usize>() <= 4096 => {
                self.graph.tensor_mut(output).shape = shape;
                self.tensors.push(output);
            }
            _ => drop(self.graph.nodes.pop()),
        }
    }

    fn activation(&mut self) -> Activation {
        [Activation::None, Activation::None, Activation::Relu, Activation::Clip { min: -0.5, max: 0.75 }]
            [self.random.below(4)]
    }

    fn padding(&mut self) -> Padding {
        let [top, bottom, left, right] = [0; 4].map(|_: usize| self.random.below(2));
        Padding { top, bottom, left, right }
    }

    fn shuffled(&mut self, rank: usize) -> Vec<usize> {
        let mut axes: Vec<usize> = (0..rank).collect();
        for last in (1..rank).rev() {
            axes.swap(last, self.random.below(last + 1));
        }
        axes
    }

    fn grow(&mut self) {
        // Mostly the newest tensor, so that chains form.
        let back = if self.random.below(4) == 0 { self.random.below(self.tensors.len()) } else { 0 };
        let x = self.tensors[self.tensors.len() - 1 - back];
        let shape = self.graph.shape(x).to_vec();
        let rank = shape.len();
        match self.random.below(14) {
            0 | 1 => {
                let permutation = self.shuffled(rank);
                self.append(Operator::Transpose { permutation }, vec![x]);
            }
            2 => self.reshape(x, &shape),
            3 | 4 => {
                let functions = [
                    UnaryFunction::Relu,
                    UnaryFunction::Clip { min: -0.5, max: 0.5 },
                    UnaryFunction::Tanh,
                    UnaryFunction::LeakyRelu { alpha: 0.1 },
                ];
                let function = functions[self.random.below(4)];
                self.append(Operator::Unary { function }, vec![x]);
            }
            5 | 6 => {
                let kept: Vec<usize> =
                    shape.iter().map(|&extent| if self.random.below(2) == 0 { extent } else { 1 }).collect();
                let constant = self.constant(&kept);
                self.binary(x, constant);
            }
            7 => {
                let other = self.tensors[self.random.below(self.tensors.len())];
                if self.graph.shape(other).len() == rank {
                    self.binary(x, other);
                }
            }
            8 if rank == 4 => self.convolution(x, shape[3]),
            9 => {
                let outputs = 1 + self.random.below(4);
                let weights = self.constant(&[outputs, shape[rank - 1]]);
                let bias = self.constant(&[outputs]);
                let activation = self.activation();
                self.append(Operator::FullyConnected { activation }, vec![x, weights, bias]);
            }
            10 => {
                let other = self.tensors[self.random.below(self.tensors.len())];
                let axis = self.random.below(rank);
                self.append(Operator::Concat { axis }, vec![x, other]);
            }
            11 => {
                let axes: Vec<usize> = (0..rank).filter(|_| self.random.below(3) == 0).collect();
                let keep_dims = self.random.below(2) == 0;
                if axes.len() < rank {
                    self.append(Operator::Mean { axes, keep_dims }, vec![x]);
                }
            }
            12 => {
                let mut pads = || (0..rank).map(|_| self.random.below(4) / 3).collect::<Vec<_>>();
                let (before, after) = (pads(), pads());
                let value = [0.0, 0.25][self.random.below(2)];
                self.append(Operator::Pad { before, after, value }, vec![x]);
            }
            13 if rank == 4 => {
                let (padding, activation) = (self.padding(), self.activation());
                let (kernel, stride) = ([2, 2], [1 + self.random.below(2), 1]);
                let operator = match self.random.below(2) {
                    0 => Operator::MaxPool2d { kernel, stride, padding, activation },
                    _ => Operator::AveragePool2d {
                        kernel,
                        stride,
                        padding,
                        count_include_pad: false,
                        activation,
                    },
                };
                self.append(operator, vec![x]);
            }
            _ => self.append(Operator::Softmax { beta: 1.0 }, vec![x]),
        }
    }

    fn binary(&mut self, a: TensorId, b: TensorId) {
        let function = [BinaryFunction::Add, BinaryFunction::Sub, BinaryFunction::Mul][self.random.below(3)];
        let activation = self.activation();
        let inputs = if self.random.below(3) == 0 { vec![b, a] } else { vec![a, b] };
        self.append(Operator::Binary { function, activation }, inputs);
    }

    fn convolution(&mut self, x: TensorId, channels: usize) {
        let (padding, activation) = (self.padding(), self.activation());
        let kernel = [1 + self.random.below(2), 1 + self.random.below(2)];
        let (stride, dilation) = ([1 + self.random.below(2), 1], [1, 1]);
        if self.random.below(2) == 0 {
            let weights = self.constant(&[1, kernel[0], kernel[1], channels]);
            let bias = self.constant(&[channels]);
            let operator = Operator::DepthwiseConv2d { stride, dilation, padding, activation };
            self.append(operator, vec![x, weights, bias]);
        } else {
            let groups = if channels.is_multiple_of(2) { 1 + self.random.below(2) } else { 1 };
            let outputs = groups * (1 + self.random.below(2));
            let weights = self.constant(&[outputs, kernel[0], kernel[1], channels / groups]);
            let bias = self.constant(&[outputs]);
            let operator = Operator::Conv2d { stride, dilation, padding, groups, activation };
            self.append(operator, vec![x, weights, bias]);
        }
    }

    /// Merges two neighbouring axes, or adds or drops one of extent 1.
    fn reshape(&mut self, x: TensorId, shape: &[usize]) {
        let mut reshaped = shape.to_vec();
        let at = self.random.below(shape.len());
        if self.random.below(2) == 0 && at + 1 < shape.len() {
            let merged = reshaped.remove(at);
            reshaped[at] *= merged;
        } else if shape[at] == 1 && shape.len() > 1 {
            reshaped.remove(at);
        } else if shape.len() < 4 {
            reshaped.insert(at, 1);
        }
        let name = format!("n{}", self.graph.nodes.len());
        let output = self.graph.add_node(name, Operator::Reshape, vec![x], reshaped);
        self.tensors.push(output);
    }
}

fn random_graph(seed: u64) -> Grower {
    let mut grower = Grower::new(seed);
    for _ in 0..4 + grower.random.below(12) {
        grower.grow();
    }
    let last = grower.tensors[grower.tensors.len() - 1];
    let other = grower.tensors[grower.random.below(grower.tensors.len())];
    let mut outputs = vec![last, other];
    outputs.dedup();
    outputs.retain(|output| !grower.graph.inputs.contains(output));
    grower.graph.outputs = outputs;
    grower
}

fn assert_equal_results(seed: u64, pass: &str, before: &Graph, after: &Graph, input: &[f32]) {
    let input = vec![input.to_vec()];
    let expected = float::run_file_layout(before, &input);
    let found = float::run_file_layout(after, &input);
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected.len(), found.len(), "seed {seed}, pass {pass}");
        for (expected, found) in expected.iter().zip(found) {
            let near = (expected - found).abs() <= 1e-3 * (1.0 + expected.abs());
            assert!(near || expected == found, "seed {seed}, pass {pass}: {found} instead of {expected}");
        }
    }
}

#[test]
fn each_pass_keeps_what_random_graphs_compute() {
    let mut simplified_nodes = 0;
    for seed in 0..1000 {
        let mut grower = random_graph(seed);
        let graph = &grower.graph;
        graph.validate().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let count = graph.tensor(graph.inputs[0]).element_count();
        let input: Vec<f32> = (0..count).map(|_| grower.random.between(-2.0, 2.0)).collect();
        // Each pass alone, and each on what the passes before it left.
        let mut so_far = graph.clone();
        for (name, pass) in passes::PASSES {
            for stage in [graph.clone(), so_far.clone()] {
                let mut rewritten = stage;
                pass(&mut rewritten);
                rewritten.validate().unwrap_or_else(|error| panic!("seed {seed}, pass {name}: {error}"));
                assert_equal_results(seed, name, graph, &rewritten, &input);
                so_far = rewritten;
            }
        }
        let mut simplified = graph.clone();
        passes::simplify(&mut simplified).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_equal_results(seed, "all", graph, &simplified, &input);
        let again = passes::simplify(&mut simplified.clone()).unwrap();
        assert!(again.iter().all(|report| report.rewrites == 0), "seed {seed} does not settle: {again:?}");
        simplified_nodes += graph.nodes.len() - simplified.nodes.len().min(graph.nodes.len());
    }
    assert!(simplified_nodes > 500, "only {simplified_nodes} nodes were ever removed");
}
