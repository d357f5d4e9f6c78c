"""Writes policy.onnx and small.onnx: two policies with a normaliser for the observations, exported as rsl_rl exports them.

    pip install onnx torch
    python export.py

The weights are random, because a trained policy has the same layers.
"""

import torch
from torch import nn


class EmpiricalNormalization(nn.Module):
    """rsl_rl's normaliser: the mean and standard deviation of the observations during the training."""

    def __init__(self, size, eps=1e-2):
        super().__init__()
        self.eps = eps
        self.register_buffer("_mean", torch.randn(size).clamp(-1, 1).unsqueeze(0))
        self.register_buffer("_std", (0.5 + torch.rand(size)).unsqueeze(0))

    def forward(self, x):
        return (x - self._mean) / (self._std + self.eps)


class Policy(nn.Module):
    """rsl_rl's _OnnxPolicyExporter: the normaliser, then the actor."""

    def __init__(self, *sizes):
        super().__init__()
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs), nn.ELU()]
        self.normalizer, self.actor = EmpiricalNormalization(sizes[0]), nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.actor(self.normalizer(x))


torch.manual_seed(0)
for name, sizes in [("policy", (48, 512, 256, 128, 12)), ("small", (48, 32, 16, 12))]:
    torch.onnx.export(
        Policy(*sizes), torch.zeros(1, sizes[0]), f"{name}.onnx", export_params=True, opset_version=11, verbose=False,
        input_names=["obs"], output_names=["actions"], dynamic_axes={}, dynamo=False,
    )  # fmt: skip
