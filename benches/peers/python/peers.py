"""Times the Python peers on one problem: PyTorch, NumPy with passes written by hand, and JAX, each on one thread.

The Rust program of this package calls `peers.py TASK:WIDTHS:BATCH RATE CHECKED_STEPS FILE`.
Prints `measured NAME NANOSECONDS RESULT…` for each peer, or the reason why it is left out.
"""

import sys
import time

SAMPLE_SECONDS = 1e-3
ROUNDS = 100

task, widths, batch = sys.argv[1].split(":")
widths = [int(width) for width in widths.split("-")]
batch, rate, checked_steps = int(batch), float(sys.argv[2]), int(sys.argv[3])

try:
    import numpy as np
except ImportError as error:
    print("no Python peer runs without NumPy:", error)
    sys.exit()

numbers = np.fromfile(sys.argv[4], dtype="<f4")


def take(*shape):
    """Returns the next numbers of the file as an array of this shape."""
    global numbers
    length = int(np.prod(shape))
    taken, numbers = numbers[:length], numbers[length:]
    return taken.reshape(shape).copy()


layers = [(take(n, m), take(n)) for m, n in zip(widths, widths[1:])]
x, y = take(batch, widths[0]), take(batch, widths[-1])


def measure(name, run, result):
    """Computes the result to be checked, after as many steps as in the other peers. Then measures the time."""
    for _ in range(checked_steps):
        last = run()
    outcome = np.asarray(result(last)).reshape(-1)

    def sample(repeats):
        start = time.perf_counter()
        for _ in range(repeats):
            last = run()
        result(last)
        return (time.perf_counter() - start) / repeats

    sample(10)
    repeats = int(SAMPLE_SECONDS / sample(10)) + 1
    fastest = min(sample(repeats) for _ in range(ROUNDS))
    print("measured", name, fastest * 1e9, *outcome)


def numpy():
    """Passes written by hand on arrays, as in the notebook."""
    weights = [[w.copy(), b.copy()] for w, b in layers]

    def forward():
        kept, a = [], x
        for n, (w, b) in enumerate(weights):
            kept.append(a)
            z = a @ w.T + b
            a = np.maximum(z, 0) if n < len(weights) - 1 else z
        return kept, a

    def step():
        kept, y_hat = forward()
        difference = y_hat - y
        loss = np.mean(difference**2)
        dz = difference * np.float32(2 / widths[-1])
        gradients = []
        for n in reversed(range(len(weights))):
            a = kept[n]
            gradients.append((dz.T @ a / np.float32(batch), dz.mean(axis=0)))
            if n > 0:
                dz = (dz @ weights[n][0]) * (a > 0)
        for (w, b), (dw, db) in zip(weights, reversed(gradients)):
            w -= np.float32(rate) * dw
            b -= np.float32(rate) * db
        return loss

    if task == "forward":
        measure("NumPy", lambda: forward()[1], lambda y_hat: y_hat)
    else:
        measure("NumPy", step, lambda loss: loss)


def pytorch():
    import torch

    torch.set_num_threads(1)
    modules = []
    for w, b in layers:
        linear = torch.nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        modules += [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*modules[:-1])
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    criterion = torch.nn.MSELoss()
    # The fastest of the implementations that `SGD` offers is the fused one.
    sgd = torch.optim.SGD(net.parameters(), lr=rate, fused=True)

    def step():
        sgd.zero_grad(set_to_none=True)
        loss = criterion(net(inputs), targets)
        loss.backward()
        sgd.step()
        return loss

    if task == "forward":
        with torch.inference_mode():
            measure("PyTorch", lambda: net(inputs), lambda y_hat: y_hat.numpy())
    else:
        measure("PyTorch", step, lambda loss: loss.detach().numpy())


def jax():
    import jax
    import jax.numpy as jnp

    def forward(weights, x):
        for n, (w, b) in enumerate(weights):
            x = x @ w.T + b
            x = jax.nn.relu(x) if n < len(weights) - 1 else x
        return x

    def loss_of(weights, x, y):
        return jnp.mean((forward(weights, x) - y) ** 2)

    def descend(weights, x, y):
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        return jax.tree.map(lambda p, g: p - rate * g, weights, gradients), loss

    weights = jax.tree.map(jnp.asarray, layers)
    inputs, targets = jnp.asarray(x), jnp.asarray(y)
    if task == "forward":
        run = jax.jit(forward)
        measure("JAX", lambda: run(weights, inputs).block_until_ready(), np.asarray)
        return
    run = jax.jit(descend, donate_argnums=0)

    def step():
        nonlocal weights
        weights, loss = run(weights, inputs, targets)
        return loss.block_until_ready()

    measure("JAX", step, np.asarray)


for peer in (numpy, pytorch, jax):
    try:
        peer()
    except ImportError as error:
        print(peer.__name__, "is left out:", str(error).splitlines()[0])
