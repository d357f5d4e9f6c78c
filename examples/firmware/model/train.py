"""Trains the forecast of a temperature in PyTorch.

    pip install numpy safetensors torch
    python train.py

A sensor near a heater is simulated: the temperature approaches a target, which changes now and then, with a time constant
of its own; the readings are noisy. From 8 readings the network forecasts the next one. Its inputs are the 7 older readings
minus the newest, its output is the next reading minus the newest, all in kelvin.

It writes the weights to `forecast.safetensors`, and inputs with PyTorch's outputs to `pytorch.rs`.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
WINDOW = 8
rng = np.random.default_rng(0)
torch.manual_seed(0)


def readings(count):
    temperature, target, tau = 25.0, 25.0, 20.0
    for _ in range(count):
        if rng.random() < 0.02:
            target, tau = rng.uniform(15, 60), rng.uniform(10, 40)
        temperature += (target - temperature) / tau
        yield temperature + rng.normal(0, 0.02)


series = np.array(list(readings(20_000)))
windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW + 1)
newest = windows[:, WINDOW - 1 : WINDOW]
x = torch.tensor(windows[:, : WINDOW - 1] - newest, dtype=torch.float32)
y = torch.tensor(windows[:, WINDOW:] - newest, dtype=torch.float32)

model = nn.Sequential(nn.Linear(WINDOW - 1, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(30):
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    loss = nn.functional.mse_loss(model(x), y).item()
    print(f"root of the mean squared error: {loss**0.5:.3f} K; of no change: {y.square().mean().sqrt():.3f} K")

    save_file(model.state_dict(), HERE / "forecast.safetensors")
    (HERE / "forecast.safetensors").chmod(0o644)

    # Printed as f64, each number has enough digits to be parsed to the same f32.
    rows = x[:: len(x) // 10][:10]
    lines = "".join(
        f"    ({row}, {output}),\n"
        for row, output in zip(rows.double().tolist(), model(rows).flatten().double().tolist())
    )
(HERE / "pytorch.rs").write_text(
    f"// Inputs, and the outputs of PyTorch {torch.__version__.split('+')[0]}. Written by train.py.\n"
    f"const PYTORCH: [([f32; {WINDOW - 1}], f32); 10] = [\n{lines}];\n"
)
