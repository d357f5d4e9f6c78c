"""Writes the files of the folder onnx, and ONNX Runtime's outputs for random inputs.

    pip install numpy onnx onnxruntime onnxscript scikit-learn skl2onnx torch
    python onnx.py
    # In another environment, with: pip install tensorflow-cpu tf2onnx onnxruntime
    python onnx.py keras

With the argument `bad` it writes only the files that must be refused, with `graphs` only those of rare graphs.

For each `name.onnx` it writes `name.txt`: the layers that it must be read as, then in each line the inputs and the
outputs of one sample, 17 digits each.
"""

import os
import pathlib
import sys
import warnings

import numpy as np

sys.path = [p for p in sys.path if p != str(pathlib.Path(__file__).parent)]  # This file has the name of a package.
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

warnings.filterwarnings("ignore")
FOLDER = pathlib.Path(os.environ.get("FOLDER", pathlib.Path(__file__).parent / "onnx"))
SAMPLES = int(os.environ.get("SAMPLES", 8))
rng = np.random.default_rng(0)


def record(name, layers, inputs, output=None, spread=1.0, center=0.0):
    """Runs the file, and writes its inputs and outputs."""
    path = FOLDER / f"{name}.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0]
    element = np.float64 if "double" in feed.type else np.float16 if "float16" in feed.type else np.float32
    shape = [s if isinstance(s, int) else SAMPLES for s in feed.shape]
    lines = [layers]
    for start in range(0, SAMPLES, shape[0]):
        x = (center + spread * rng.normal(size=(shape[0], inputs))).astype(element)
        y = session.run([output] if output else None, {feed.name: x.reshape(shape)})[0].reshape(shape[0], -1)
        for a, b in zip(x, y):
            lines.append(" ".join(f"{v:.17g}" for v in [*a.tolist(), *b.tolist()]))
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(name, path.stat().st_size)


def small(path):
    """Removes what differs from run to run, and what no reader needs."""
    model = onnx.load(path, load_external_data=False)
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)


