"""Step `quantise`: training with int8's rounding in the loop.

Weights are rounded for each output channel, symmetrically; activations for each tensor, over a range that
follows what passes (Jacob et al., 2018). Batch normalisation is folded into the convolutions first.
"""

import copy

import torch
from torch import nn

from .distil import distil, lesson
from .evaluate import look
from .fit import fit
from .model import Detector, Fused, Inverted
from .recipe import Run
from .train import train


def quantise(run: Run) -> Detector:
    """Writes quantise.done; returns the detector with folded, trained weights, without the rounding."""
    model = Rounded(folded(distil(run)))
    fit(run, "quantise", model, run.recipe["quantise"], lesson(train(run), model, precise=True),
        look=lambda m: look(run, m, run.recipe["export"]["size"]))
    model.cpu().load_state_dict(torch.load(run.path("quantise.done"), weights_only=True, map_location="cpu"))
    return model.plain()


def folded(model: Detector) -> Detector:
    """The same function without batch normalisation."""
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
            module[0] = torch.nn.utils.fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return model


class Range(nn.Module):
    """Rounds what passes to 256 levels between a low and a high that follow the data."""

    def __init__(self, momentum=0.02):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("ends", torch.zeros(2))

    def forward(self, x):
        x = x.float()
        if self.training:
            with torch.no_grad():
                ends = torch.stack([x.amin().clamp(max=0), x.amax().clamp(min=0)])
                fresh = self.ends[1] == self.ends[0]
                self.ends.copy_(ends if fresh else torch.lerp(self.ends, ends, self.momentum))
        scale = ((self.ends[1] - self.ends[0]) / 255).clamp(min=1e-8)
        zero = (-128 - self.ends[0] / scale).round().clamp(-128, 127)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero.to(torch.int32), -128, 127)


class RoundedConv(nn.Module):
    """A convolution with rounded weights."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        weight = self.conv.weight
        scale = (weight.detach().abs().amax((1, 2, 3)) / 127).clamp(min=1e-8)
        weight = torch.fake_quantize_per_channel_affine(weight, scale, torch.zeros_like(scale, dtype=torch.int32), 0, -127, 127)
        return self.conv._conv_forward(x, weight, self.conv.bias)


class Rounded(nn.Module):
    """A folded detector whose weights and tensors are rounded as the exported file's will be."""

    def __init__(self, model: Detector):
        super().__init__()
        self.model, self.input = model, Range()
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Conv2d):
                    setattr(module, name, RoundedConv(child))
        for module in list(model.modules()):
            if isinstance(module, nn.Sequential) and any(isinstance(m, RoundedConv) for m in module):
                module.append(Range())
            elif isinstance(module, Fused | Inverted) and module.residual:
                module.after = Range()
        model.after = nn.ModuleList(Range() for _ in model.after)

    def forward(self, x):
        return self.model(self.input(x))

    def plain(self) -> Detector:
        """The detector without the rounding, with the weights that were learned under it."""
        model = copy.deepcopy(self.model)
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, RoundedConv):
                    setattr(module, name, child.conv)
                elif isinstance(child, Range):
                    setattr(module, name, nn.Identity())
        return model.eval()
