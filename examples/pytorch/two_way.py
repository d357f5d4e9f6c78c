"""Moves weights between PyTorch and Rust, in both directions, and compares the results.

    pip install numpy safetensors torch
    python examples/pytorch/two_way.py

1. Rust trains a network and saves it. Python's `safetensors` must read the same bits.
2. PyTorch loads the file. Its outputs must be those of Rust.
3. PyTorch trains a model and saves it. The outputs in Rust must be those of PyTorch.

Without torch only the first comparison is made.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

try:
    import torch
    from safetensors.torch import load_model, save_model
except ImportError:
    torch = None

HERE = Path(__file__).parent
# Sums of 64 products in `f32`, added in different orders: each rounding is up to 6e-8 of a number up to 4.
TOLERANCE = 1e-5


def rust(command, file, inputs):
    """Runs examples/pytorch/main.rs and returns the lines that it prints."""
    text = "\n".join(" ".join(repr(float(x)) for x in row) for row in inputs)
    cargo = ["cargo", "run", "--quiet", "--features", "safetensors", "--example", "pytorch", "--"]
    run = subprocess.run([*cargo, command, file], input=text, capture_output=True, text=True, cwd=HERE)
    if run.returncode != 0:
        sys.exit(f"{command} failed: {run.stderr}")
    return run.stdout.splitlines()


def rows(lines):
    return np.array([[float(y) for y in line.split()] for line in lines], dtype=np.float32)


def same_bits(lines, tensors):
    """Compares lines such as `0.weight (64, 5) 3f800000 …` with the tensors that Python has read."""
    names = set()
    for line in lines:
        name, rest = line.split(" ", 1)
        shape, bits = rest.split(")", 1)
        names.add(name)
        tensor = tensors[name]
        expected = tuple(int(size) for size in shape.strip("(,").split(",") if size)
        assert tensor.shape == expected, f"{name}: {tensor.shape} instead of {expected}"
        assert tensor.dtype == np.float32, f"{name}: {tensor.dtype}"
        bits = np.array([int(word, 16) for word in bits.split()], dtype=np.uint32)
        assert (tensor.reshape(-1).view(np.uint32) == bits).all(), f"{name}: the bits differ"
    assert names == set(tensors), f"parameters {names} instead of {set(tensors)}"
    return sum(tensor.size for tensor in tensors.values())


def model():
    nn = torch.nn
    return nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


def compare(title, ours, theirs):
    largest = np.abs(ours - theirs).max()
    print(f"{title}: {len(ours)} samples, outputs up to {np.abs(theirs).max():.2f}, largest difference {largest:.1e}")
    assert largest < TOLERANCE


def main():
    inputs = np.random.default_rng(0).uniform(-1, 1, (1000, 5)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "rust.safetensors")
        lines = rust("train", file, inputs)
        count = same_bits(lines[:6], load_file(file))
        print(f"Rust trains, Python reads: {count} numbers, all bits equal")
        if torch is None:
            return

        torch.set_num_threads(1)
        net = model()
        load_model(net, file)
        with torch.no_grad():
            outputs = net(torch.from_numpy(inputs)).numpy()
        compare("Rust trains, PyTorch predicts", rows(lines[6:]), outputs)

        torch.manual_seed(0)
        net = model()
        x = torch.rand(1000, 5) * 2 - 1
        y = torch.stack([x[:, 0] * x[:, 1], x[:, 2].abs(), x[:, 3] - x[:, 4]], dim=1)
        optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
        for _ in range(300):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
        print(f"PyTorch trains its own model to a loss of {loss.item():.1e}")
        file = str(Path(folder) / "pytorch.safetensors")
        save_model(net, file)
        with torch.no_grad():
            outputs = net(torch.from_numpy(inputs)).numpy()
        compare("PyTorch trains, Rust predicts", rows(rust("predict", file, inputs)), outputs)


main()
