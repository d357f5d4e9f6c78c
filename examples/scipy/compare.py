"""Compares Levenberg-Marquardt and L-BFGS with SciPy's and PyTorch's, from the same starts on the same data, in one run.

    pip install numpy scipy torch
    cargo build --release --example scipy
    python examples/scipy/compare.py target/release/examples/scipy

Four tasks with a goal, and one whose optimum is compared. For each method: the numbers of evaluations (for Levenberg-Marquardt those
of Jacobian matrices) from five starts, `-` where the goal is not reached in 5,000, and the mean of the times, each the shortest
of several. Those of SciPy and PyTorch are times of the processor, so that other programs do not count. All compute in `f64`, on
one core; SciPy gets loss and derivatives from NumPy.

Fails if a run of ours does not reach its goal by Levenberg-Marquardt, if an optimum differs from SciPy's by more than 1e-6, or if
SciPy takes less than ten times as long for it, or for the first two tasks by L-BFGS.
"""

import os
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from scipy.optimize import least_squares, minimize

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
# The most evaluations of L-BFGS.
MOST = 5000


class Goal(Exception):
    """The goal is reached."""


class Task:
    """A network with one hidden layer, by a vector of its weights and biases: those of the first layer, then of the second."""

    def __init__(self, name, goal, x, y, hidden, tanh=True):
        self.name, self.goal, self.x, self.y, self.tanh = name, goal, x, y, tanh
        self.shapes = [(hidden, x.shape[1]), (hidden,), (y.shape[1], hidden), (y.shape[1],)]

    def he(self, rng):
        """Normal weights of the variance 2 / inputs, zero biases."""
        return np.concatenate([
            rng.standard_normal(np.prod(shape)) * (np.sqrt(2 / shape[1]) if len(shape) == 2 else 0) for shape in self.shapes
        ])

    def split(self, p):
        sizes = np.cumsum([np.prod(shape) for shape in self.shapes])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(p, sizes), self.shapes)]

    def begin(self):
        self.count, self.loss = 0, np.inf

    def forward(self, p):
        w1, b1, w2, b2 = self.split(p)
        z = self.x @ w1.T + b1
        a = np.tanh(z) if self.tanh else np.maximum(z, 0)
        da = 1 - a * a if self.tanh else z > 0
        return a, da, a @ w2.T + b2 - self.y, w2

    def check(self, d):
        self.loss = np.mean(d * d)
        if self.loss <= self.goal:
            raise Goal

    def residuals(self, p):
        d = self.forward(p)[2]
        self.check(d)
        return d.ravel()

    def jacobian(self, p):
        self.count += 1
        a, da, d, w2 = self.forward(p)
        dz = da[:, None, :] * w2
        to_w1 = dz[..., None] * self.x[:, None, None, :]
        to_w2 = np.eye(d.shape[1])[None, :, :, None] * a[:, None, None, :]
        to_b2 = np.broadcast_to(np.eye(d.shape[1]), (len(a), d.shape[1], d.shape[1]))
        parts = [to_w1, dz, to_w2, to_b2]
        return np.concatenate([part.reshape(d.size, -1) for part in parts], axis=1)

    def loss_and_gradient(self, p):
        self.count += 1
        a, da, d, w2 = self.forward(p)
        self.check(d)
        dy = 2 * d / d.size
        dz = (dy @ w2) * da
        return self.loss, np.concatenate([(dz.T @ self.x).ravel(), dz.sum(0), (dy.T @ a).ravel(), dy.sum(0)])

    def scipy_lm(self, start):
        # SciPy's test of the loss is relative to rounding; the goal of a task ends the run before.
        least_squares(self.residuals, start, self.jacobian, method="lm", ftol=1e-15, xtol=1e-10, gtol=1e-10, max_nfev=5000)

    def scipy_lbfgs(self, start):
        minimize(self.loss_and_gradient, start, jac=True, method="L-BFGS-B",
                 options={"maxcor": 10, "ftol": 0, "gtol": 0, "maxiter": MOST, "maxfun": MOST})

    def torch_lbfgs(self, start):
        p = [torch.tensor(part, requires_grad=True) for part in self.split(start)]
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        optimizer = torch.optim.LBFGS(p, max_iter=MOST, max_eval=MOST, tolerance_grad=0, tolerance_change=0,
                                      history_size=10, line_search_fn="strong_wolfe")
        activation = torch.tanh if self.tanh else torch.relu

        def closure():
            self.count += 1
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(activation(x @ p[0].T + p[1]) @ p[2].T + p[3], y)
            loss.backward()
            self.loss = loss.item()
            if self.loss <= self.goal:
                raise Goal
            return loss

        optimizer.step(closure)

    def run(self, method, start):
        self.begin()
        try:
            method(start)
        except Goal:
            pass
        return self.loss, self.count

    def theirs(self, method, starts):
        """Time, loss and count from each start."""
        results = []
        for start in starts:
            best, begin = np.inf, time.process_time()
            while best == np.inf or time.process_time() - begin < 0.25:
                before = time.process_time()
                loss, count = self.run(method, start)
                best = min(best, time.process_time() - before)
            results.append((best, loss, count))
        return results

    def ours(self, method, starts):
        lines = [self.x.ravel(), self.y.ravel(), *starts]
        text = "\n".join(" ".join(repr(float(v)) for v in line) for line in lines)
        command = [sys.argv[1], self.name, method, repr(self.goal)]
        out = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
        return [[float(v) for v in line.split()] for line in out.splitlines()]

    def report(self, method, results):
        counts = [f"{count:.0f}" if loss <= self.goal or not self.goal else "-" for _, loss, count in results]
        seconds = np.mean([seconds for seconds, _, _ in results])
        loss = max(loss for _, loss, _ in results)
        print(f"{self.name + f', {self.goal:.0e}':16} | {method:15} | {', '.join(counts):32} | {seconds * 1e3:9.3f} ms"
              f" | largest loss {loss:.9e}", flush=True)
        return seconds


