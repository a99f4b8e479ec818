//! Lets a reshape of a reshape read the original.

use crate::graph::{Graph, Operator};

/// Shortens chains of reshapes. Returns how many links were cut.
pub fn run(graph: &mut Graph) -> usize {
    let mut merged = 0;
    for index in 0..graph.nodes.len() {
        if graph.nodes[index].operator != Operator::Reshape {
            continue;
        }
        while let Some(producer) = graph.producer(graph.nodes[index].inputs[0])
            && graph.nodes[producer].operator == Operator::Reshape
        {
            graph.nodes[index].inputs[0] = graph.nodes[producer].inputs[0];
            merged += 1;
        }
    }
    graph.remove_dead();
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::fixture::graph_with_input;

    #[test]
    fn a_chain_becomes_one_reshape() {
        let (mut graph, input) = graph_with_input(&[2, 6]);
        let a = graph.add_node("a", Operator::Reshape, vec![input], vec![12]);
        let b = graph.add_node("b", Operator::Reshape, vec![a], vec![3, 4]);
        let c = graph.add_node("c", Operator::Reshape, vec![b], vec![4, 3]);
        graph.outputs.push(c);
        assert_eq!(run(&mut graph), 2);
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(graph.shape(graph.outputs[0]), [4, 3]);
        graph.validate().unwrap();
    }
}
