"""Trains the network that the programs store in flash, in PyTorch.

    pip install safetensors torch
    python train.py

It writes the weights to `trained.safetensors`, by `save_file(model.state_dict())`, and the data to `src/task.rs`.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
SAMPLES = 20

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(SAMPLES, 5)
y = x @ torch.randn(5, 3) + torch.randn(3)

model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2000):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.1e}")

save_file(model.state_dict(), HERE / "trained.safetensors")
(HERE / "trained.safetensors").chmod(0o644)


def rows(tensor):
    # Printed as f64, each number has enough digits to be parsed to the same f32.
    return "".join(f"    {row},\n" for row in tensor.double().tolist())


(HERE / "src" / "task.rs").write_text(
    "//! The data that the network in flash was trained on: a linear map of normal numbers.\n"
    f"//! Written by train.py with PyTorch {torch.__version__.split('+')[0]}.\n"
    "#![allow(clippy::excessive_precision)]\n\n"
    f"/// The inputs.\n#[rustfmt::skip]\npub static X: [[f32; 5]; {SAMPLES}] = [\n{rows(x)}];\n\n"
    f"/// The targets.\n#[rustfmt::skip]\npub static Y: [[f32; 3]; {SAMPLES}] = [\n{rows(y)}];\n"
)
