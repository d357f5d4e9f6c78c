"""Records the steps of PyTorch's optimisers, in f64, as constants for the tests.

    pip install torch
    python tests/data/optimizers.py

writes `optimizers.rs` beside this script: parameters after 1 and 10 steps of each optimiser on one
small network under `nn.MSELoss()`, and the learning rates of schedules. All starting values are
multiples of 1/64, so that they are short to write down and exact in both programs.
"""

import textwrap
from pathlib import Path

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop, lr_scheduler
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

HERE = Path(__file__).parent
STEPS = 10

torch.set_default_dtype(torch.float64)
torch.manual_seed(5)


def exact(*shape):
    """Values about as large as normal ones, each a multiple of 1/64."""
    return (torch.randn(*shape) * 64).round() / 64


def flat(numbers):
    text = ", ".join(repr(x) for x in torch.as_tensor(numbers).flatten().tolist())
    lines = textwrap.wrap(text, 108, initial_indent=" " * 4, subsequent_indent=" " * 4)
    return "&[\n" + "\n".join(lines) + ",\n]"


def constant(name, numbers):
    return f"pub(crate) const {name}: &[f64] = {flat(numbers)};\n"


x, y = exact(4, 3), exact(4, 2)
net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
start = [exact(*p.shape) / 2 for p in net.parameters()]


def parameters():
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def run(name, optimizer, clip=lambda parameters: None, scheduler=None, dtype=torch.float64):
    """Parameters after 1 and after 10 steps."""
    net.to(dtype)
    with torch.no_grad():
        for p, s in zip(net.parameters(), start):
            p.copy_(s)
    optimizer = optimizer(net.parameters())
    scheduler = scheduler and scheduler(optimizer)
    for step in range(STEPS):
        hidden = net[0](x.to(dtype))
        assert (hidden.abs() > 1e-6).all(), f"{name}: rounding could decide a ReLU"
        optimizer.zero_grad()
        nn.MSELoss()(net(x.to(dtype)), y.to(dtype)).backward()
        clip(net.parameters())
        optimizer.step()
        if scheduler:
            scheduler.step()
        if step == 0:
            first = parameters()
    text = f"pub(crate) const {name}: [&[f64]; 2] = [{flat(first)}, {flat(parameters())}];\n"
    net.to(torch.float64)
    return text


def rates(name, base, steps, scheduler):
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = scheduler(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return constant(name, found)


text = "// PyTorch's optimisers on 3 -> 5 -> 2, batch 4, under `nn.MSELoss()`; its learning rates.\n"
text += f"// Written by optimizers.py with PyTorch {torch.__version__.split('+')[0]}.\n\n"
text += constant("X", x) + constant("Y", y) + constant("START", torch.cat([s.flatten() for s in start]))

text += run("SGD", lambda p: SGD(p, lr=0.05))
text += run("MOMENTUM", lambda p: SGD(p, lr=0.05, momentum=0.9))
text += run("MOMENTUM_DECAY", lambda p: SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1))
text += run("NESTEROV", lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True))
text += run("NESTEROV_DECAY", lambda p: SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1))
text += run("DECAY", lambda p: SGD(p, lr=0.05, weight_decay=0.1))
text += run("RMS_PROP", lambda p: RMSprop(p))
text += run("RMS_PROP_OPTIONS", lambda p: RMSprop(p, lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1))
text += run("ADAM", lambda p: Adam(p))
text += run("ADAM_OPTIONS", lambda p: Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
text += run("ADAM_W", lambda p: AdamW(p))
text += run("ADAM_W_OPTIONS", lambda p: AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
text += run("ADAM_F32", lambda p: Adam(p, foreach=False), dtype=torch.float32)

text += run("CLIP_NORM", lambda p: SGD(p, lr=0.05, momentum=0.9), lambda p: clip_grad_norm_(p, 0.7))
text += run("CLIP_NORM_ABOVE", lambda p: SGD(p, lr=0.05), lambda p: clip_grad_norm_(p, 100.0))
text += run("CLIP_VALUE", lambda p: SGD(p, lr=0.05, momentum=0.9), lambda p: clip_grad_value_(p, 0.3))


def clip_both(parameters):
    parameters = list(parameters)
    clip_grad_value_(parameters, 0.3)
    clip_grad_norm_(parameters, 0.7)


text += run("CLIP_BOTH", lambda p: Adam(p, lr=0.05, eps=0.01), clip_both)


def matrices_decay(parameters):
    """Weight decay of matrices only."""
    parameters = list(parameters)
    matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim == 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)


def rate_of_each_layer(parameters):
    """A learning rate for each layer, and another for the last bias."""
    groups = [
        {"params": net[0].parameters(), "lr": 0.02},
        {"params": net[2].weight, "lr": 0.05},
        {"params": net[2].bias, "lr": 0.1, "momentum": 0.5},
    ]
    return SGD(groups, momentum=0.9)


text += run("MATRICES_DECAY", matrices_decay)
text += run("RATE_OF_EACH_LAYER", rate_of_each_layer)
text += run("SCHEDULED", lambda p: Adam(p, lr=0.05), scheduler=lambda o: lr_scheduler.StepLR(o, 3, 0.5))
text += rates("STEP_LR", 0.3, 40, lambda o: lr_scheduler.StepLR(o, 7, 0.5))
text += rates("COSINE", 0.3, 31, lambda o: lr_scheduler.CosineAnnealingLR(o, 30, eta_min=0.01))
text += rates(
    "WARMUP",
    0.3,
    20,
    lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=8),
)
text += rates(
    "WARMUP_STEP",
    0.3,
    20,
    lambda o: lr_scheduler.ChainedScheduler([
        lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=8),
        lr_scheduler.StepLR(o, 5, 0.5),
    ]),
)
(HERE / "optimizers.rs").write_text(text)
