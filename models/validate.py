"""Checks the shipped models with onnx and onnxruntime: validity, and the outputs of the training framework.

    python3 -m venv /tmp/validate && /tmp/validate/bin/pip install onnx onnxruntime numpy
    /tmp/validate/bin/python models/validate.py
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime

worst = 0.0
for folder in sorted(pathlib.Path(__file__).parent.joinpath("pretrained").iterdir()):
    path = folder / f"{folder.name}.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    test = numpy.load(folder / "inputs.npz")
    outputs = numpy.concatenate([session.run(None, {name: sample[None]})[0] for sample in test["x"]])
    # Relative to the largest output: probabilities are at most 1, prices go into the thousands.
    scale = max(1.0, float(numpy.abs(test["expected"]).max()))
    difference = float(numpy.abs(outputs - test["expected"]).max())
    print(f"{folder.name}: {len(outputs)} samples, largest difference {difference:.2e}, relative {difference / scale:.2e}")
    worst = max(worst, difference / scale)
sys.exit(worst >= 1e-5)
