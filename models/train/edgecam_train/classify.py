"""A small classifier of what is in a detector's box: the recipe's `kind = "classify"`.

Input [1, size, size, 3], 0..1; output `scores` [1, classes], each 0..1.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from tqdm import tqdm

from . import export as files
from . import metadata
from .fit import device, save
from .model import separable, unit
from .pictures import read_picture, resized
from .quantise import folded
from .recipe import Run
from .stream import rows

OUTPUTS = [("scores", "how likely each class is", True)]


class Classifier(nn.Module):
    """Separable convolutions, each stage at half the size of the one before; the last sees all that is left."""

    def __init__(self, widths: list[int], size: int, classes: int):
        super().__init__()
        self.stem = unit(3, widths[0], 3, 2)
        pairs = list(zip(widths, widths[1:]))
        self.layers = nn.Sequential(*(nn.Sequential(separable(a), unit(a, b, 3, 2)) for a, b in pairs))
        self.last = nn.Conv2d(widths[-1], classes, size >> len(widths))

    def forward(self, x):
        return self.last(self.layers(self.stem(x))).flatten(1)


class Crops(Dataset):
    """Cut-outs of the objects, a little off, as a detector's boxes are."""

    def __init__(self, run: Run, part: str):
        self.size, self.seed, self.jitter = run.recipe["export"]["size"], run.recipe["seed"], part == "train"
        self.items = [(row["image"], box) for row in rows(run, part) for box in row["boxes"]]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, n):
        image, (kind, *box) = self.items[n]
        picture = read_picture(image)
        height, width = picture.shape[:2]
        box = np.array(box) * [width, height, width, height]
        if self.jitter:
            side = box[2:] - box[:2]
            box += np.random.default_rng([self.seed, n]).uniform(-0.12, 0.12, 4) * [*side, *side]
        x0, y0 = (int(max(v, 0)) for v in box[:2])
        x1, y1 = max(int(min(box[2], width)), x0 + 2), max(int(min(box[3], height)), y0 + 2)
        crop = resized(picture[y0:y1, x0:x1], self.size, self.size)
        return torch.from_numpy(crop).permute(2, 0, 1).float() / 255, int(kind)


def train(run: Run) -> Classifier:
    """Writes train.done."""
    model = Classifier(run.recipe["model"]["widths"], run.recipe["export"]["size"], len(run.classes))
    path, settings = run.path("train.done"), run.recipe["train"]
    run.claim("train")
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    where = device()
    model.to(where)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings["rate"], weight_decay=0.01)
    crops = Crops(run, "train")
    numbers = torch.Generator().manual_seed(run.recipe["seed"])
    loader = torch.utils.data.DataLoader(crops, settings["batch"], shuffle=True, generator=numbers, num_workers=2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings["rate"], len(loader) * settings["rounds"])
    for turn in range(settings["rounds"]):
        bar = tqdm(loader, f"round {turn + 1}", unit="batch")
        for x, kinds in bar:
            wanted = F.one_hot(kinds, len(run.classes)).float() * 0.98 + 0.01
            wrong = F.binary_cross_entropy_with_logits(model(x.to(where)), wanted.to(where))
            optimiser.zero_grad()
            wrong.backward()
            optimiser.step()
            schedule.step()
            bar.set_postfix(loss=f"{wrong.item():.3f}")
    model = model.cpu().eval()
    save(model.state_dict(), path)
    print(f"right on the dev set: {accuracy(run, model):.4f}")
    return model


def accuracy(run: Run, model) -> float:
    """The share of crops that are named right."""
    loader = torch.utils.data.DataLoader(Crops(run, "dev"), 64)
    with torch.no_grad():
        right = [(model(x).argmax(1) == kinds).float() for x, kinds in loader]
    return torch.cat(right).mean().item()


class Shipped(nn.Module):
    """What is in the file: channels last, scores as such."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.permute(0, 3, 1, 2)).sigmoid()


def export(run: Run) -> None:
    """Writes the int8 file with its labels."""
    size, source = run.recipe["export"]["size"], run.path("train-float32.tflite")
    files.float_file(Shipped(folded(train(run))), size, source)
    crops = Crops(run, "train")
    pictures = [crops[n][0].permute(1, 2, 0)[None].numpy() for n in range(0, len(crops), max(1, len(crops) // 200))]
    files.int8_file(source, pictures, run.path("train-int8.tflite"))
    shipped = run.path(f"{run.recipe['name']}.tflite")
    metadata.pack(run.path("train-int8.tflite"), shipped, run, OUTPUTS)
    print(f"{shipped}: {shipped.stat().st_size} bytes")
