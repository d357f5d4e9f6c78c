"""Records PyTorch's losses and their gradients, in f64, as constants for the tests.

    pip install torch
    python tests/data/losses.py

writes `losses.rs` beside this script: for each loss an ordinary batch and one of extreme logits or
predictions, up to ±1e4; and the parameters of a small network after 1 and 10 steps of plain
`optim.SGD(lr=0.05)` under each. All inputs are multiples of 1/64, so that they are exact in both programs.
"""

from pathlib import Path

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def exact(*shape, scale=1.0):
    """Normal values times `scale`, each a multiple of 1/64."""
    return (torch.randn(*shape) * scale * 64).round() / 64


def number(x):
    text = repr(x)
    return text if "." in text or "e" in text else text + ".0"


def values(tensor):
    return "&[" + ", ".join(number(x) for x in tensor.flatten().tolist()) + "]"


def probabilities(*shape):
    """Rows of multiples of 1/64 that sum to one exactly."""
    counts = torch.multinomial(torch.ones(shape[-1]), 64 * shape[0], replacement=True).reshape(shape[0], 64)
    return torch.stack([row.bincount(minlength=shape[-1]) for row in counts]) / 64


def extreme(*shape):
    """Predictions of every size up to 1e4, some of them equal, some 0."""
    sizes = torch.tensor([0.0, 1.0, 30.0, 100.0, 800.0, 1e4])
    signs = torch.randint(0, 2, shape) * 2 - 1
    return sizes[torch.randint(0, len(sizes), shape)] * signs


def case(name, loss, y_hat, y):
    y_hat.requires_grad_()
    value = loss(y_hat, y)
    value.backward()
    classes = y.dtype == torch.int64
    fields = {
        "y_hat": values(y_hat.detach()),
        "y": "&[]" if classes else values(y),
        "classes": "&" + repr(y.tolist()) if classes else "&[]",
        "value": number(value.item()),
        "gradient": values(y_hat.grad),
    }
    body = "".join(f"    {field}: {text},\n" for field, text in fields.items())
    return f"pub(crate) const {name}: Case = Case {{\n{body}}};\n\n"


B, D = 7, 5
rows, far = exact(B, D), extreme(B, D)
ones = torch.randint(0, 2, (B, D)).to(torch.float64)
some = torch.rand(B, D).mul(64).round() / 64
labels = torch.tensor([0, 4, 2, 2, 1, 3, 0])

text = "// Values and gradients of PyTorch's losses.\n"
text += f"// Written by losses.py with PyTorch {torch.__version__.split('+')[0]}.\n\nuse super::Case;\n\n"
for kind, y_hat in [("", exact(B, D)), ("_EXTREME", far)]:
    cases = {
        "MSE": (nn.MSELoss(), rows),
        "L1": (nn.L1Loss(), rows),
        "HUBER": (nn.HuberLoss(), rows),
        "HUBER_NARROW": (nn.HuberLoss(delta=0.25), rows),
        "BCE": (nn.BCEWithLogitsLoss(), some),
        "BCE_CERTAIN": (nn.BCEWithLogitsLoss(), ones),
        "CROSS_ENTROPY": (nn.CrossEntropyLoss(), labels),
        "SOFT_CROSS_ENTROPY": (nn.CrossEntropyLoss(), probabilities(B, D)),
    }
    for name, (loss, y) in cases.items():
        text += case(name + kind, loss, y_hat.clone(), y)

# Predictions equal to their targets, and errors at which Huber's square becomes a line.
y_hat, y = torch.tensor([[1.0, 2.0, 0.5], [-1.0, 0.0, -3.0]]), torch.tensor([[1.0, 1.0, 1.5], [-1.0, -0.0, 3.0]])
text += case("L1_KINKS", nn.L1Loss(), y_hat.clone(), y)
text += case("HUBER_KINKS", nn.HuberLoss(), y_hat.clone(), y)

# `label_smoothing` is the cross-entropy with smoothed rows.
text += case("LABEL_SMOOTHING", nn.CrossEntropyLoss(label_smoothing=0.25), exact(B, D), labels)

net = nn.Sequential(nn.Linear(3, 6), nn.GELU(approximate="tanh"), nn.Linear(6, D))
start = [exact(*p.shape) / 2 for p in net.parameters()]
x, soft = exact(B, 3), probabilities(B, D)


def flat(tensors):
    return values(torch.cat([t.detach().flatten() for t in tensors]))


def steps(name, loss, y):
    with torch.no_grad():
        for p, s in zip(net.parameters(), start):
            p.copy_(s)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    after = []
    for step in range(10):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
        after.append(flat(net.parameters()))
    return f"pub(crate) const {name}_STEPS: [&[f64]; 2] = [\n    {after[0]},\n    {after[9]},\n];\n\n"


text += "/// The start of 3 -> 6 -> 5 with `nn.GELU(approximate='tanh')`; losses.py says how it was trained.\n"
text += f"pub(crate) const START: &[f64] = {flat(start)};\n\n"
for name, inputs in {"X": x, "ROWS": rows, "SOME": some, "SOFT": soft}.items():
    text += f"pub(crate) const {name}: &[f64] = {values(inputs)};\n\n"
text += f"pub(crate) const LABELS: [usize; {B}] = {labels.tolist()!r};\n\n"
for name, loss, y in [
    ("MSE", nn.MSELoss(), rows),
    ("L1", nn.L1Loss(), rows),
    ("HUBER", nn.HuberLoss(), rows),
    ("BCE", nn.BCEWithLogitsLoss(), some),
    ("CROSS_ENTROPY", nn.CrossEntropyLoss(), labels),
    ("SOFT_CROSS_ENTROPY", nn.CrossEntropyLoss(), soft),
]:
    text += steps(name, loss, y)

# Weights of classes and of positive samples, ignored samples, smoothing; the likelihood of a normal distribution. As many
# inputs as above, drawn after them.
weight, positive = torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0]), torch.tensor([0.5, 1.0, 2.0, 4.0, 0.25])
for kind, y_hat in [("", exact(B, D)), ("_EXTREME", far)]:
    cases = {
        "WEIGHTED": (nn.CrossEntropyLoss(weight), labels),
        "IGNORED": (nn.CrossEntropyLoss(ignore_index=2), labels),
        "SMOOTHED": (nn.CrossEntropyLoss(weight, ignore_index=2, label_smoothing=0.25), labels),
        "POS_WEIGHT": (nn.BCEWithLogitsLoss(pos_weight=positive), some),
        "POS_WEIGHT_CERTAIN": (nn.BCEWithLogitsLoss(pos_weight=positive), ones),
    }
    for name, (loss, y) in cases.items():
        text += case(name + kind, loss, y_hat.clone(), y)


def gaussian(y_hat, y):
    return nn.GaussianNLLLoss()(y_hat[:, :1], y, y_hat[:, 1:].exp())


text += case("GAUSSIAN", gaussian, exact(B, 2), exact(B, 1))

(Path(__file__).parent / "losses.rs").write_text(text.rstrip() + "\n")