def torch_files():
    import torch
    from torch import nn

    torch.manual_seed(0)

    def export(name, net, inputs, layers, dtype=torch.float32, dynamo=False, external=False, batch=True, **how):
        path = FOLDER / f"{name}.onnx"
        net = net.to(dtype).eval()
        x = torch.zeros(1, inputs, dtype=dtype)
        if dynamo:
            how["dynamic_shapes"] = ({0: torch.export.Dim.DYNAMIC},) if batch else None
            torch.onnx.export(net, (x if not batch else x.repeat(2, 1),), path, dynamo=True, external_data=external, verbose=False, **how)
        else:
            axes = {"obs": {0: "batch"}, "actions": {0: "batch"}} if batch else None
            torch.onnx.export(net, x, path, dynamo=False, input_names=["obs"], output_names=["actions"], dynamic_axes=axes, **how)
        small(path)
        spread = how.pop("spread", 1.0)
        record(name, layers, inputs, spread=spread)

    def mlp(*between):
        return nn.Sequential(nn.Linear(5, 8), *between, nn.Linear(8, 3))

    one = "Sequential![Linear<5, 8{d}>, {a}<8{d}>, Linear<8, 3{d}>]"
    for name, module, rust in [
        ("relu", nn.ReLU(), "Relu"), ("elu", nn.ELU(), "Elu"), ("selu", nn.SELU(), "Selu"), ("tanh", nn.Tanh(), "Tanh"),
        ("sigmoid", nn.Sigmoid(), "Sigmoid"), ("softplus", nn.Softplus(), "Softplus"), ("gelu", nn.GELU(), "Gelu"),
        ("gelu_tanh", nn.GELU(approximate="tanh"), "GeluTanh"), ("silu", nn.SiLU(), "Silu"),
        ("hardtanh", nn.Hardtanh(), "Hardtanh"), ("hardswish", nn.Hardswish(), "Hardswish"), ("hardsigmoid", nn.Hardsigmoid(), "Hardsigmoid"),
    ]:  # fmt: skip
        layers = one.format(a=rust, d="")
        version = 20 if "gelu_tanh" == name else 17
        export(name, mlp(module), 5, layers, opset_version=version)
        if name in ("relu", "tanh", "sigmoid", "silu"):  # ONNX Runtime has these in f64.
            double = one.format(a=rust, d=", f64")
            export(f"{name}_f64", mlp(module), 5, double, dtype=torch.float64, opset_version=17)
        if name in ("gelu", "silu", "elu", "tanh"):
            export(f"{name}_dynamo", mlp(module), 5, layers, dynamo=True)
    export("leaky_relu", mlp(nn.LeakyReLU(0.2)), 5, "Sequential![Linear<5, 8>, LeakyRelu<8, 20>, Linear<8, 3>]", opset_version=17)
    wide = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 3))
    layers = "Sequential![Linear<5, 40>, Relu<40>, Linear<40, 20>, Relu<20>, Linear<20, 3>]"
    export("external", wide, 5, layers, dynamo=True, external=True)
    export("fixed_batch", mlp(nn.ReLU()), 5, one.format(a="Relu", d=""), batch=False, opset_version=17)
    export("half", mlp(nn.ReLU()), 5, one.format(a="Relu", d=""), dtype=torch.float16, dynamo=True)
    norm = mlp(nn.LayerNorm(8, eps=1e-3), nn.Dropout(), nn.Identity(), nn.SiLU())
    export("layer_norm", norm, 5, "Sequential![Linear<5, 8>, LayerNorm<8, f32, 3>, Silu<8>, Linear<8, 3>]", dynamo=True)

    batch = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 3), nn.Softmax(-1))
    batch(torch.randn(64, 5) * 2 + 1)
    for p in batch.parameters():
        p.data += 0.2 * torch.randn_like(p)
    layers = "Sequential![Linear<5, 8>, Relu<8>, Linear<8, 3>, Softmax<3>]"
    export("batch_norm", batch, 5, layers, opset_version=17)
    export("batch_norm_dynamo", batch, 5, layers, dynamo=True)

    class Normaliser(nn.Module):
        """rsl_rl's EmpiricalNormalization."""

        def __init__(self, size, mean, std):
            super().__init__()
            self.eps = 1e-2
            self.register_buffer("_mean", mean.unsqueeze(0))
            self.register_buffer("_std", std.unsqueeze(0))

        def forward(self, x):
            return (x - self._mean) / (self._std + self.eps)

    class Exporter(nn.Module):
        """rsl_rl's _OnnxPolicyExporter: a normaliser, then the actor."""

        def __init__(self, actor, normalizer):
            super().__init__()
            self.actor, self.normalizer = actor, normalizer

        def forward(self, x):
            return self.actor(self.normalizer(x))

    def actor():
        return nn.Sequential(nn.Linear(12, 32), nn.ELU(), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 4))

    mlp_type = "Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>]"
    near = Normaliser(12, torch.randn(12).clamp(-1.5, 1.5), torch.rand(12) + 0.5)
    far = Normaliser(12, 100 * torch.randn(12), torch.rand(12) + 0.5)
    export("rsl_rl", Exporter(actor(), near), 12, f"Sequential![{mlp_type}", opset_version=11)
    export("rsl_rl_dynamo", Exporter(actor(), near), 12, f"Sequential![{mlp_type}", dynamo=True)
    export("rsl_rl_large_means", Exporter(actor(), far), 12, f"Sequential![Standardize<12>, {mlp_type}", opset_version=11)

    class Scaled(nn.Module):
        """Actions that are scaled after a tanh, and clipped observations."""

        def __init__(self):
            super().__init__()
            self.actor = mlp(nn.ReLU())
            self.register_buffer("scale", torch.tensor([0.5, 2.0, 1.5]))

        def forward(self, x):
            x = torch.clamp(x, -2.0, 2.0)
            return 0.25 + self.scale * torch.tanh(self.actor(x.flatten(1)))

    layers = "Sequential![Standardize<5>, Hardtanh<5>, Linear<5, 8>, Relu<8>, Linear<8, 3>, Tanh<3>, Linear<3, 3>]"
    export("scaled", Scaled(), 5, layers, opset_version=17)


