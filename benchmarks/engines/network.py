"""`network.py MODEL.onnx IMAGES.npz`: writes a convolutional network of about 15 MB and images for it, the same ones every time."""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# Output channels of 3 x 3 convolutions; 0 halves rows and columns.
LAYERS = [32, 0, 64, 64, 0, 128, 128, 0, 256, 384, 0, 648]
IMAGES = 96
EXTENT = 32
CLASSES = 100


def network(random):
    nodes, weights = [], []

    def constant(name, values):
        weights.append(numpy_helper.from_array(values.astype(numpy.float32), name))
        return name

    value, channels = "image", 3
    for index, outputs in enumerate(LAYERS):
        result = f"layer{index}"
        if outputs == 0:
            nodes.append(helper.make_node("MaxPool", [value], [result], kernel_shape=[2, 2], strides=[2, 2]))
        else:
            shape = (outputs, channels, 3, 3)
            kernel = constant(f"kernel{index}", random.normal(0, (2 / (9 * channels)) ** 0.5, shape))
            bias = constant(f"bias{index}", random.normal(0, 0.05, outputs))
            nodes.append(helper.make_node("Conv", [value, kernel, bias], [f"sum{index}"], kernel_shape=[3, 3], pads=[1] * 4))
            nodes.append(helper.make_node("Relu", [f"sum{index}"], [result]))
            channels = outputs
        value = result
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    matrix = constant("matrix", random.normal(0, channels**-0.5, (channels, CLASSES)))
    nodes.append(helper.make_node("Gemm", ["flat", matrix, constant("offset", numpy.zeros(CLASSES))], ["classes"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, EXTENT, EXTENT])
    classes = helper.make_tensor_value_info("classes", TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(nodes, "network", [image], [classes], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def main():
    random = numpy.random.default_rng(15)
    onnx.save(network(random), sys.argv[1])
    numpy.savez_compressed(sys.argv[2], x=random.random((IMAGES, 3, EXTENT, EXTENT), dtype=numpy.float32))


main()
