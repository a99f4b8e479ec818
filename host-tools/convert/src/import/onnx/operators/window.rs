//! The sliding windows of convolution and pooling: kernel, stride, dilation and padding in all their spellings.

use tract_onnx::pb::NodeProto;

use crate::graph::Padding;
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::Refusal;

/// Keeps sums and products of extents far from overflow.
const GREATEST_EXTENT: usize = 1 << 24;

/// A two-dimensional sliding window; a signal is an image of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns from one output to the next.
    pub stride: [usize; 2],
    /// Rows and columns from one tap to the next.
    pub dilation: [usize; 2],
    /// What is added around the image, the overhang of `ceil_mode` included.
    pub padding: Padding,
    /// Whether `ceil_mode` lets the last window reach beyond the declared padding.
    pub overhangs: bool,
}

impl Window {
    /// Reads the window of a node over an image of the given rows and columns (or only columns).
    ///
    /// # Errors
    /// If an attribute contradicts another, or the node has three spatial axes.
    pub fn read(node: &NodeProto, kernel: &[usize], spatial: &[usize]) -> Result<Self, Refusal> {
        if spatial.len() > 2 {
            return Err(Refusal::unsupported(
                format!("it works on {} spatial axes", spatial.len()),
                "use the one- or two-dimensional operator",
            ));
        }
        let image = pair(spatial, 1)?;
        let kernel = pair(kernel, 1)?;
        let stride = pair(&node.size_list("strides")?.unwrap_or(vec![1; spatial.len()]), 1)?;
        let dilation = pair(&node.size_list("dilations")?.unwrap_or(vec![1; spatial.len()]), 1)?;
        if [kernel, stride, dilation].iter().flatten().any(|&extent| extent == 0) {
            return Err(Refusal::malformed("kernel, strides and dilations must be at least 1"));
        }
        let pads = node.size_list("pads")?.unwrap_or(vec![0; 2 * spatial.len()]);
        let extents = [image, kernel, stride, dilation];
        if extents.iter().flatten().chain(&pads).any(|&extent| extent > GREATEST_EXTENT) {
            return Err(Refusal::malformed(
                "the image, kernel, strides, dilations or pads are absurdly large",
            ));
        }
        let extent = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
        let mut before = [0; 2];
        let mut after = [0; 2];
        match node.string("auto_pad")?.as_deref() {
            None | Some("NOTSET" | "") => {
                if pads.len() != 2 * spatial.len() {
                    return Err(Refusal::malformed(format!(
                        "pads {pads:?} for {} spatial axes",
                        spatial.len()
                    )));
                }
                before = pair(&pads[..spatial.len()], 0)?;
                after = pair(&pads[spatial.len()..], 0)?;
            }
            Some("VALID") => {}
            Some(same @ ("SAME_UPPER" | "SAME_LOWER")) => {
                for axis in 0..2 {
                    let count = image[axis].div_ceil(stride[axis]);
                    let total =
                        ((count.max(1) - 1) * stride[axis] + extent[axis]).saturating_sub(image[axis]);
                    before[axis] = if same == "SAME_UPPER" { total / 2 } else { total.div_ceil(2) };
                    after[axis] = total - before[axis];
                }
            }
            Some(other) => return Err(Refusal::malformed(format!("auto_pad `{other}`"))),
        }
        let mut overhangs = false;
        if node.integer("ceil_mode")?.unwrap_or(0) != 0 {
            for axis in 0..2 {
                let overhang = overhang(image[axis], before[axis], after[axis], extent[axis], stride[axis]);
                overhangs |= overhang > 0;
                after[axis] += overhang;
            }
        }
        let padding = Padding { top: before[0], bottom: after[0], left: before[1], right: after[1] };
        Ok(Self { kernel, stride, dilation, padding, overhangs })
    }
}

/// How far the last window reaches beyond the padded image when the number of windows is rounded up. As in PyTorch, a
/// window that would start in the padding behind the image does not count.
fn overhang(image: usize, before: usize, after: usize, extent: usize, stride: usize) -> usize {
    let padded = image + before + after;
    let mut steps = padded.saturating_sub(extent).div_ceil(stride);
    if steps * stride >= image + before {
        steps -= 1;
    }
    (steps * stride + extent).saturating_sub(padded)
}

fn pair(list: &[usize], missing: usize) -> Result<[usize; 2], Refusal> {
    match *list {
        [columns] => Ok([missing, columns]),
        [rows, columns] => Ok([rows, columns]),
        _ => Err(Refusal::malformed(format!("{list:?} must have as many numbers as there are spatial axes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::overhang;

    /// Against the definition: count windows one by one.
    #[test]
    fn overhang_matches_counting() {
        for image in 1..9 {
            for before in 0..2 {
                for after in 0..2 {
                    for extent in before.max(after) + 1..4 {
                        for stride in 1..4 {
                            let padded = image + before + after;
                            if extent > padded {
                                continue;
                            }
                            let mut last = 0usize;
                            while last + extent < padded && last + stride < image + before {
                                last += stride;
                            }
                            let expected = (last + extent).saturating_sub(padded);
                            let found = overhang(image, before, after, extent, stride);
                            assert_eq!(found, expected, "{image} {before} {after} {extent} {stride}");
                        }
                    }
                }
            }
        }
    }
}
