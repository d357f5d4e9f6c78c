"""Writes half.safetensors, bfloat16.safetensors and batch_norm.safetensors, and PyTorch's outputs to variants.rs.

    pip install numpy safetensors torch
    python variants.py
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent
torch.manual_seed(0)
x = torch.randn(4, 5, dtype=torch.float64).round(decimals=3)


def rows(name, tensor):
    text = ",\n".join("    [" + ", ".join(repr(v) for v in row) + "]" for row in tensor.tolist())
    return f"pub(crate) const {name}: [[f64; {tensor.shape[1]}]; {tensor.shape[0]}] = [\n{text},\n];\n"


text = f"// Written by variants.py with PyTorch {torch.__version__.split('+')[0]}.\n\n" + rows("X", x)
for name, dtype in [("half", torch.float16), ("bfloat16", torch.bfloat16)]:
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).to(dtype)
    save_file(net.state_dict(), HERE / f"{name}.safetensors")
    text += rows(name.upper(), net.double()(x).detach())

# Before and after linear layers, at both ends, two in a row, with and without biases.
net = nn.Sequential(
    nn.BatchNorm1d(5), nn.Linear(5, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.BatchNorm1d(6), nn.BatchNorm1d(6, affine=False),
    nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3),
).double()  # fmt: skip
for _ in range(20):
    net(torch.randn(32, 5, dtype=torch.float64) * torch.arange(1, 6) - 2)
for p in net.parameters():
    p.data += 0.3 * torch.randn_like(p)
save_file(net.state_dict(), HERE / "batch_norm.safetensors")
text += rows("BATCH_NORM", net.eval()(x).detach())
(HERE / "variants.rs").write_text(text)
