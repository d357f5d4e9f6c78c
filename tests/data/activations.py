"""Writes activations.rs: PyTorch's activations and their gradients in f64.

    pip install torch
    python activations.py
"""

import pathlib

import torch
from torch import nn

torch.set_default_dtype(torch.float64)


class Hardsigmoid(nn.Module):
    """`nn.Hardsigmoid` by its formula: its own gradient is 1/6 rounded to f32, in f64 too."""

    def forward(self, z):
        return nn.functional.relu6(z + 3) / 6


SIZES = [1e-30, 1e-12, 1e-3, 0.25, 0.7, 1.0, 1.5, 2.75, 3.5, 5.0, 9.5, 19.5, 20.0, 20.5, 40.0, 1e4]
Z = [0.0, *SIZES, *(-x for x in SIZES)]
MODULES = [
    ("RELU", nn.ReLU()),
    ("LEAKY_RELU", nn.LeakyReLU()),
    ("LEAKY_RELU_20", nn.LeakyReLU(0.2)),
    ("TANH", nn.Tanh()),
    ("SIGMOID", nn.Sigmoid()),
    ("SOFTPLUS", nn.Softplus()),
    ("ELU", nn.ELU()),
    ("GELU", nn.GELU()),
    ("GELU_TANH", nn.GELU(approximate="tanh")),
    ("SILU", nn.SiLU()),
    ("SELU", nn.SELU()),
    ("HARDTANH", nn.Hardtanh()),
    ("HARDSIGMOID", Hardsigmoid()),
    ("HARDSWISH", nn.Hardswish()),
]


def numbers(tensor):
    return ", ".join(repr(x) for x in tensor.flatten().tolist())


def constant(name, tensor):
    return f"pub(crate) const {name}: [f64; {tensor.numel()}] = [\n    {numbers(tensor)},\n];\n"


def both(name, module, z, da):
    z = z.clone().requires_grad_()
    a = module(z)
    a.backward(da)
    return (
        f"/// `{module}`\n"
        + constant(name, a.detach())
        + constant(f"{name}_GRADIENT", z.grad)
    )


text = f"// Written by activations.py with PyTorch {torch.__version__.split('+')[0]}.\n\n"
z = torch.tensor(Z)
text += constant("Z", z)
for name, module in MODULES:
    text += both(name, module, z, torch.ones_like(z))

scores = torch.tensor([[0.5, -1.25, 2.0, 0.0, -3.5], [1e4, -1e4, 9999.0, 0.0, 1e4], [-750.0, -751.0, -749.5, -750.0, -900.0]])
dp = torch.tensor([[1.0, -0.5, 0.25, 2.0, -1.5]]).expand(3, 5).contiguous()
text += "/// Rows of five.\n" + constant("SCORES", scores) + constant("SCORES_DP", dp)
text += both("SOFTMAX", nn.Softmax(dim=-1), scores, dp)
text += both("LAYER_NORM", nn.LayerNorm(5, eps=1e-3), scores[:1].contiguous(), dp[:1].contiguous())
(pathlib.Path(__file__).parent / "activations.rs").write_text(text)
