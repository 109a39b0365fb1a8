"""Moves scores so that 0.5, the usual threshold, is where precision and recall balance best on the dev set.

All logits move by the same amount: no order and no AP changes. A detector that is trained on soft targets is else
too shy for that threshold.
"""

import copy

import numpy as np
import torch
from torch import nn

from .boxes import iou
from .evaluate import detections
from .recipe import Run


def calibrated(run: Run, model: nn.Module) -> nn.Module:
    """The detector with other biases in its last convolutions; unchanged without a dev set to speak of."""
    logits, right, objects = samples(run, model)
    if right.sum() < 30:
        print("too few objects are found in the dev set to move scores by")
        return model
    shift = -best(logits, right, objects)
    print(f"scores: the logits move by {shift:+.3f}")
    model = copy.deepcopy(model)
    for head in model.heads:
        last = [layer for layer in head.score if isinstance(layer, nn.Conv2d)][-1]
        with torch.no_grad():
            last.bias.add_(shift)
    return model


def samples(run: Run, model: nn.Module) -> tuple[np.ndarray, np.ndarray, int]:
    """The logit of each box found on the dev set, whether an object of its class is there that no better box has,
    and how many objects there are."""
    logits, right, objects = [], [], 0
    for row, (height, width, _), found in detections(run, model, run.recipe["export"]["size"]):
        free = [list(b) for b in row["boxes"]]
        objects += len(free)
        for kind, x0, y0, x1, y1, score in sorted(found, key=lambda d: -d[5]):
            box = np.array([[x0 / width, y0 / height, x1 / width, y1 / height]])
            same = [b for b in free if b[0] == kind]
            overlaps = iou(box, np.array([b[1:] for b in same]).reshape(-1, 4))[0] if same else np.zeros(0)
            hit = bool(len(overlaps)) and overlaps.max() >= 0.5
            if hit:
                free.remove(same[int(overlaps.argmax())])
            logits.append(float(np.log(score / (1 - score))))
            right.append(hit)
    return np.array(logits), np.array(right, bool), objects


def best(logits: np.ndarray, right: np.ndarray, objects: int) -> float:
    """The logit from which on boxes have the best F1 score, the harmonic mean of precision and recall."""
    order = np.argsort(-logits, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + objects)
    return float(logits[order][int(f1.argmax())])
