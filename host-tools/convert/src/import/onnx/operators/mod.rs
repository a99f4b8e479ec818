//! One function per ONNX operator, and the table of what is known.

pub mod arithmetic;
mod convolution;
mod dense;
mod elementwise;
mod normalization;
mod pooling;
mod reduction;
mod resize;
mod shaping;
mod slicing;
mod softmax;
mod window;

use tract_onnx::pb::NodeProto;

use super::lowering::{Lowering, Refusal};
use crate::graph::{BinaryFunction, UnaryFunction};

/// Lowers one node.
///
/// # Errors
/// Why this node cannot be converted.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return Err(Refusal::unsupported(
            format!("it belongs to the domain `{}`", node.domain),
            "export with the operators of standard ONNX only",
        ));
    }
    match node.op_type.as_str() {
        "Conv" => convolution::lower(lowering, node),
        "Gemm" => dense::lower_gemm(lowering, node),
        "MatMul" => dense::lower_matmul(lowering, node),
        "Add" | "Sum" => arithmetic::lower(lowering, node, BinaryFunction::Add),
        "Sub" => arithmetic::lower(lowering, node, BinaryFunction::Sub),
        "Mul" => arithmetic::lower(lowering, node, BinaryFunction::Mul),
        "Div" => arithmetic::lower_div(lowering, node),
        "Pow" => arithmetic::lower_pow(lowering, node),
        "Min" | "Max" => arithmetic::lower_extremum(lowering, node),
        "Expand" => arithmetic::lower_expand(lowering, node),
        "Relu" => elementwise::lower(lowering, node, UnaryFunction::Relu),
        "Sigmoid" => elementwise::lower(lowering, node, UnaryFunction::Sigmoid),
        "Tanh" => elementwise::lower(lowering, node, UnaryFunction::Tanh),
        "HardSwish" => elementwise::lower(lowering, node, UnaryFunction::HardSwish),
        "Exp" => elementwise::lower(lowering, node, UnaryFunction::Exp),
        "Log" => elementwise::lower(lowering, node, UnaryFunction::Log),
        "Sqrt" => elementwise::lower(lowering, node, UnaryFunction::Sqrt),
        "Abs" => elementwise::lower(lowering, node, UnaryFunction::Abs),
        "Neg" => elementwise::lower(lowering, node, UnaryFunction::Neg),
        "Clip" => elementwise::lower_clip(lowering, node),
        "LeakyRelu" => elementwise::lower_leaky_relu(lowering, node),
        "Elu" => elementwise::lower_elu(lowering, node),
        "HardSigmoid" => elementwise::lower_hard_sigmoid(lowering, node),
        "PRelu" => elementwise::lower_prelu(lowering, node),
        "Swish" => elementwise::lower_swish(lowering, node),
        "BatchNormalization" => normalization::lower(lowering, node),
        "AveragePool" => pooling::lower_average(lowering, node),
        "MaxPool" => pooling::lower_max(lowering, node),
        "GlobalAveragePool" => pooling::lower_global_average(lowering, node),
        "GlobalMaxPool" => pooling::lower_global_max(lowering, node),
        "ReduceMean" | "ReduceSum" | "ReduceMax" => reduction::lower(lowering, node),
        "Softmax" | "LogSoftmax" => softmax::lower(lowering, node),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" | "Dropout" => {
            shaping::lower_reshape(lowering, node)
        }
        "Cast" | "CastLike" => shaping::lower_cast(lowering, node),
        "Transpose" => shaping::lower_transpose(lowering, node),
        "Concat" => shaping::lower_concat(lowering, node),
        "Pad" => shaping::lower_pad(lowering, node),
        "Slice" => slicing::lower_slice(lowering, node),
        "Split" => slicing::lower_split(lowering, node),
        "Gather" => slicing::lower_gather(lowering, node),
        "Resize" | "Upsample" => resize::lower(lowering, node),
        other => Err(Refusal::unsupported("the operator is not supported", advice(other))),
    }
}

/// Whether [`lower`] knows the operator at all.
pub fn is_known(node: &NodeProto) -> bool {
    const KNOWN: &[&str] = &[
        "Abs",
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "CastLike",
        "Clip",
        "Concat",
        "Conv",
        "Div",
        "Dropout",
        "Elu",
        "Exp",
        "Expand",
        "Flatten",
        "Gather",
        "Gemm",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "MatMul",
        "Max",
        "MaxPool",
        "Min",
        "Mul",
        "Neg",
        "PRelu",
        "Pad",
        "Pow",
        "ReduceMax",
        "ReduceMean",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Swish",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Upsample",
    ];
    matches!(node.domain.as_str(), "" | "ai.onnx") && KNOWN.binary_search(&node.op_type.as_str()).is_ok()
}

/// What to do about an operator that is not supported.
pub fn advice(operator: &str) -> &'static str {
    match operator {
        "LSTM" | "GRU" | "RNN" => {
            "use a convolution over time or a dense layer on a window of past values instead"
        }
        "ConvTranspose" => "use a Resize with mode nearest followed by a Conv",
        "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "RMSNormalization" => "use BatchNormalization, which costs nothing after conversion",
        "Gelu" | "Erf" | "Selu" | "Celu" | "Mish" | "Softplus" | "Softsign" => {
            "use Relu, HardSwish, Elu, Sigmoid or Tanh as the activation"
        }
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => {
            "export the float model and let Dunlin quantize it, or convert an int8 .tflite file"
        }
        "ArgMax" | "ArgMin" | "TopK" | "NonMaxSuppression" | "Hardmax" => {
            "let the model end before it and choose in the code around the model"
        }
        "If" | "Loop" | "Scan" => "export a model without control flow",
        "DepthToSpace" | "SpaceToDepth" => "use a strided Conv, or a Resize with mode nearest",
        "Einsum" | "Attention" | "MultiHeadAttention" => "use dense layers with constant weights",
        "Shape" | "Size" | "ConstantOfShape" | "Range" | "NonZero" => "export the model with fixed shapes",
        _ => "replace it by supported operators before the export, or ask for its support",
    }
}
