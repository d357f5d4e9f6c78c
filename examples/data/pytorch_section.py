"""The network of the notebook's last section in PyTorch: final MSE, the worst of so many runs, and the
least time. Arguments: epochs, runs."""

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
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    started = time.perf_counter()
    for _ in range(epochs):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    least = min(least, time.perf_counter() - started)
    worst = max(worst, criterion(model(x), y).item())
error = f"{worst:.1e}".replace("e-0", "e-")  # as Rust writes it
print(f"{error:<24}  {1e3 * least:>8.2f} ms  ({torch.__version__}, one thread)")
