//! Turns means over rows and columns into average pooling, so that there is one operator for both.

use crate::graph::{Activation, Graph, Node, Operator, Padding};

/// Replaces means over rows, columns or both of an image. Returns how many.
pub fn run(graph: &mut Graph) -> usize {
    let mut replaced = 0;
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let Operator::Mean { axes, keep_dims } = &node.operator else { continue };
        let (input, output, keep_dims) = (node.inputs[0], node.output, *keep_dims);
        let [n, h, w, c] = graph.shape(input)[..] else { continue };
        let (rows, columns) = match axes[..] {
            [1] => (h, 1),
            [2] => (1, w),
            [1, 2] => (h, w),
            _ => continue,
        };
        let operator = Operator::AveragePool2d {
            kernel: [rows, columns],
            stride: [1, 1],
            padding: Padding::default(),
            count_include_pad: false,
            activation: Activation::None,
        };
        graph.nodes[index].operator = operator;
        if !keep_dims {
            let mut tensor = graph.tensor(output).clone();
            tensor.shape = vec![n, h + 1 - rows, w + 1 - columns, c];
            let pooled = graph.add_tensor(tensor);
            graph.nodes[index].output = pooled;
            let name = format!("{}.squeeze", graph.nodes[index].name);
            let reshape = Node { name, operator: Operator::Reshape, inputs: vec![pooled], output };
            // Later nodes move back by one; they are seen in the next round.
            graph.nodes.insert(index + 1, reshape);
        }
        replaced += 1;
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::{append, graph_with_input, kinds};

    #[test]
    fn a_global_mean_becomes_one_window() {
        let (mut graph, input) = graph_with_input(&[1, 5, 7, 3]);
        let mean = append(&mut graph, Operator::Mean { axes: vec![1, 2], keep_dims: false }, &[input]);
        graph.outputs.push(mean);
        assert_eq!(run(&mut graph), 1);
        assert_eq!(kinds(&graph), ["average_pool2d", "reshape"]);
        graph.validate().unwrap();
    }

    #[test]
    fn a_mean_over_channels_stays() {
        let (mut graph, input) = graph_with_input(&[1, 5, 7, 3]);
        let mean = append(&mut graph, Operator::Mean { axes: vec![3], keep_dims: true }, &[input]);
        graph.outputs.push(mean);
        assert_eq!(run(&mut graph), 0);
    }
}