def sklearn_files():
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = 3 + 2 * rng.normal(size=(100, 5))
    y = x @ rng.normal(size=5)
    for name, element, suffix in [("sklearn_regressor", np.float32, ""), ("sklearn_regressor_f64", np.float64, ", f64")]:
        net = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=300, random_state=0)
        model = to_onnx(make_pipeline(StandardScaler(), net).fit(x, y), x[:1].astype(element))
        onnx.save(model, FOLDER / f"{name}.onnx")
        record(name, f"Sequential![Linear<5, 8{suffix}>, Tanh<8{suffix}>, Linear<8, 1{suffix}>]", 5, center=3.0, spread=2.0)
    net = MLPClassifier(hidden_layer_sizes=(8,), activation="relu", max_iter=300, random_state=0)
    classes = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    pipeline = make_pipeline(StandardScaler(), net).fit(x, classes)
    options = {id(pipeline): {"zipmap": False}}
    model = to_onnx(pipeline, x[:1].astype(np.float32), options=options)
    onnx.save(model, FOLDER / "sklearn_classifier.onnx")
    layers = "Sequential![Linear<5, 8>, Relu<8>, Linear<8, 3>, Softmax<3>]"
    record("sklearn_classifier", layers, 5, output="probabilities", center=3.0, spread=2.0)


def written_out():
    """What no exporter writes today: every transposition, order of factors and way to store a tensor."""

    def model(name, nodes, tensors, layers, inputs=3, outputs=2, element=TensorProto.FLOAT, version=17, domain=""):
        graph = helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info("x", element, ["batch", inputs])],
            [helper.make_tensor_value_info("y", element, ["batch", outputs])], tensors,
        )  # fmt: skip
        m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)
        onnx.checker.check_model(m)
        onnx.save(m, FOLDER / f"{name}.onnx")
        record(name, layers, inputs)

    def raw(name, *shape):
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    def inline(name, *shape):
        values = rng.normal(size=shape).astype(np.float32)
        return helper.make_tensor(name, TensorProto.FLOAT, shape, values.flatten().tolist())

    node = helper.make_node
    linear = "Sequential![Linear<3, 2>]"
    model("gemm", [node("Gemm", ["x", "w", "b"], ["y"], alpha=0.5, beta=2.0)], [raw("w", 3, 2), inline("b", 1, 2)], linear)
    model("gemm_transposed", [node("Gemm", ["x", "w"], ["y"], transB=1)], [inline("w", 2, 3)], linear)
    model("matmul", [node("MatMul", ["x", "w"], ["z"]), node("Add", ["b", "z"], ["y"])], [raw("w", 3, 2), raw("b", 2)], linear)
    double = [numpy_helper.from_array(rng.normal(size=s), n) for n, s in [("w", (3, 2)), ("b", 2)]]
    model("gemm_f64", [node("Gemm", ["x", "w", "b"], ["y"])], double, "Sequential![Linear<3, 2, f64>]", element=TensorProto.DOUBLE)
    scalar = lambda n, v: helper.make_tensor(n, TensorProto.FLOAT, [], [v])
    first = [node("Gemm", ["x", "w", "b"], ["z"])]
    last = [node("Gemm", ["a", "v"], ["y"])]
    weights = [raw("w", 3, 4), raw("b", 4), raw("v", 4, 2)]
    gelu = "Sequential![Linear<3, 4>, Gelu<4>, Linear<4, 2>]"
    erf = [node("Div", ["z", "r"], ["u"]), node("Erf", ["u"], ["e"]), node("Add", ["e", "1"], ["p"])]
    constants = [scalar("r", 2**0.5), scalar("1", 1.0), scalar("h", 0.5)]
    model("gelu_half_last", [*first, *erf, node("Mul", ["z", "p"], ["q"]), node("Mul", ["q", "h"], ["a"]), *last], weights + constants, gelu)
    model("gelu_half_first", [*first, *erf, node("Mul", ["h", "z"], ["q"]), node("Mul", ["p", "q"], ["a"]), *last], weights + constants, gelu)
    model("gelu_half_gate", [*first, *erf, node("Mul", ["p", "h"], ["q"]), node("Mul", ["z", "q"], ["a"]), *last], weights + constants, gelu)
    hard = [node("HardSigmoid", ["z"], ["a"])]
    model("hard_sigmoid_keras", [*first, *hard, *last], weights, "Sequential![Linear<3, 4>, Hardsigmoid<4>, Linear<4, 2>]")
    swish = [node("HardSigmoid", ["z"], ["g"], alpha=1 / 6, beta=0.5), node("Mul", ["g", "z"], ["a"])]
    model("hard_swish_written_out", [*first, *swish, *last], weights, "Sequential![Linear<3, 4>, Hardswish<4>, Linear<4, 2>]")
    normal = [node("Sub", ["x", "m"], ["c"]), node("Mul", ["c", "s"], ["n"]), node("Gemm", ["n", "w", "b"], ["z"]), node("Relu", ["z"], ["a"]),
              node("Gemm", ["a", "v"], ["o"]), node("Mul", ["o", "t"], ["k"]), node("Sub", ["u", "k"], ["y"])]  # fmt: skip
    model("normalised_both_ends", normal, weights + [raw("m", 3), raw("s", 1, 3), raw("t", 2), scalar("u", 3.0)], "Sequential![Linear<3, 4>, Relu<4>, Linear<4, 2>]")


