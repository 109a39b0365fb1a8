"""Boxes as arrays [n, 4] of x0, y0, x1, y1."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """[n]."""
    return np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each of `a` with each of `b`: [len(a), len(b)]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    return both / np.maximum(area(a)[:, None] + area(b)[None] - both, 1e-9)


def nms(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    """Indices of the boxes that stay, best first."""
    order = list(np.argsort(-scores, kind="stable"))
    keep = []
    while order:
        best = order.pop(0)
        keep.append(best)
        if order:
            overlap = iou(boxes[best][None], boxes[order])[0]
            order = [i for i, o in zip(order, overlap) if o <= limit]
    return keep
