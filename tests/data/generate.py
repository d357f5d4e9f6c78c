"""Records results of PyTorch, in f64, as constants for the tests.

    pip install torch
    python tests/data/generate.py

writes `linear.rs` and `networks.rs` beside this script. All starting values are multiples of 1/64,
so that they are short to write down and exact in both programs. Every number is written with as
many digits as give the same f64 again.
"""

import textwrap
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
LR = 0.05
STEPS = 10

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def exact(*shape):
    """Values about as large as normal ones, each a multiple of 1/64."""
    return (torch.randn(*shape) * 64).round() / 64


def number(x):
    text = repr(x)
    return text if "." in text or "e" in text else text + ".0"


def flat(tensor):
    text = ", ".join(number(x) for x in tensor.flatten().tolist())
    lines = textwrap.wrap(text, 108, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "&[\n" + "\n".join(lines) + ",\n    ]"


def nested(tensor):
    if tensor.dim() == 0:
        return number(tensor.item())
    return "[" + ", ".join(nested(t) for t in tensor) + "]"


def shape(tensor):
    text = "f64"
    for size in reversed(tensor.shape):
        text = f"[{text}; {size}]"
    return text


def header(about):
    return (
        f"// {about}\n"
        f"// Written by generate.py with PyTorch {torch.__version__.split('+')[0]}.\n\n"
    )


def linear():
    """The notebook's check of the linear layer: batch 4, 5 -> 3, loss = z.sum()."""
    x, w, b = exact(4, 5).requires_grad_(), exact(3, 5).requires_grad_(), exact(3).requires_grad_()
    z = nn.functional.linear(x, w, b)
    z.sum().backward()
    text = header("Autograd's gradients of `z.sum()` for `z = x Wᵀ + b`.")
    for name, tensor in [("X", x), ("W", w), ("B", b), ("Z", z), ("DX", x.grad), ("DW", w.grad), ("DB", b.grad)]:
        tensor = tensor.detach()
        lines = textwrap.wrap(nested(tensor), 108, initial_indent=" " * 4, subsequent_indent=" " * 4)
        text += f"pub(crate) const {name}: {shape(tensor)} =\n" + "\n".join(lines) + ";\n"
    (HERE / "linear.rs").write_text(text)


def parameters(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def away_from_kinks(net, x):
    """Whether no input of a ReLU is so close to 0 that rounding could decide its sign."""
    for layer in net:
        if isinstance(layer, nn.ReLU) and ((x != 0) & (x.abs() < 1e-6)).any():
            return False
        x = layer(x)
    return True


def network(name, about, batch, *layers):
    net = nn.Sequential(*layers)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(exact(*p.shape) / 2)
    inputs = next(m for m in net if isinstance(m, nn.Linear)).in_features
    outputs = [m for m in net if isinstance(m, nn.Linear)][-1].out_features
    x, y = exact(batch, inputs).requires_grad_(), exact(batch, outputs)
    start = parameters(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    losses = []
    for step in range(STEPS):
        assert away_from_kinks(net, x.detach()), name
        optimizer.zero_grad()
        loss = nn.MSELoss()(net(x), y)
        loss.backward()
        if step == 0:
            gradient = torch.cat([p.grad.flatten() for p in net.parameters()])
            dx = x.grad.clone()
        optimizer.step()
        losses.append(loss.item())
        if step == 0:
            after_1 = parameters(net)
    return (
        f"/// {about}\n"
        f"pub(crate) const {name}: Case = Case {{\n"
        f"    x: {flat(x.detach())},\n"
        f"    y: {flat(y)},\n"
        f"    start: {flat(start)},\n"
        f"    losses: {flat(torch.tensor(losses))},\n"
        f"    gradient: {flat(gradient)},\n"
        f"    dx: {flat(dx)},\n"
        f"    after_1: {flat(after_1)},\n"
        f"    after_10: {flat(parameters(net))},\n"
        f"}};\n\n"
    )


def mlp(*widths):
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return layers[:-1]


class Residual(nn.Module):
    """The crate's `Residual`, which has no counterpart in PyTorch."""

    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x):
        return x + self.body(x)


def networks():
    text = header(f"Networks under `nn.MSELoss()` and plain `optim.SGD(lr={LR})`.")
    text += "use super::Case;\n\n"
    text += network("DEPTH_1", "5 -> 3, batch 4.", 4, *mlp(5, 3))
    text += network("DEPTH_2", "7 -> 9 -> 2, batch 3.", 3, *mlp(7, 9, 2))
    text += network("DEPTH_3", "5 -> 17 -> 8 -> 3, batch 20.", 20, *mlp(5, 17, 8, 3))
    text += network("DEPTH_4", "3 -> 5 -> 9 -> 7 -> 1, batch 7.", 7, *mlp(3, 5, 9, 7, 1))
    text += network("ONE_SAMPLE", "9 -> 16 -> 5, batch 1.", 1, *mlp(9, 16, 5))
    text += network("RELU_ENDS", "ReLU, 5 -> 6, ReLU, batch 2.", 2, nn.ReLU(), *mlp(5, 6), nn.ReLU())
    text += network(
        "ACTIVATIONS", "5 -> 9 -> 7 -> 6 -> 3, with a different activation after each layer, batch 7.", 7,
        nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 7), nn.GELU(), nn.Linear(7, 6), nn.Softplus(), nn.Linear(6, 3),
        nn.Sigmoid(),
    )  # fmt: skip
    text += network(
        "LAYER_NORM", "5 -> 9 -> 3, with normalisation before and after the first layer, batch 4.", 4,
        nn.LayerNorm(5), nn.Linear(5, 9), nn.LayerNorm(9), nn.LeakyReLU(), nn.Linear(9, 3),
    )  # fmt: skip
    text += network(
        "RESIDUAL", "5 -> 7 -> 3, with two residual blocks that start or end with activations, batch 3.", 3,
        nn.Linear(5, 7), nn.SiLU(), Residual(nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 9), nn.SiLU(), nn.Linear(9, 7)),
        Residual(nn.Linear(7, 7), nn.Tanh()), nn.Linear(7, 3),
    )  # fmt: skip
    text += network(
        "IN_A_ROW", "5 -> 7 -> 6 -> 3, two or three activations in a row, at the end too, batch 4.", 4,
        nn.Linear(5, 7), nn.Tanh(), nn.Sigmoid(), nn.Linear(7, 6), nn.ELU(), nn.GELU(), nn.Softplus(),
        nn.Linear(6, 3), nn.LeakyReLU(), nn.Sigmoid(),
    )  # fmt: skip
    (HERE / "networks.rs").write_text(text.rstrip("\n") + "\n")


linear()
networks()
