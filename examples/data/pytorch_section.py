"""Trains the network of the notebook's last section in PyTorch, from several seeds.

Arguments: epochs, runs. Prints the largest final MSE and the shortest time of a run.

The section itself starts from PyTorch's default initialisation, not from He's.
"""

import sys
import time

import torch
from torch import nn

epochs, runs = map(int, sys.argv[1:])
torch.set_num_threads(1)
worst, least = 0.0, float("inf")
for seed in range(runs):
    torch.manual_seed(seed)
    x, true_weight = torch.randn(20, 5), torch.randn(3, 5)
    y = x @ true_weight.T
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    started = time.perf_counter()
    for _ in range(epochs):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    least = min(least, time.perf_counter() - started)
    worst = max(worst, loss_fn(model(x), y).item())
error = f"{worst:.1e}".replace("e-0", "e-")  # Rust's format
print(f"{error:<17}   {1e3 * least:.2f} ms   (PyTorch {torch.__version__})")
