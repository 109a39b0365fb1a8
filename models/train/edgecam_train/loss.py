"""What is right for each cell, and how wrong the detector is."""

import torch
from torch.nn import functional as F

from .model import anchors, decode

# Task-aligned assignment (Feng et al., 2021): metric = score * IoU^6 in its usual form s^0.5.
SCORE_POWER, IOU_POWER, TOP = 0.5, 6.0, 10
BOX_WEIGHT, SCORE_WEIGHT = 5.0, 1.0


def pairwise_iou(a, b):
    """a [n, m, 1, 4], b [n, 1, k, 4] -> [n, m, k]."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = lambda x: (x[..., 2:] - x[..., :2]).clamp(min=0).prod(-1)
    return both / (area(a) + area(b) - both + 1e-6)


def giou(a, b):
    """Generalised IoU (Rezatofighi et al., 2019) of boxes [n, 4], pair by pair."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = lambda x: (x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1)
    union = area(a) + area(b) - both + 1e-6
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1) + 1e-6
    return both / union - (hull - union) / hull


@torch.no_grad()
def assign(scores, boxes, cells, truth):
    """For each cell the object it answers for.

    scores [n, cells, classes], boxes [n, cells, 4]; truth [n, m, 5]: class (-1: no object) and box.
    Gives the index of the object [n, cells], whether there is one, and the score it should have.
    """
    present = truth[..., 0] >= 0
    kinds, places = truth[..., 0].clamp(min=0).long(), truth[..., 1:]
    x, y = cells[:, 0], cells[:, 1]
    side = cells[:, 2] / 8
    # A cell's centre is in the box; small boxes take the cell that holds their centre.
    cx, cy = (places[..., 0] + places[..., 2]) / 2, (places[..., 1] + places[..., 3]) / 2
    near = ((x - cx[..., None]).abs() < side) & ((y - cy[..., None]).abs() < side)
    inside = (x > places[..., 0:1]) & (x < places[..., 2:3]) & (y > places[..., 1:2]) & (y < places[..., 3:4])
    inside = (inside | near) & present[..., None]
    overlap = pairwise_iou(places[:, :, None], boxes[:, None]) * inside
    own = scores.transpose(1, 2).gather(1, kinds[..., None].expand(-1, -1, scores.shape[1]))
    metric = own.clamp(min=1e-6) ** SCORE_POWER * overlap**IOU_POWER
    metric = metric * inside + inside * 1e-12
    best = metric.topk(min(TOP, metric.shape[-1]), -1)
    chosen = torch.zeros_like(metric).scatter_(-1, best.indices, 1.0).bool() & inside
    metric = metric * chosen
    # A cell that several objects want takes the one it overlaps most.
    index = torch.where(chosen, overlap + 1e-9, torch.zeros_like(overlap)).argmax(1)
    positive = chosen.any(1)
    mine = torch.zeros_like(chosen).scatter_(1, index[:, None], 1).bool() & chosen
    metric, overlap = metric * mine, overlap * mine
    aligned = metric / (metric.amax(-1, keepdim=True) + 1e-12) * overlap.amax(-1, keepdim=True)
    return index, positive, aligned.amax(1)


def loss(encodings, logits, truth, ignored, size):
    """Mean loss; `ignored` [n, k, 5]: class (-2: none, -1: any) and box where background is not learned."""
    cells = anchors(size, size).to(logits.device)
    encodings, logits = encodings.float(), logits.float()
    boxes = decode(encodings, cells)
    index, positive, quality = assign(logits.sigmoid().detach(), boxes.detach(), cells, truth)
    objects = truth.gather(1, index[..., None].expand(-1, -1, 5))
    wanted = torch.zeros_like(logits)
    kinds = objects[..., 0].clamp(min=0).long()
    wanted.scatter_(-1, kinds[..., None], (quality * positive)[..., None])
    bce = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    bce = bce * (wanted - logits.sigmoid()).detach().abs().clamp(min=0.0) ** FOCUS
    counted = ~unsure(cells, ignored, logits.shape[-1]) | (wanted > 0)
    total = wanted.sum().clamp(min=1.0)
    score = (bce * counted).sum() / total
    mask = positive & (quality > 0)
    weight = quality[mask]
    box = ((1 - giou(boxes[mask], objects[mask][:, 1:])) * weight).sum() / total
    return BOX_WEIGHT * box + SCORE_WEIGHT * score, {"box": box.item(), "score": score.item()}


# How much more a bad answer counts than a good one (quality focal loss, Li et al., 2020).
FOCUS = 1.0


def unsure(cells, ignored, classes):
    """[n, cells, classes]: whether a cell lies in a region that says nothing about a class."""
    x, y = cells[:, 0], cells[:, 1]
    within = (x > ignored[..., 1:2]) & (x < ignored[..., 3:4]) & (y > ignored[..., 2:3]) & (y < ignored[..., 4:5])
    kinds = torch.arange(classes, device=cells.device)
    of = (ignored[..., :1] == kinds) | (ignored[..., :1] == -1)
    return (within[..., None] & of[:, :, None]).any(1)