def bad_files():
    """What must be refused. The tests have the messages."""

    def model(name, nodes, tensors, inputs=(("x", ["batch", 3]),), version=17, domains=()):
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs]
        graph = helper.make_graph(nodes, "g", values, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
        sets = [helper.make_opsetid("", version), *(helper.make_opsetid(d, 1) for d in domains)]
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), FOLDER / "bad" / f"{name}.onnx")

    def weights(name, *shape, value=0.5, dtype=np.float32):
        return numpy_helper.from_array(np.full(shape, value, dtype), name)

    (FOLDER / "bad").mkdir(exist_ok=True)
    node = helper.make_node
    gemm = node("Gemm", ["x", "w"], ["z"], name="first")
    model("residual", [gemm, node("Add", ["x", "z"], ["y"], name="sum")], [weights("w", 3, 3)])
    model("two_inputs", [gemm, node("Add", ["z", "u"], ["y"])], [weights("w", 3, 3)], inputs=[("x", [1, 3]), ("u", [1, 3])])
    model("width", [gemm, node("Gemm", ["z", "v"], ["y"], name="second")], [weights("w", 3, 4), weights("v", 5, 2)])
    model("input_width", [node("Gemm", ["x", "w"], ["y"], name="first")], [weights("w", 4, 2)])
    model("bias", [node("Gemm", ["x", "w", "b"], ["y"], name="first")], [weights("w", 3, 2), weights("b", 3)])
    model("rank", [node("MatMul", ["x", "w"], ["y"], name="first")], [weights("w", 1, 3, 2)])
    model("reshape", [gemm, node("Reshape", ["z", "s"], ["y"], name="fold")], [weights("w", 3, 4), weights("s", 3, value=2, dtype=np.int64)])
    model("operator_set", [node("Gemm", ["x", "w"], ["y"])], [weights("w", 3, 2)], version=99)
    model("old_operator_set", [node("Gemm", ["x", "w"], ["y"])], [weights("w", 3, 2)], version=6)
    # What looks like an activation that is written out, or like a row of features for each sample.
    gate = [gemm, node("Mul", ["z", "c"], ["v"]), node("Sigmoid", ["z"], ["s"]), node("Mul", ["v", "s"], ["y"], name="gate")]
    model("gate", gate, [weights("w", 3, 3), numpy_helper.from_array(np.array([1, 2, 3], np.float32), "c")])
    cube = [("x", ["batch", 2, 3])]
    model("cube_softmax", [node("Softmax", ["x"], ["y"], name="act", axis=1)], [], inputs=cube)
    model("cube_product", [node("MatMul", ["x", "w"], ["y"], name="first")], [weights("w", 3, 2)], inputs=cube)
    model("cube_flatten", [node("Flatten", ["x"], ["y"], name="flat", axis=-1)], [], inputs=cube)
    whole = numpy_helper.from_array(np.array([1, -1]), "s")
    model("whole_batch", [node("Reshape", ["x", "s"], ["z"], name="fold"), node("Softmax", ["z"], ["y"])], [whole])
    norm = node("BatchNormalization", ["x", "c", "c", "c", "c"], ["y", "m", "v"], name="norm", training_mode=1)
    model("norm_training", [norm], [weights("c", 3)])
    true = numpy_helper.from_array(np.array(True), "t")
    model("dropout_training", [node("Dropout", ["x", "", "t"], ["y"], name="drop")], [true])
    model("clip", [node("Clip", ["x", "low", "high"], ["y"], name="clip")], [weights("low", value=0), weights("high", value=1e4)])
    cut = [node("Cast", ["w"], ["i"], name="cut", to=TensorProto.INT64), node("Cast", ["i"], ["v"], to=TensorProto.FLOAT), node("Gemm", ["x", "v"], ["y"])]
    model("cast_fractions", cut, [weights("w", 3, 2)])
    ratio = [node("Div", ["a", "b"], ["q"], name="ratio"), node("Cast", ["q"], ["f"], to=TensorProto.FLOAT), node("Mul", ["x", "f"], ["y"])]
    model("whole_division", ratio, [numpy_helper.from_array(np.array(n), c) for n, c in [(7, "a"), (2, "b")]])
    outer = [node("Mul", ["a", "b"], ["w"], name="outer"), node("MatMul", ["x", "w"], ["y"])]
    model("outer_product", outer, [weights("a", 3, 1), weights("b", 1, 2)])
    model("no_weights", [node("Relu", ["x"], ["y"])], [], inputs=[("x", [1, 2**40])])
    model("domain", [node("Fused", ["x"], ["y"], name="own", domain="com.me")], [], domains=["com.me"])
    model("nan", [node("Gemm", ["x", "w"], ["y"])], [weights("w", 3, 2, value=np.nan)])
    model("integers", [node("Gemm", ["x", "w"], ["y"])], [weights("w", 3, 2, value=1, dtype=np.int8)])
    model("weights_first", [node("Gemm", ["w", "x"], ["y"], name="first")], [weights("w", 3, 3)])
    model("elu_alpha", [node("Elu", ["x"], ["y"], name="act", alpha=0.5)], [])
    model("cast", [node("Cast", ["x"], ["y"], name="cast", to=TensorProto.INT64)], [])
    model("undefined", [node("Gemm", ["x", "nothing"], ["y"], name="first")], [])
    body = helper.make_graph([node("Identity", ["x"], ["r"])], "b", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])
    model("loop", [node("If", ["x"], ["y"], name="choice", then_branch=body, else_branch=body)], [])
    model("erf", [gemm, node("Erf", ["z"], ["y"], name="erf")], [weights("w", 3, 3)])
    shared = [node("Gemm", [f"z{i}" if i else "x", "w"], [f"z{i + 1}" if i < 499 else "y"], name=f"n{i}") for i in range(500)]
    model("shared_weights", shared, [weights("w", 30, 30, value=0.01)], inputs=[("x", [1, 30])])
    wide = [node("Relu", ["x"], ["a"]), node("Add", ["a", "c"], ["b"]), node("Relu", ["b"], ["y"])]
    model("endless_width", wide, [weights("c")], inputs=[("x", [1, 2**50])])


