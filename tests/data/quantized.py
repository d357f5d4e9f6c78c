"""Writes `quantized.rs`, `quantized_digits.rs` and `quantized_ties.rs`: hashes of the outputs of ONNX Runtime's QGemm and of LiteRT's fully connected operator, which must
give the same bytes.

    pip install numpy onnx==1.23.2 onnxruntime==1.32.0 ai-edge-litert==2.3.0
    python quantized.py

The layers and rows are drawn by a linear congruential generator, so that the test draws the same ones. The network for
digits is quantised here by the same rules as in the library, in the same order of the additions.
"""

import json
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent
sys.path = [p for p in sys.path if p != str(FOLDER)]  # `onnx.py` beside this file has the name of a package.
import ai_edge_litert
import flatbuffers
import onnx
import onnxruntime
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import TensorProto, helper, numpy_helper

ROWS = 200
SIZES = [
    (1, 1), (1, 5), (2, 3), (3, 4), (4, 4), (5, 64), (7, 9), (8, 16), (13, 2), (16, 31),
    (17, 17), (23, 6), (31, 33), (32, 10), (33, 8), (47, 5), (64, 64), (65, 3), (100, 7), (257, 12),
]
f32 = np.float32


class Generator:
    """The generator of Numerical Recipes; its upper 16 bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1_664_525 + 1_013_904_223) % 2**32
        return (self.state >> 16) % limit


class Layer:
    def __init__(self, seed, inputs, outputs):
        g = Generator(seed)
        self.weight = np.array([[g.below(255) - 127 for _ in range(inputs)] for _ in range(outputs)], np.int8)
        self.bias = np.array([g.below(4001) - 2000 for _ in range(outputs)], np.int32)
        self.w_scale = np.array([f32(1 + g.below(1000)) / f32(65536) for _ in range(outputs)], f32)
        self.x_scale = f32(1 + g.below(1000)) / f32(8192)
        self.x_zero, self.y_zero = g.below(256), g.below(256)
        root = 1 + int(inputs**0.5)
        self.y_scale = self.x_scale * f32(0.016) * f32(60 * root)
        self.x = np.array([[g.below(256) for _ in range(inputs)] for _ in range(ROWS)], np.uint8)


class Ties(Layer):
    """An eighth of the products of the sums with the multiplier, 1/8, is half-way between two integers."""

    def __init__(self):
        g = Generator(20)
        self.weight = np.array([[g.below(3) - 1 for _ in range(8)] for _ in range(16)], np.int8)
        self.bias = np.array([g.below(401) - 200 for _ in range(16)], np.int32)
        self.w_scale, self.x_scale, self.y_scale = np.full(16, 0.125, f32), f32(1), f32(1)
        self.x_zero, self.y_zero = 100, 120
        self.x = np.array([[g.below(256) for _ in range(8)] for _ in range(ROWS)], np.uint8)


class Quantized:
    """A layer that was quantised from f32, with its rows."""

    def __init__(self, weight, bias, x, x_params, y_params):
        (self.x_scale, self.x_zero), (y_range, self.x) = x_params, (y_params, x)
        self.w_scale = np.abs(weight).max(axis=1) / f32(127)
        self.weight = np.clip(np.rint(weight / self.w_scale[:, None]), -127, 127).astype(np.int8)
        scale = np.float64(self.x_scale) * self.w_scale.astype(np.float64)
        self.bias = np.rint(bias.astype(np.float64) / scale).astype(np.int32)
        self.y_scale, self.y_zero = y_range


def params(values):
    low, high = min(values.min(), f32(0)), max(values.max(), f32(0))
    scale = high / f32(255) - low / f32(255)
    return scale, int(np.rint(-low / scale))


def linear(weight, bias, x):
    """In f32, added in the order of the inputs."""
    z = np.broadcast_to(bias, (len(x), len(bias))).copy()
    for i in range(x.shape[1]):
        z += x[:, i : i + 1] * weight[:, i]
    return z


def digits(run):
    """The bytes of the outputs for all images."""
    data = FOLDER.parent.parent / "examples" / "data"
    file = (data / "digits.safetensors").read_bytes()
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])

    def tensor(name):
        start, end = header[name]["data_offsets"]
        return np.frombuffer(file[8 + length + start : 8 + length + end], f32).reshape(header[name]["shape"])

    lines = (data / "digits.txt").read_text().split("\n")
    x = np.array([[int(pixel, 17) for pixel in line[:64]] for line in lines if line], f32) / f32(16)
    hidden = np.maximum(linear(tensor("0.weight"), tensor("0.bias"), x), 0)
    z = linear(tensor("2.weight"), tensor("2.bias"), hidden)
    x_params, hidden_params = params(x), params(hidden)
    x_bytes = np.clip(np.rint(x / x_params[0]) + x_params[1], 0, 255).astype(np.uint8)
    first = Quantized(tensor("0.weight"), tensor("0.bias"), x_bytes, x_params, hidden_params)
    return run(Quantized(tensor("2.weight"), tensor("2.bias"), run(first), hidden_params, params(z)))


def onnx_runtime(layer):
    def constant(name, value):
        return numpy_helper.from_array(np.asarray(value), name)

    outputs, inputs = layer.weight.shape
    node = helper.make_node(
        "QGemm", ["x", "xs", "xz", "w", "ws", "wz", "b", "ys", "yz"], ["y"], domain="com.microsoft", transB=1
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, inputs])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [None, outputs])],
        [
            constant("xs", layer.x_scale), constant("xz", np.uint8(layer.x_zero)),
            constant("w", layer.weight), constant("ws", layer.w_scale), constant("wz", np.zeros(outputs, np.int8)),
            constant("b", layer.bias), constant("ys", layer.y_scale), constant("yz", np.uint8(layer.y_zero)),
        ],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": layer.x})[0]


def lite_rt(layer, resolver=OpResolverType.AUTO):
    outputs, inputs = layer.weight.shape
    model = tfl.ModelT()
    model.version = 3
    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tfl.BuiltinOperator.FULLY_CONNECTED
    code.version = 4
    model.operatorCodes = [code]
    empty = tfl.BufferT()
    model.buffers = [empty]

    def tensor(name, shape, element, scale, zero, data=None):
        t = tfl.TensorT()
        t.name, t.shape, t.type = name, shape, element
        t.quantization = tfl.QuantizationParametersT()
        t.quantization.scale, t.quantization.zeroPoint = scale, zero
        t.buffer = 0
        if data is not None:
            buffer = tfl.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            t.buffer = len(model.buffers) - 1
        return t

    i8, i32 = tfl.TensorType.INT8, tfl.TensorType.INT32
    subgraph = tfl.SubGraphT()
    subgraph.tensors = [
        tensor("x", [len(layer.x), inputs], i8, [layer.x_scale], [layer.x_zero - 128]),
        tensor("w", [outputs, inputs], i8, layer.w_scale, [0] * outputs, layer.weight),
        tensor("b", [outputs], i32, layer.x_scale * layer.w_scale, [0] * outputs, layer.bias),
        tensor("y", [len(layer.x), outputs], i8, [layer.y_scale], [layer.y_zero - 128]),
    ]
    operator = tfl.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    operator.builtinOptionsType = tfl.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = tfl.FullyConnectedOptionsT()
    subgraph.operators, subgraph.inputs, subgraph.outputs = [operator], [0], [3]
    model.subgraphs = [subgraph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    interpreter = Interpreter(model_content=bytes(builder.Output()), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, (layer.x.astype(np.int16) - 128).astype(np.int8))
    interpreter.invoke()
    return (interpreter.get_tensor(3).astype(np.int16) + 128).astype(np.uint8)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def main():
    lines, differing = [], 0
    for seed, (inputs, outputs) in enumerate(SIZES):
        layer = Layer(seed, inputs, outputs)
        y = onnx_runtime(layer)
        for resolver in [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN_REF]:
            other = lite_rt(layer, resolver)
            print(f"{inputs:>3} {outputs:>3} {resolver.name:<34} {(y != other).sum()} of {y.size} differ from ONNX Runtime")
            if resolver == OpResolverType.AUTO:
                differing += (y != other).sum()
        lines.append(f"    ({inputs}, {outputs}, {fnv(y.tobytes()):#018x}),\n")
    y, other = digits(onnx_runtime), digits(lite_rt)
    print(f"digits: {(y != other).sum()} of {y.size} differ from ONNX Runtime")
    differing += (y != other).sum()
    ties = onnx_runtime(Ties())
    differing += (ties != lite_rt(Ties())).sum()
    assert differing == 0
    versions = f"ONNX Runtime {onnxruntime.__version__} and LiteRT {ai_edge_litert.__version__}"
    (FOLDER / "quantized.rs").write_text(
        f"// Written by quantized.py: inputs, outputs, and the hash of the outputs of {versions}.\n[\n{''.join(lines)}]\n"
    )
    (FOLDER / "quantized_digits.rs").write_text(
        f"// Written by quantized.py: the hash of all {y.size} outputs of {versions}.\n{fnv(y.tobytes()):#018x}\n"
    )
    (FOLDER / "quantized_ties.rs").write_text(
        f"// Written by quantized.py: the hash of the {ties.size} outputs of {versions}.\n{fnv(ties.tobytes()):#018x}\n"
    )


main()
