"""Compares Levenberg-Marquardt and L-BFGS with SciPy's, from the same starts on the same data.

    cargo build --release --example scipy
    python examples/scipy/compare.py target/release/examples/scipy

The times are the shortest of several runs. Fails if an optimum differs by more than 1e-6, or if SciPy takes less than ten times as long.
"""

import subprocess
import sys
import time

import numpy as np
from scipy.optimize import least_squares, minimize


def ours(task, x, y, starts):
    lines = [x.ravel(), y.ravel(), *starts]
    text = "\n".join(" ".join(repr(float(v)) for v in line) for line in lines)
    out = subprocess.run([sys.argv[1], task], input=text, capture_output=True, text=True, check=True)
    return [[float(v) for v in line.split()] for line in out.stdout.splitlines()]


def shortest(f, runs=5):
    best = None
    for _ in range(runs):
        start = time.perf_counter()
        result = f()
        elapsed = time.perf_counter() - start
        best = (elapsed, result) if best is None or elapsed < best[0] else best
    return best


def report(name, seed, mine, loss, count, seconds):
    print(f"{name} {seed}: loss {mine[1]:.9e}, SciPy {loss:.9e}; {mine[2]:.0f} and {count} evaluations; "
          f"{mine[0] * 1e6:.0f} and {seconds * 1e6:.0f} us, ratio {seconds / mine[0]:.0f}")
    return seconds / mine[0] >= 10


rng = np.random.default_rng(0)
passed = True

# 1 -> 8 -> 1 with tanh: weights and biases of the first layer, then of the second. The data are noisy outputs of such a
# network, and training starts near it, so that there is one optimum to find.
H = 8
x = np.linspace(-3, 3, 201)


def output(p):
    return np.tanh(np.outer(x, p[:H]) + p[H:2 * H]) @ p[2 * H:3 * H] + p[3 * H]


# Steps at eight places.
truth = np.array([4] * H + [-4 * c for c in np.linspace(-2.6, 2.6, H)] + [1, -1.5, 1, 2, -1, 1.5, -2, 1] + [0.5])
y = output(truth) + 0.05 * rng.standard_normal(len(x))


def residuals(p):
    return output(p) - y


def jacobian(p):
    a = np.tanh(np.outer(x, p[:H]) + p[H:2 * H])
    dz = (1 - a * a) * p[2 * H:3 * H]
    return np.concatenate([dz * x[:, None], dz, a, np.ones((len(x), 1))], axis=1)


starts = [truth + 0.2 * rng.standard_normal(3 * H + 1) for _ in range(5)]
for seed, (start, mine) in enumerate(zip(starts, ours("curve", x, y, starts))):
    seconds, found = shortest(lambda: least_squares(
        residuals, start, jacobian, method="lm", ftol=1e-15, xtol=1e-10, gtol=1e-10, max_nfev=10000))
    loss = 2 * found.cost / len(x)
    passed &= report("Levenberg-Marquardt", seed, mine, loss, found.njev, seconds)
    passed &= abs(mine[1] - loss) <= 1e-6

# The notebook's task: 5 -> 64 -> 3 with ReLU, to a loss of 1e-6.
sizes = [64 * 5, 64, 3 * 64, 3]
data = rng.standard_normal((20, 5))
targets = data @ rng.standard_normal((5, 3))


class Goal(Exception):
    pass


def loss_and_gradient(p):
    w1, b1, w2, b2 = np.split(p, np.cumsum(sizes)[:-1])
    w1, w2 = w1.reshape(64, 5), w2.reshape(3, 64)
    a = np.maximum(data @ w1.T + b1, 0)
    d = a @ w2.T + b2 - targets
    loss_and_gradient.count += 1
    loss_and_gradient.loss = np.mean(d * d)
    if loss_and_gradient.loss <= 1e-6:
        raise Goal
    dy = 2 * d / d.size
    dz = (dy @ w2) * (a > 0)
    return loss_and_gradient.loss, np.concatenate([(dz.T @ data).ravel(), dz.sum(0), (dy.T @ a).ravel(), dy.sum(0)])


def scipy_lbfgs(start):
    loss_and_gradient.count = 0
    try:
        minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B",
                 options={"maxcor": 10, "ftol": 0, "gtol": 0, "maxiter": 10000, "maxfun": 10000})
    except Goal:
        pass
    return loss_and_gradient.loss, loss_and_gradient.count


starts = [np.concatenate([rng.standard_normal(320) * np.sqrt(2 / 5), np.zeros(64),
                          rng.standard_normal(192) * np.sqrt(2 / 64), np.zeros(3)]) for _ in range(5)]
for seed, (start, mine) in enumerate(zip(starts, ours("notebook", data, targets, starts))):
    seconds, (loss, count) = shortest(lambda: scipy_lbfgs(start))
    passed &= report("L-BFGS", seed, mine, loss, count, seconds)

sys.exit(not passed)
