//! Lets convolution and pooling pad their own inputs.

use crate::graph::{Graph, Operator, Padding};

/// Fuses explicit padding of rows and columns into the nodes behind. Returns how many readers no longer need it.
pub fn run(graph: &mut Graph) -> usize {
    let fused = (0..graph.nodes.len()).filter(|&index| fuse(graph, index)).count();
    graph.remove_dead();
    fused
}

/// Fuses the padding before the node at `index` into it.
fn fuse(graph: &mut Graph, index: usize) -> bool {
    let Some(pad) = graph.producer(graph.nodes[index].inputs[0]) else { return false };
    let Operator::Pad { before, after, value } = &graph.nodes[pad].operator else { return false };
    let ([0, top, left, 0], [0, bottom, right, 0]) = (&before[..], &after[..]) else { return false };
    let added = Padding { top: *top, bottom: *bottom, left: *left, right: *right };
    let value = *value;
    let original = graph.nodes[pad].inputs[0];
    // Max pooling ignores padding; that is the same if the padded value never exceeds a real one.
    let never_wins = graph.producer(original).and_then(|index| graph.nodes[index].operator.activation());
    let never_wins = value <= never_wins.map_or(f32::NEG_INFINITY, |activation| activation.bounds().0);
    let node = &mut graph.nodes[index];
    match &mut node.operator {
        Operator::Conv2d { padding, .. } | Operator::DepthwiseConv2d { padding, .. } if value == 0.0 => {
            *padding = sum(*padding, added);
        }
        Operator::AveragePool2d { padding, count_include_pad, .. }
            if value == 0.0 && (*count_include_pad || padding.is_zero()) =>
        {
            *padding = sum(*padding, added);
            *count_include_pad = true;
        }
        Operator::MaxPool2d { kernel, padding, .. } if never_wins => {
            let total = sum(*padding, added);
            let each_window_has_a_pixel =
                total.top.max(total.bottom) < kernel[0] && total.left.max(total.right) < kernel[1];
            if !each_window_has_a_pixel {
                return false;
            }
            *padding = total;
        }
        _ => return false,
    }
    node.inputs[0] = original;
    true
}

fn sum(a: Padding, b: Padding) -> Padding {
    Padding {
        top: a.top + b.top,
        bottom: a.bottom + b.bottom,
        left: a.left + b.left,
        right: a.right + b.right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Activation;
    use crate::passes::fixture::{append, append_conv, graph_with_input, kinds};

    fn pad(value: f32) -> Operator {
        Operator::Pad { before: vec![0, 1, 0, 0], after: vec![0, 1, 2, 0], value }
    }

    #[test]
    fn a_convolution_takes_its_padding_over() {
        let (mut graph, input) = graph_with_input(&[1, 4, 4, 1]);
        let padded = append(&mut graph, pad(0.0), &[input]);
        let conv = append_conv(&mut graph, padded, 1, [3, 3], Padding { left: 1, ..Padding::default() });
        graph.outputs.push(conv);
        assert_eq!(run(&mut graph), 1);
        assert_eq!(kinds(&graph), ["conv2d"]);
        let Operator::Conv2d { padding, .. } = graph.nodes[0].operator else { panic!() };
        assert_eq!(padding, Padding { top: 1, bottom: 1, left: 1, right: 2 });
        graph.validate().unwrap();
    }

    #[test]
    fn max_pooling_takes_zeros_over_only_behind_a_relu() {
        for (activation, expected) in [(Activation::None, 0), (Activation::Relu, 1)] {
            let (mut graph, input) = graph_with_input(&[1, 4, 4, 1]);
            let conv = append_conv(&mut graph, input, 1, [1, 1], Padding::default());
            *graph.nodes[0].operator.activation_mut().unwrap() = activation;
            let padded = append(&mut graph, pad(0.0), &[conv]);
            let pool = Operator::MaxPool2d {
                kernel: [3, 3],
                stride: [1, 1],
                padding: Padding::default(),
                activation: Activation::None,
            };
            let pooled = append(&mut graph, pool, &[padded]);
            graph.outputs.push(pooled);
            assert_eq!(run(&mut graph), expected, "{activation:?}");
            graph.validate().unwrap();
        }
    }
}
