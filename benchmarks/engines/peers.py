"""`peers.py litert|onnxruntime MODEL [SAMPLES.npz COUNT]`: for every line on standard input, a number, runs as many inferences and prints their nanoseconds.

Both engines are called where their Python layer ends, with one thread and with inputs that are bound already. onnxruntime takes the
first COUNT samples of the array `x` in turn if they are given.
"""

import itertools
import sys
import time

import numpy


def sample(shape, data_type):
    """Values that every engine gets, in the range of the type."""
    count = int(numpy.prod(shape))
    values = (numpy.arange(count) * 37 + 11) % 256 - 128
    if data_type == numpy.int8:
        return values.astype(numpy.int8).reshape(shape)
    return (values / 128).astype(numpy.float32).reshape(shape)


def litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], sample(tensor["shape"], tensor["dtype"]))
    interpreter.invoke()
    inner = interpreter._interpreter
    return lambda: inner.Invoke()


def onnxruntime(path, samples=None, count=0):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if samples is None:
        inputs = [{tensor.name: sample(tensor.shape, numpy.float32) for tensor in session.get_inputs()}]
    else:
        (tensor,) = session.get_inputs()
        inputs = [{tensor.name: values[None]} for values in numpy.load(samples)["x"][: int(count)]]
    bindings = []
    for values in inputs:
        binding = session.io_binding()
        for name, value in values.items():
            binding.bind_cpu_input(name, value)
        for tensor in session.get_outputs():
            binding.bind_output(tensor.name)
        bindings.append(binding)
    inner, bound = session._sess, itertools.cycle([binding._iobinding for binding in bindings])
    return lambda: inner.run_with_iobinding(next(bound), None)


def main():
    run = {"litert": litert, "onnxruntime": onnxruntime}[sys.argv[1]](*sys.argv[2:])
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        started = time.perf_counter_ns()
        for _ in range(count):
            run()
        print(time.perf_counter_ns() - started, flush=True)


main()