def graphs():
    """Graphs that exporters seldom write, with more or fewer dimensions than two on the way."""
    global rng
    rng = np.random.default_rng(1)
    node = helper.make_node

    def model(name, nodes, tensors, layers, shape=("batch", 3), output=None):
        values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        graph = helper.make_graph(nodes, "g", values, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), FOLDER / f"{name}.onnx")
        record(name, layers, int(np.prod(shape[1:])))

    def raw(name, *shape):
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    def whole(name, *numbers):
        return numpy_helper.from_array(np.array(numbers), name)

    linear = "Sequential![Linear<3, 2>]"
    scaled = [node("Unsqueeze", ["c", "axis"], ["u"]), node("Mul", ["w", "u"], ["v"]), node("Add", ["v", "r"], ["k"]), node("MatMul", ["x", "k"], ["y"])]
    model("constants_repeated", scaled, [raw("c", 3), whole("axis", 1), raw("w", 3, 2), raw("r", 2)], linear)
    kept = [node("Dropout", ["x", "", "off"], ["d"]), node("Gemm", ["d", "w"], ["y"])]
    model("dropout_off", kept, [numpy_helper.from_array(np.array(False), "off"), raw("w", 3, 2)], linear)
    same = [node("Identity", [f"z{i}"], [f"z{i + 1}" if i < 39 else "y"]) for i in range(40)]
    model("identities", [node("MatMul", ["x", "w"], ["z0"]), *same], [raw("w", 3, 64)], "Sequential![Linear<3, 64>]")
    folded = [node("Reshape", ["x", "s"], ["f"]), node("MatMul", ["f", "w"], ["z"]), node("Softmax", ["z"], ["y"], axis=1)]
    model("images", folded, [whole("s", 0, -1), raw("w", 6, 4)], "Sequential![Linear<6, 4>, Softmax<4>]", shape=("batch", 2, 3))
    row = [node("MatMul", ["x", "w"], ["z"]), node("Reshape", ["z", "s"], ["y"])]
    model("one_row", row, [raw("w", 3, 2), whole("s", -1)], linear, shape=(1, 3))
    norm = [node("Gemm", ["x", "w"], ["z"]), node("LayerNormalization", ["z", "g", "h"], ["n"], axis=1, epsilon=1e-3), node("Relu", ["n"], ["a"]), node("Gemm", ["a", "v"], ["y"])]
    layers = "Sequential![Linear<3, 4>, LayerNorm<4, f32, 3>, Relu<4>, Linear<4, 2>]"
    model("layer_norm_relu", norm, [raw("w", 3, 4), raw("g", 4), raw("h", 4), raw("v", 4, 2)], layers)
    two = [node("Tanh", ["x"], ["t"]), node("Gemm", ["t", "w"], ["z"]), node("LeakyRelu", ["z"], ["r"], alpha=0.2), node("Tanh", ["r"], ["a"]), node("Gemm", ["a", "v"], ["y"])]
    layers = "Sequential![Tanh<3>, Linear<3, 4>, LeakyRelu<4, 20>, Tanh<4>, Linear<4, 2>]"
    model("activations_everywhere", two, [raw("w", 3, 4), raw("v", 4, 2)], layers)


