"""Step `distil`: the pruned detector learns from the big one, and from the boxes."""

import torch
from torch.nn import functional as F

from .evaluate import look
from .fit import fit
from .loss import loss
from .model import Detector
from .prune import prune
from .recipe import Run
from .train import train

# What the teacher's answers weigh beside the boxes.
SCORES, BOXES = 2.0, 0.5


def distil(run: Run) -> Detector:
    """Writes distil.done and distil.log.jsonl; returns the small detector. A recipe without it keeps the big one."""
    if "distil" not in run.recipe:
        return train(run)
    big, small = train(run), prune(run)
    return fit(run, "distil", small, run.recipe["distil"], lesson(big, small), look=lambda m: look(run, m, run.recipe["export"]["size"]))


def lesson(big: Detector, small, precise: bool = False):
    """The loss of a step: the boxes', and how far the answers are from the big one's.

    `precise`: the small one computes in float32, not in bfloat16.
    """
    big.eval().requires_grad_(False)

    def step(x, truth, ignored, _features, _progress):
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16):
            wanted, scores = big.to(x.device)(x)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=not precise):
            encodings, logits = small(x)
        total, figures = loss(encodings, logits, truth, ignored, x.shape[-1])
        copied = agreement(encodings.float(), logits.float(), wanted.float(), scores.float().sigmoid())
        figures["copied"] = copied.item()
        return total + copied, figures

    return step


def agreement(encodings, logits, wanted, scores):
    """Soft scores where either is awake (quality focal loss), encodings where the teacher sees something."""
    awake = (scores - logits.sigmoid()).detach().abs()
    total = scores.amax(-1).sum().clamp(min=1.0)
    copied = (F.binary_cross_entropy_with_logits(logits, scores, reduction="none") * awake).sum() / total
    sure = scores.amax(-1, keepdim=True)
    placed = (F.smooth_l1_loss(encodings, wanted, reduction="none") * sure).sum() / total
    return SCORES * copied + BOXES * placed
