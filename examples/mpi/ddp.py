"""The same network and batch in PyTorch's DistributedDataParallel with gloo: the time of a step.

OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node 2 ddp.py
"""

import time

import torch
from torch import nn

BATCH, STEPS = 1024, 500

torch.distributed.init_process_group("gloo")
rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
torch.manual_seed(rank)

net = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
)
net = nn.parallel.DistributedDataParallel(net)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
x = torch.rand(BATCH // size, 64)
y = torch.randint(10, (BATCH // size,))


def steps(count):
    for _ in range(count):
        optimizer.zero_grad()
        loss_fn(net(x), y).backward()
        optimizer.step()


steps(20)
torch.distributed.barrier()
started = time.perf_counter()
steps(STEPS)
torch.distributed.barrier()
if rank == 0:
    print(f"{size} processes: {1e3 * (time.perf_counter() - started) / STEPS:.3f} ms for a step")
torch.distributed.destroy_process_group()
