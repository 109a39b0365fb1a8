"""Step `prune`: whole channels go, so that what is left is really faster.

The channels inside a block can go without touching its neighbours. Each is worth what the loss would
change without it, to first order (Molchanov et al., 2019), for each parameter it costs: size is the limit.
"""

import json

import torch
from torch import nn
from tqdm import tqdm

from .fit import save
from .loss import loss
from .model import Detector, Fused
from .recipe import Run
from .stream import Stream, batches
from .train import train

# Channels are kept in groups of 8, which is what kernels work on; at least this share of each block stays.
GROUP, LEAST = 8, 0.25
PICTURES, BATCH = 768, 32


def prune(run: Run) -> Detector:
    """Writes prune.done and insides.json; returns the pruned detector, not yet retrained."""
    big = train(run)
    path, size = run.path("insides.json"), run.recipe["export"]["size"]
    run.claim("prune")
    if run.path("prune.done").exists():
        small = Detector(run.recipe["model"], len(run.classes), json.loads(path.read_text()))
        small.load_state_dict(torch.load(run.path("prune.done"), weights_only=True))
        return small
    kept = choose(big, worth(run, big, size), run.recipe["distil"]["parameters"])
    small = Detector(run.recipe["model"], len(run.classes), [len(k) for k in kept])
    copy(big, small, kept)
    path.write_text(json.dumps([len(k) for k in kept]))
    save(small.state_dict(), run.path("prune.done"))
    print(f"channels inside the blocks: {[len(k) for k in kept]}, {parameters(big)} -> {parameters(small)} parameters")
    return small


def parameters(model: nn.Module) -> int:
    """How many weights."""
    return sum(p.numel() for p in model.parameters())


def inner(block) -> nn.BatchNorm2d:
    """The normalisation whose channels are the block's inside, last before the projection."""
    return (block.expand if isinstance(block, Fused) else block.depthwise)[1]


def worth(run: Run, model: Detector, size: int) -> list[torch.Tensor]:
    """For each block, each inner channel's share of the loss."""
    stream = Stream(run, [{"size": size, "images": PICTURES}], None, "prune", BATCH)
    sums = [torch.zeros(inner(b).num_features) for b in model.blocks()]
    model.eval().requires_grad_(True)
    for x, truth, ignored, _ in tqdm(batches(stream, 0), "prune", PICTURES // BATCH, unit="batch"):
        x = x.float().div(255).contiguous(memory_format=torch.channels_last)
        total, _ = loss(*model(x), truth, ignored, size)
        model.zero_grad()
        total.backward()
        for total_worth, block in zip(sums, model.blocks()):
            bn = inner(block)
            total_worth += (bn.weight * bn.weight.grad + bn.bias * bn.bias.grad).detach() ** 2
    return sums


def choose(model: Detector, worths: list[torch.Tensor], most: int) -> list[list[int]]:
    """The channels that stay in each block so that at most `most` parameters are left."""
    left, groups = parameters(model), []
    kept = []
    for number, (block, worth) in enumerate(zip(model.blocks(), worths)):
        order = worth.argsort().tolist()
        each = sum(p.numel() for p in block.parameters()) / len(order)
        kept.append(order)
        spare = int(len(order) * (1 - LEAST)) // GROUP * GROUP
        for start in range(0, spare, GROUP):
            some = order[start : start + GROUP]
            groups.append((float(worth[some].sum()) / each, number, each * GROUP))
    gone = [0] * len(kept)
    # Within a block the worst go first, so the sort across blocks keeps their order.
    for _, number, saved in sorted(groups):
        if left <= most:
            break
        gone[number] += GROUP
        left -= saved
    return [sorted(order[n:]) for order, n in zip(kept, gone)]


def copy(big: Detector, small: Detector, kept: list[list[int]]) -> None:
    """The weights of the channels that stay."""
    source, prefix = big.state_dict(), {}
    for si, stage in enumerate(big.stages):
        for bi, _ in enumerate(stage):
            prefix[f"stages.{si}.{bi}."] = kept[len(prefix)]
    weights = {}
    for name, value in source.items():
        keep = next((k for p, k in prefix.items() if name.startswith(p)), None)
        if keep is not None and value.ndim:
            if ".project.0." in name:
                value = value[:, keep]
            elif ".expand." in name or ".depthwise." in name:
                value = value[keep]
        weights[name] = value
    small.load_state_dict(weights)
