"""The detector: an inverted-residual backbone, a pyramid of three levels, one box and its scores a cell.

Outputs are relative to one square anchor a cell, four strides wide, encoded as SSD does (Liu et al., 2016):
10 (cy - ay) / ah, 10 (cx - ax) / aw, 5 ln(h / ah), 5 ln(w / aw). edgecam calls that scheme `cells`.
"""

import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
ANCHOR = 4.0
VARIANCES = (10.0, 5.0)


class Depthwise(nn.Conv2d):
    """A depthwise convolution, on a CPU in float32: its bfloat16 gradients are several times slower there."""

    def forward(self, x):
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def unit(channels_in, channels_out, kernel=1, stride=1, groups=1, act=True) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6."""
    kind = Depthwise if groups > 1 else nn.Conv2d
    conv = kind(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [conv, nn.BatchNorm2d(channels_out, momentum=0.03, eps=1e-3)]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if act else []))


class Fused(nn.Module):
    """A block whose expansion is a full 3x3 convolution: faster than a depthwise one where channels are few."""

    def __init__(self, channels_in, channels_out, stride, inside, _kernel):
        super().__init__()
        self.residual = stride == 1 and channels_in == channels_out
        self.expand = unit(channels_in, inside, 3, stride)
        self.project = unit(inside, channels_out, act=False)
        self.after = nn.Identity()

    def forward(self, x):
        y = self.project(self.expand(x))
        return self.after(x + y) if self.residual else y


class Inverted(nn.Module):
    """Inverted residual with a linear bottleneck (Sandler et al., 2018)."""

    def __init__(self, channels_in, channels_out, stride, inside, kernel):
        super().__init__()
        self.residual = stride == 1 and channels_in == channels_out
        self.expand = unit(channels_in, inside)
        self.depthwise = unit(inside, inside, kernel, stride, inside)
        self.project = unit(inside, channels_out, act=False)
        self.after = nn.Identity()

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return self.after(x + y) if self.residual else y


def separable(channels) -> nn.Sequential:
    """Depthwise 5x5, then 1x1."""
    return nn.Sequential(unit(channels, channels, 5, 1, channels), unit(channels, channels))


class Head(nn.Module):
    """Box and scores of each cell of one level."""

    def __init__(self, channels, classes):
        super().__init__()
        self.box = nn.Sequential(separable(channels), separable(channels), nn.Conv2d(channels, 4, 1))
        self.score = nn.Sequential(separable(channels), separable(channels), nn.Conv2d(channels, classes, 1))
        # An object is rare: start at its share, 1 % (Lin et al., 2017).
        nn.init.constant_(self.score[-1].bias, -4.6)

    def forward(self, x):
        rows = lambda y: y.permute(0, 2, 3, 1).flatten(1, 2)
        return rows(self.box(x)), rows(self.score(x))


class Detector(nn.Module):
    """`model` is the recipe's table of that name; `insides`, after pruning, the channels in each block."""

    def __init__(self, model: dict, classes: int, insides: list[int] | None = None):
        super().__init__()
        widths, neck = model["stages"], model["neck"]
        insides = iter(insides or self.planned(model))
        self.stem = unit(3, model["stem"], 3, 2)
        channels, stages = model["stem"], []
        for level, (width, repeats) in enumerate(zip(widths, model["repeats"])):
            kind, kernel = (Fused if level == 0 else Inverted), (5 if level == 3 else 3)
            blocks = []
            for i in range(repeats):
                blocks.append(kind(channels, width, 2 if i == 0 else 1, next(insides), kernel))
                channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(unit(width, neck) for width in widths[1:])
        self.smooth = nn.ModuleList(separable(neck) for _ in range(2))
        self.after = nn.ModuleList(nn.Identity() for _ in range(2))
        self.heads = nn.ModuleList(Head(neck, classes) for _ in STRIDES)

    @staticmethod
    def planned(model: dict) -> list[int]:
        """Channels inside each block, before pruning."""
        insides, channels = [], model["stem"]
        for width, repeats, expand in zip(model["stages"], model["repeats"], model["expand"]):
            for _ in range(repeats):
                insides.append(channels * expand)
                channels = width
        return insides

    def blocks(self):
        """All blocks, in order."""
        return [block for stage in self.stages for block in stage]

    def features(self, x):
        """The last three stages' outputs, at 1/8, 1/16 and 1/32."""
        x = self.stages[0](self.stem(x))
        levels = []
        for stage in list(self.stages)[1:]:
            x = stage(x)
            levels.append(x)
        return levels

    def detect(self, levels):
        """Encodings [n, cells, 4] and logits [n, cells, classes] of the pyramid over `levels`."""
        fine, middle, coarse = (lateral(x) for lateral, x in zip(self.lateral, levels))
        twice = lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        middle = self.smooth[1](self.after[1](middle + twice(coarse)))
        fine = self.smooth[0](self.after[0](fine + twice(middle)))
        found = [head(x) for head, x in zip(self.heads, (fine, middle, coarse))]
        return torch.cat([f[0] for f in found], 1), torch.cat([f[1] for f in found], 1)

    def forward(self, x):
        return self.detect(self.features(x))


def anchors(height: int, width: int) -> torch.Tensor:
    """Centre x, centre y and side of each cell's anchor, in pixels: [cells, 3]."""
    rows = []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(-(-height // stride)), torch.arange(-(-width // stride)), indexing="ij")
        side = torch.full(x.shape, ANCHOR * stride)
        rows.append(torch.stack([(x + 0.5) * stride, (y + 0.5) * stride, side], -1).reshape(-1, 3))
    return torch.cat(rows)


def decode(encodings: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Boxes x0, y0, x1, y1 in pixels of encodings [..., cells, 4]."""
    side = cells[:, 2]
    cx = encodings[..., 1] / VARIANCES[0] * side + cells[:, 0]
    cy = encodings[..., 0] / VARIANCES[0] * side + cells[:, 1]
    w = torch.exp((encodings[..., 3] / VARIANCES[1]).clamp(-6, 4)) * side / 2
    h = torch.exp((encodings[..., 2] / VARIANCES[1]).clamp(-6, 4)) * side / 2
    return torch.stack([cx - w, cy - h, cx + w, cy + h], -1)