def keras_files():
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(0)

    def export(name, layers, net, inputs):
        spec = (tf.TensorSpec((None, inputs), tf.float32, name="x"),)
        function = tf.function(lambda x: net(x, training=False), input_signature=spec)
        tf2onnx.convert.from_function(function, input_signature=spec, opset=17, output_path=str(FOLDER / f"{name}.onnx"))
        record(name, layers, inputs)

    dense = keras.layers.Dense
    net = keras.Sequential([keras.Input((5,)), dense(8, "swish"), dense(6, "elu"), dense(3, "softmax")])
    export("keras", "Sequential![Linear<5, 8>, Silu<8>, Linear<8, 6>, Elu<6>, Linear<6, 3>, Softmax<3>]", net, 5)
    normal = keras.layers.Rescaling(0.5, offset=-1.5)
    net = keras.Sequential([keras.Input((5,)), normal, dense(8), keras.layers.BatchNormalization(), keras.layers.Activation("relu"), dense(3, "sigmoid")])
    export("keras_normalised", "Sequential![Linear<5, 8>, Relu<8>, Linear<8, 3>, Sigmoid<3>]", net, 5)


FOLDER.mkdir(exist_ok=True)
if sys.argv[1:] == ["keras"]:
    keras_files()
elif sys.argv[1:] == ["bad"]:
    bad_files()
elif sys.argv[1:] == ["graphs"]:
    graphs()
else:
    written_out()
    bad_files()
    sklearn_files()
    torch_files()
    graphs()