rng = np.random.default_rng(0)
data = rng.standard_normal((20, 5))
targets = data @ rng.standard_normal((5, 3))
points = np.linspace(0, 2, 101)[:, None]
a, b = angles = rng.uniform(-np.pi, np.pi, (2, 500))
hand = np.stack([np.cos(a) + np.cos(a + b), np.sin(a) + np.sin(a + b)], axis=1)
tasks = [
    Task("notebook", 1e-3, data, targets, 64, tanh=False),
    Task("notebook", 1e-6, data, targets, 64, tanh=False),
    Task("curve", 1e-6, points, np.sin(4 * points) * np.exp(-points), 16),
    Task("arm", 1e-5, angles.T, hand, 24),
]
# PyTorch's first call of a function takes longer.
tasks[0].run(tasks[0].torch_lbfgs, tasks[0].he(np.random.default_rng(1)))
passed = True
for number, task in enumerate(tasks):
    starts = [task.he(rng) for _ in range(5)]
    ours = task.ours("lm", starts)
    task.report("LM", ours)
    passed &= all(loss <= task.goal for _, loss, _ in ours)
    if task.y.size >= len(starts[0]):
        task.report("SciPy's LM", task.theirs(task.scipy_lm, starts))
    seconds = task.report("L-BFGS", task.ours("lbfgs", starts))
    theirs = task.report("SciPy's L-BFGS", task.theirs(task.scipy_lbfgs, starts))
    task.report("PyTorch's LBFGS", task.theirs(task.torch_lbfgs, starts))
    passed &= number >= 2 or theirs >= 10 * seconds

# Noisy outputs of a network with steps at eight places. Training starts near it, so that there is one optimum to find.
x = np.linspace(-3, 3, 201)[:, None]
truth = np.array([4] * 8 + [-4 * c for c in np.linspace(-2.6, 2.6, 8)] + [1, -1.5, 1, 2, -1, 1.5, -2, 1] + [0.5])
task = Task("steps", 0.0, x, np.zeros((201, 1)), 8)
task.y = task.forward(truth)[2] + 0.05 * rng.standard_normal((201, 1))
starts = [truth + 0.2 * rng.standard_normal(len(truth)) for _ in range(5)]
ours, theirs = task.ours("lm", starts), task.theirs(task.scipy_lm, starts)
passed &= task.report("SciPy's LM", theirs) >= 10 * task.report("LM", ours)
difference = max(abs(mine[1] - found[1]) for mine, found in zip(ours, theirs))
print(f"largest difference of two optima: {difference:.1e}")
passed &= difference <= 1e-6
sys.exit(not passed)
