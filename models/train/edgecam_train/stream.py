"""An endless stream of augmented pictures: the n-th batch is the same whenever it is asked for."""

import json
import os

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from .augment import clip, light, mosaic, place
from .features import Teacher
from .pictures import read_picture, resized
from .recipe import Run

MOST_OBJECTS, MOST_IGNORED = 48, 96
# The share of pictures made of four, how far pictures are scaled, and whether light and colour change.
AUGMENT = {"mosaic": 0.35, "scale": [0.75, 1.8], "light": True}
# From there on a phase has no mosaics, so that it ends on real pictures.
PLAIN_END = 0.85
# Pictures are kept in memory at most so many times as large as they are shown.
ROOM = 2


def rows(run: Run, part: str) -> list[dict]:
    """The targets of `train` or `dev`."""
    lines = run.need("targets.jsonl", "teach").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["set"] == part]


def within(picture: np.ndarray, largest: int) -> np.ndarray:
    """The picture with its longer side at most `largest`."""
    height, width = picture.shape[:2]
    share = largest / max(height, width)
    return resized(picture, round(width * share), round(height * share)) if share < 1 else picture


def array(boxes: list) -> np.ndarray:
    """[n, 5]."""
    return np.array(boxes, np.float32).reshape(-1, 5)


class Stream(Dataset):
    """Picture number n, as phase and seed have it."""

    def __init__(self, run: Run, phases: list[dict], teacher: Teacher | None, name: str, batch: int):
        self.seed = number_of(name) + run.recipe["seed"]
        self.rows, self.phases, self.teacher = rows(run, "train"), phases, teacher
        self.augment = AUGMENT | run.recipe.get("augment", {})
        if not self.rows:
            raise SystemExit("there are no pictures to train on: no source has the set `train`")
        largest = ROOM * max(p["size"] for p in phases)
        self.pictures = [within(read_picture(r["image"]), largest) for r in tqdm(self.rows, "read", unit="image")]
        self.truth = [(array(r["boxes"]), array(r["ignore"])) for r in self.rows]
        self.batch, self.length = batch, sum(p["images"] for p in phases)
        if self.length < batch:
            raise SystemExit(f"the phases of `{name}` have {self.length} images, fewer than a batch of {batch}")

    def __len__(self):
        return self.length

    def phase(self, n: int) -> tuple[dict, float]:
        """The phase that the batch of picture n belongs to, and how far it is."""
        n -= n % self.batch
        for phase in self.phases:
            if n < phase["images"]:
                return phase, n / phase["images"]
            n -= phase["images"]
        return self.phases[-1], 1.0

    def __getitem__(self, n: int):
        phase, done = self.phase(n)
        size = phase["size"]
        rng = np.random.default_rng([self.seed, n])
        pick = lambda: self.pick(rng.integers(len(self.rows)))
        if done < PLAIN_END and rng.random() < self.augment["mosaic"]:
            picture, boxes, ignored = mosaic(rng, pick, size)
        else:
            # Each picture once a round.
            at, turn = n % len(self.rows), n // len(self.rows)
            order = np.random.default_rng([self.seed, 1 << 40, turn]).permutation(len(self.rows))
            picture, boxes, ignored = place(rng, *self.pick(order[at]), size, self.augment["scale"])
            boxes, ignored = clip(boxes, ignored, (0, 0, size, size))
        if self.augment["light"]:
            picture = light(rng, picture)
        features = self.teacher(picture) if self.teacher and phase.get("features") else []
        return picture, padded(boxes, MOST_OBJECTS, -1), padded(ignored, MOST_IGNORED, -2), features

    def pick(self, i):
        return self.pictures[i], *self.truth[i]


def number_of(name: str) -> int:
    """A number for a training's name, the same in every process."""
    return int.from_bytes(name.encode()[:6].ljust(6), "big") % 2**31


def padded(boxes: np.ndarray, most: int, nothing: int) -> np.ndarray:
    """Exactly `most` rows; the largest stay."""
    if len(boxes) > most:
        areas = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
        boxes = boxes[np.argsort(-areas)[:most]]
    full = np.zeros((most, 5), np.float32)
    full[:, 0] = nothing
    full[: len(boxes)] = boxes
    return full


def batches(stream: Stream, start: int) -> DataLoader:
    """Batches from number `start` on; pictures as float [n, 3, size, size] in 0..1."""
    batch = stream.batch
    numbers = [range(n * batch, (n + 1) * batch) for n in range(start, len(stream) // batch)]
    workers = max(2, min(8, os.cpu_count() or 2))
    return DataLoader(stream, batch_sampler=[list(n) for n in numbers], num_workers=workers,
                      collate_fn=collate, prefetch_factor=2)


def collate(items):
    """Objects and regions are cut to the longest list of the batch."""
    pictures, boxes, ignored, features = zip(*items)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    def longest(a):
        a = torch.from_numpy(np.stack(a))
        most = max(int((a[..., 3] > 0).sum(1).max()), 1)
        return a[:, :most]
    features = [torch.from_numpy(np.stack(f)) for f in zip(*features)]
    return x, longest(boxes), longest(ignored), features
