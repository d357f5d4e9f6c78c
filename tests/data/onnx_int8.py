"""Writes the quantised networks of the folder onnx/int8, and ONNX Runtime's outputs for random inputs.

    pip install numpy onnx==1.23.2 onnxruntime==1.32.0 sympy
    python onnx_int8.py

For each `name.onnx` it writes `name.txt`: the layers that it must be read as, then in each line the inputs and the
outputs of one sample.
"""

import pathlib
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path = [p for p in sys.path if p != str(HERE)]  # `onnx.py` beside this file has the name of a package.
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

FOLDER = HERE / "onnx" / "int8"
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def network(activation, matmul):
    """5→8→3, with Gemm or with MatMul and Add."""
    constants, nodes = [], []

    def linear(x, y, inputs, outputs):
        weight = normal(inputs, outputs) if matmul else normal(outputs, inputs)
        constants.extend([numpy_helper.from_array(weight, f"w_{y}"), numpy_helper.from_array(normal(outputs), f"b_{y}")])
        if matmul:
            nodes.append(helper.make_node("MatMul", [x, f"w_{y}"], [f"p_{y}"]))
            nodes.append(helper.make_node("Add", [f"p_{y}", f"b_{y}"], [y]))
        else:
            nodes.append(helper.make_node("Gemm", [x, f"w_{y}", f"b_{y}"], [y], transB=1))

    linear("x", "z", 5, 8)
    nodes.append(helper.make_node(activation, ["z"], ["a"]))
    linear("a", "y", 8, 3)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "net", [value("x", 1, ["N", 5])], [value("y", 1, ["N", 3])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Rows(CalibrationDataReader):
    def __init__(self):
        self.rows = iter([{"x": normal(1, 5)} for _ in range(50)])

    def get_next(self):
        return next(self.rows, None)


def with_matmul(model):
    """The same with MatMul and Add instead of Gemm, as quantisation-aware training exports them."""
    nodes = []
    for node in model.graph.node:
        weight = next((i for i in model.graph.initializer if node.input[0] == i.name and i.name.startswith("w_")), None)
        if weight is not None:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).T.copy(), weight.name))
            node.attribute[0].i = 1  # The axis of the scales.
        if node.op_type == "Gemm":
            x, w, b = node.input
            nodes.append(helper.make_node("MatMul", [x, w], [f"p_{node.output[0]}"]))
            node = helper.make_node("Add", [f"p_{node.output[0]}", b], list(node.output))
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def with_zero_scale(model):
    """The same with weights of the scale 0, and a bias, at one output of the first layer."""
    for initializer in model.graph.initializer:
        if initializer.name in ("w_z_scale", "b_z_quantized_scale"):
            scale = numpy_helper.to_array(initializer).copy()
            scale[2] = 0
            initializer.CopyFrom(numpy_helper.from_array(scale, initializer.name))
    return model


def write(name, layers, form, activation="Relu", matmul=False, signed=False, per_channel=True, change=None):
    path = FOLDER / f"{name}.onnx"
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/net.onnx"
        onnx.save(network(activation, matmul), source)
        quantize_static(
            source, path, Rows(), quant_format=form, per_channel=per_channel,
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8, weight_type=QuantType.QInt8,
        )
    if change is not None:
        onnx.save(change(onnx.load(path)), path)
    x = normal(100, 5)
    y = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    lines = [" ".join(f"{number:.9g}" for number in [*row, *output]) for row, output in zip(x, y)]
    (FOLDER / f"{name}.txt").write_text("\n".join([layers, *lines]) + "\n")


QDQ, OPERATORS = QuantFormat.QDQ, QuantFormat.QOperator
RELU = "Linear<5, 8>, Relu<8>, Linear<8, 3>"
write("qdq", RELU, QDQ)
write("qdq_signed", RELU, QDQ, signed=True, per_channel=False)
write("qdq_matmul", RELU, QDQ, change=with_matmul)
# MatMul's output has bytes before Add: refused.
write("rounded_twice", RELU, QDQ, matmul=True)
write("qdq_tanh", "Linear<5, 8>, Tanh<8>, Linear<8, 3>", QDQ, "Tanh")
write("operators", RELU, OPERATORS)
write("operators_sigmoid", "Linear<5, 8>, Sigmoid<8>, Linear<8, 3>", OPERATORS, "Sigmoid")
write("operators_tanh", "Linear<5, 8>, Tanh<8>, Linear<8, 3>", OPERATORS, "Tanh")
write("qdq_zero_scale", RELU, QDQ, change=with_zero_scale)
