//! Does a graph say the same thing everywhere?

use super::{Graph, Node, Operator, Padding, TensorId};
use crate::error::GraphError;

impl Graph {
    /// Checks that ids are valid, that nodes are in topological order, that every tensor has one source, that
    /// constants fit their shapes and that each node's output has the shape that its operator gives.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn validate(&self) -> Result<(), GraphError> {
        let mut known = vec![false; self.tensors.len()];
        for (index, tensor) in self.tensors.iter().enumerate() {
            known[index] = tensor.is_constant();
            let fail = |problem: String| Err(GraphError { location: tensor.name.clone(), problem });
            if tensor.shape.len() > 4 {
                return fail(format!("rank {} is above 4", tensor.shape.len()));
            }
            if let Some(constant) = &tensor.constant
                && (constant.len() != tensor.element_count() || constant.data_type() != tensor.data_type)
            {
                return fail(format!("{} constant values for shape {:?}", constant.len(), tensor.shape));
            }
            if let Some(quantization) = &tensor.quantization {
                let expected = quantization.axis.map_or(Some(1), |axis| tensor.shape.get(axis).copied());
                if expected != Some(quantization.scales.len())
                    || quantization.scales.len() != quantization.zero_points.len()
                {
                    return fail("scales and zero points do not fit the shape".into());
                }
            }
        }
        for &input in &self.inputs {
            self.define(&mut known, input, "graph input")?;
        }
        for node in &self.nodes {
            let fail = |problem: String| Err(GraphError { location: node.name.clone(), problem });
            for &input in &node.inputs {
                if !known.get(input.0).is_some_and(|known| *known) {
                    return fail(format!("tensor {} is read before it is computed", input.0));
                }
            }
            self.define(&mut known, node.output, &node.name)?;
            match self.output_shape(node) {
                Err(problem) => return fail(problem),
                Ok(Some(shape)) if shape != self.shape(node.output) => {
                    return fail(format!(
                        "{} gives shape {shape:?}, not {:?}",
                        node.operator,
                        self.shape(node.output)
                    ));
                }
                Ok(_) => {}
            }
        }
        for output in &self.outputs {
            if !known.get(output.0).is_some_and(|known| *known) {
                return Err(GraphError {
                    location: "graph outputs".into(),
                    problem: format!("tensor {} is never computed", output.0),
                });
            }
        }
        Ok(())
    }

    fn define(&self, known: &mut [bool], id: TensorId, location: &str) -> Result<(), GraphError> {
        match known.get_mut(id.0) {
            Some(known) if !*known => {
                *known = true;
                Ok(())
            }
            _ => Err(GraphError {
                location: location.into(),
                problem: format!("tensor {} is not in the graph or has two sources", id.0),
            }),
        }
    }

    /// The shape that a node's operator gives to its inputs. `None` where the output's own shape decides
    /// ([`Operator::Reshape`], [`Operator::Slice`]) and it is possible.
    ///
    /// # Errors
    /// How the inputs do not fit the operator.
    pub fn output_shape(&self, node: &Node) -> Result<Option<Vec<usize>>, String> {
        let arity = match &node.operator {
            Operator::Conv2d { .. } | Operator::DepthwiseConv2d { .. } | Operator::FullyConnected { .. } => {
                3..=3
            }
            Operator::Binary { .. } => 2..=2,
            Operator::Concat { .. } => 1..=usize::MAX,
            _ => 1..=1,
        };
        if !arity.contains(&node.inputs.len()) {
            return Err(format!("{} cannot have {} inputs", node.operator, node.inputs.len()));
        }
        let shapes: Vec<&[usize]> = node.inputs.iter().map(|&id| self.shape(id)).collect();
        let x = shapes[0];
        let shape = match &node.operator {
            Operator::Conv2d { stride, dilation, padding, groups, .. } => {
                let [n, h, w, cin] = image(x)?;
                let [cout, kh, kw, per_group] = image(shapes[1])?;
                let fits =
                    *groups > 0 && cin == per_group * groups && cout % groups == 0 && shapes[2] == [cout];
                ensure(fits, || format!("x {x:?}, weights {:?}, bias {:?}", shapes[1], shapes[2]))?;
                let [h, w] = windows([h, w], [kh, kw], *stride, *dilation, *padding)?;
                vec![n, h, w, cout]
            }
            Operator::DepthwiseConv2d { stride, dilation, padding, .. } => {
                let [n, h, w, c] = image(x)?;
                let [one, kh, kw, channels] = image(shapes[1])?;
                let fits = one == 1 && c == channels && shapes[2] == [c];
                ensure(fits, || format!("x {x:?}, weights {:?}, bias {:?}", shapes[1], shapes[2]))?;
                let [h, w] = windows([h, w], [kh, kw], *stride, *dilation, *padding)?;
                vec![n, h, w, c]
            }
            Operator::FullyConnected { .. } => match (x, shapes[1], shapes[2]) {
                ([outer @ .., features], [out, inner], [bias]) if features == inner && out == bias => {
                    [outer, &[*out]].concat()
                }
                _ => return Err(format!("x {x:?}, weights {:?}, bias {:?}", shapes[1], shapes[2])),
            },
            Operator::Binary { .. } => broadcast(x, shapes[1])?,
            Operator::Unary { .. } | Operator::Softmax { .. } | Operator::Quantize | Operator::Dequantize => {
                x.to_vec()
            }
            Operator::AveragePool2d { kernel, stride, padding, .. }
            | Operator::MaxPool2d { kernel, stride, padding, .. } => {
                let [n, h, w, c] = image(x)?;
                let [h, w] = windows([h, w], *kernel, *stride, [1, 1], *padding)?;
                vec![n, h, w, c]
            }
            Operator::Concat { axis } => {
                let mut shape = x.to_vec();
                ensure(*axis < x.len(), || format!("axis {axis} of rank {}", x.len()))?;
                shape[*axis] = shapes.iter().map(|shape| shape.get(*axis).copied().unwrap_or(0)).sum();
                let agree = |other: &&[usize]| {
                    other.len() == x.len() && (0..x.len()).all(|i| i == *axis || other[i] == x[i])
                };
                ensure(shapes.iter().all(agree), || format!("shapes {shapes:?} differ beside axis {axis}"))?;
                shape
            }
            Operator::Reshape => {
                let output = self.tensor(node.output);
                ensure(output.element_count() == x.iter().product::<usize>(), || {
                    format!("cannot reshape {x:?} to {:?}", output.shape)
                })?;
                return Ok(None);
            }
            Operator::Transpose { permutation } => {
                let mut sorted = permutation.clone();
                sorted.sort_unstable();
                ensure(sorted.iter().copied().eq(0..x.len()), || {
                    format!("permutation {permutation:?} of {x:?}")
                })?;
                permutation.iter().map(|&axis| x[axis]).collect()
            }
            Operator::Pad { before, after, .. } => {
                ensure(before.len() == x.len() && after.len() == x.len(), || {
                    format!("pads {before:?}, {after:?} of {x:?}")
                })?;
                (0..x.len()).map(|axis| before[axis] + x[axis] + after[axis]).collect()
            }
            Operator::Mean { axes, keep_dims } | Operator::Sum { axes, keep_dims } => {
                let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
                ensure(ascending && axes.iter().all(|&axis| axis < x.len()), || {
                    format!("axes {axes:?} of {x:?}")
                })?;
                let extents = x.iter().enumerate().map(|(axis, &extent)| (axes.contains(&axis), extent));
                extents
                    .filter(|(reduced, _)| *keep_dims || !reduced)
                    .map(|(reduced, extent)| if reduced { 1 } else { extent })
                    .collect()
            }
            Operator::ResizeNearest { source_rows, source_columns } => {
                let [n, h, w, c] = image(x)?;
                let inside =
                    source_rows.iter().all(|&row| row < h) && source_columns.iter().all(|&col| col < w);
                ensure(inside, || format!("source pixels outside of {x:?}"))?;
                vec![n, source_rows.len(), source_columns.len(), c]
            }
            Operator::Slice { starts, strides } => {
                let output = self.shape(node.output);
                let ranks_agree =
                    [starts.len(), strides.len(), output.len()].iter().all(|&rank| rank == x.len());
                let inside = || {
                    (0..x.len()).all(|axis| {
                        strides[axis] > 0
                            && output[axis] > 0
                            && starts[axis] + (output[axis] - 1) * strides[axis] < x[axis]
                    })
                };
                ensure(ranks_agree && inside(), || {
                    format!("slice of {x:?} at {starts:?} by {strides:?} to {output:?}")
                })?;
                return Ok(None);
            }
        };
        Ok(Some(shape))
    }
}

fn ensure(condition: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(problem()) }
}

fn image(shape: &[usize]) -> Result<[usize; 4], String> {
    shape.try_into().map_err(|_| format!("shape {shape:?} must have rank 4"))
}

/// How many windows fit along rows and columns.
fn windows(
    image: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
) -> Result<[usize; 2], String> {
    let padded = [image[0] + padding.top + padding.bottom, image[1] + padding.left + padding.right];
    let mut count = [0; 2];
    for axis in 0..2 {
        let positive = kernel[axis] > 0 && stride[axis] > 0 && dilation[axis] > 0;
        let extent = (kernel[axis].max(1) - 1) * dilation[axis] + 1;
        ensure(positive && extent <= padded[axis], || {
            format!(
                "kernel {kernel:?}, stride {stride:?}, dilation {dilation:?} on {image:?} with {padding:?}"
            )
        })?;
        count[axis] = (padded[axis] - extent) / stride[axis] + 1;
    }
    Ok(count)
}

/// The numpy broadcast of two shapes.
///
/// # Errors
/// If extents differ and neither is 1.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let extent =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}
