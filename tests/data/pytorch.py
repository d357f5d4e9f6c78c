"""Trains a small model in PyTorch and saves it with its outputs, for tests/safetensors.rs.

    pip install numpy safetensors torch
    python tests/data/pytorch.py

writes `pytorch.safetensors`, the file of `save_file(model.state_dict())`, `pytorch_f64.safetensors`, the same
model in f64, and `pytorch.rs`, inputs and outputs in f64.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
x = torch.randn(64, 5)
y = torch.stack([x[:, 0] * x[:, 1], x[:, 2].abs(), x[:, 3] - x[:, 4]], dim=1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(300):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()

save_file(model.state_dict(), HERE / "pytorch.safetensors")
model = model.double()
save_file(model.state_dict(), HERE / "pytorch_f64.safetensors")

with torch.no_grad():
    x = torch.randn(7, 5)
    outputs = model(x.double())
version = torch.__version__.split("+")[0]
(HERE / "pytorch.rs").write_text(
    "// A trained model's inputs, and its outputs in f64.\n"
    f"// Written by pytorch.py with PyTorch {version}.\n\n"
    f"pub(crate) const X: [[f64; 5]; 7] = {x.double().tolist()};\n"
    f"pub(crate) const Y: [[f64; 3]; 7] = {outputs.tolist()};\n"
)
