//! A small convolutional classifier with a depthwise layer and a residual block.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};

use super::weights::{constant, transposed};
use crate::data::digits::{LABELS, SIDE};
use crate::export::onnx::{Convolution, Graph, Value};

/// Channels after the first convolution, in the residual block, and before the pooling over the image.
const CHANNELS: [usize; 3] = [8, 16, 32];

/// 16×16 → 3×3 → depthwise 3×3 with stride 2 → 1×1 → 3×3 with a shortcut around it → 2×2 maxima → 3×3 →
/// mean over the image → dense. A relu follows every convolution.
#[derive(Module, Debug)]
pub(crate) struct DigitsNetwork {
    stem: Conv2d,
    depthwise: Conv2d,
    pointwise: Conv2d,
    residual: Conv2d,
    widen: Conv2d,
    classify: Linear,
}

impl DigitsNetwork {
    /// A network whose weights are still to be set.
    pub(crate) fn new(device: &Device) -> Self {
        let [first, middle, last] = CHANNELS;
        let same = |channels| {
            Conv2dConfig::new(channels, [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        Self {
            stem: same([1, first]),
            depthwise: Conv2dConfig::new([first, first], [3, 3])
                .with_stride([2, 2])
                .with_groups(first)
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            pointwise: Conv2dConfig::new([first, middle], [1, 1]).init(device),
            residual: same([middle, middle]),
            widen: same([middle, last]),
            classify: LinearConfig::new(last, LABELS.len()).init(device),
        }
    }

    /// `[n, 1, 16, 16]` with levels from 0 to 1 → `[n, 10]`, before softmax.
    pub(crate) fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let features = relu(self.stem.forward(images));
        let features = relu(self.depthwise.forward(features));
        let features = relu(self.pointwise.forward(features));
        let features = relu(self.residual.forward(features.clone()) + features);
        let features = max_pool2d(features, MaxPoolOptions::new([2, 2]));
        let features = relu(self.widen.forward(features));
        let means = features.mean_dim(3).mean_dim(2).flatten(1, 3);
        self.classify.forward(means)
    }

    /// `[n, 1, 16, 16]` with levels from 0 to 1 → `[n, 10]` probabilities.
    pub(crate) fn probabilities(&self, images: Tensor<4>) -> Tensor<2> {
        softmax(self.logits(images), 1)
    }

    /// The same computation as ONNX, for one image.
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        let (mut graph, image) = Graph::new("digits", "image", &[1, 1, SIDE, SIDE]);
        let features = convolution(&mut graph, "stem", &image, &self.stem);
        let features = graph.relu("stem_relu", &features);
        let features = convolution(&mut graph, "depthwise", &features, &self.depthwise);
        let features = graph.relu("depthwise_relu", &features);
        let features = convolution(&mut graph, "pointwise", &features, &self.pointwise);
        let shortcut = graph.relu("pointwise_relu", &features);
        let features = convolution(&mut graph, "residual", &shortcut, &self.residual);
        let features = graph.add("residual_add", &features, &shortcut);
        let features = graph.relu("residual_relu", &features);
        let features = graph.max_pool("halve", &features, 2);
        let features = convolution(&mut graph, "widen", &features, &self.widen);
        let features = graph.relu("widen_relu", &features);
        let features = graph.global_average_pool("mean", &features);
        let features = graph.flatten("flatten", &features);
        let (weight, bias) = transposed(&self.classify);
        let logits = graph.dense("classify", &features, &weight, &bias);
        let probabilities = graph.softmax("softmax", &logits);
        graph.finish(
            &probabilities,
            "probabilities",
            &[1, LABELS.len()],
            "Digit on a grey 16x16 image, levels from 0 (paper) to 1 (ink). Output: probability of 0 to 9.",
        )
    }
}

fn convolution(graph: &mut Graph, name: &str, input: &Value, layer: &Conv2d) -> Value {
    let weight = constant(layer.weight.val());
    let bias = constant(layer.bias.as_ref().expect("every layer has a bias").val());
    // All kernels are square with odd sides, and cover the image's border.
    let geometry =
        Convolution { stride: layer.stride[0], padding: layer.kernel_size[0] / 2, groups: layer.groups };
    graph.convolution(name, input, &weight, &bias, geometry)
}
