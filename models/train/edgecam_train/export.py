"""Step `export`: the trained detector as .tflite files.

Input [1, size, size, 3], 0..1; outputs `boxes` [1, cells, 4] (see `model`) and `scores` [1, cells, classes].
The shipped file is int8 throughout, with scales for each output channel; the others are for comparison.
"""

import logging

import numpy as np
import torch
from torch import nn

from . import metadata
from .calibrate import calibrated
from .distil import distil
from .evaluate import fitted
from .pictures import read_picture
from .prune import prune
from .quantise import folded, quantise
from .recipe import Run
from .stream import rows
from .train import train


OUTPUTS = [("boxes", "a cell's box, relative to its anchor", False), ("scores", "a cell's score of each class", True)]


class Shipped(nn.Module):
    """What is in the file: channels last, scores as such."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        boxes, logits = self.model(x.permute(0, 3, 1, 2))
        return boxes, logits.sigmoid()


def export(run: Run) -> None:
    """Writes the files of every step, and the shipped one with its labels."""
    size = run.recipe["export"]["size"]
    steps = {"train": folded(train(run)), "quantise": calibrated(run, quantise(run))}
    if "distil" in run.recipe:
        steps |= {"prune": folded(prune(run)), "distil": folded(distil(run))}
    pictures = calibration(run, size)
    for name, model in steps.items():
        float_file(Shipped(model.cpu()), size, run.path(f"{name}-float32.tflite"))
        int8_file(run.path(f"{name}-float32.tflite"), pictures, run.path(f"{name}-int8.tflite"))
    last = "distil" if "distil" in run.recipe else "train"
    for kind, recipe in comparisons().items():
        converted(run.path(f"{last}-float32.tflite"), recipe, run.path(f"{last}-{kind}.tflite"))
    shipped = run.path(f"{run.recipe['name']}.tflite")
    metadata.pack(run.path("quantise-int8.tflite"), shipped, run, OUTPUTS)
    for name in ("train", "distil"):
        if run.path(f"{name}.done").exists():
            weights(run.path(f"{name}.done"), run.path(f"{run.recipe['name']}-{name}.pt"))
    print(f"{shipped}: {shipped.stat().st_size} bytes")


def weights(source, target) -> None:
    """The float weights at half the size, for others to start from."""
    state = torch.load(source, weights_only=True, map_location="cpu")
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, target)


def float_file(model: nn.Module, size: int, path) -> None:
    """A float32 file."""
    import litert_torch

    logging.disable(logging.INFO)
    litert_torch.convert(model.eval(), (torch.rand(1, size, size, 3),)).export(str(path))


def calibration(run: Run, size: int) -> list[np.ndarray]:
    """Pictures of the training set, fitted as they will be."""
    some = rows(run, "train")
    some = some[:: max(1, len(some) // run.recipe["quantise"]["calibrate"])]
    pictures = []
    for row in some:
        picture = read_picture(row["image"])
        pictures.append(fitted(picture, size)[0][None].astype(np.float32) / 255)
    return pictures


def int8_file(source, pictures: list[np.ndarray], path) -> None:
    """Static int8: weights for each output channel, activations over what the pictures cause."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    (key, signature), = Interpreter(str(source)).get_signature_list().items()
    (name,) = signature["inputs"]
    maker = quantizer.Quantizer(str(source))
    maker.load_quantization_recipe(recipe.static_wi8_ai8())
    seen: dict = {}
    for picture in pictures:
        # One by one: over several the quantiser averages, and cuts rare high scores off.
        for tensor, ends in maker.calibrate({key: [{name: picture}]}).items():
            known = seen.setdefault(tensor, ends)
            known["min"] = np.minimum(known["min"], ends["min"])
            known["max"] = np.maximum(known["max"], ends["max"])
    # Levels 0 to 255 are exactly the 256 steps.
    picture = next(k for k in seen if k.endswith(name))
    for end, value in (("min", 0.0), ("max", 1.0)):
        seen[picture][end] = np.full_like(seen[picture][end], value)
    maker.quantize(seen).export_model(str(path), overwrite=True)


def comparisons() -> dict:
    """Other ways to make the file smaller."""
    from ai_edge_quantizer import recipe

    return {"dynamic": recipe.dynamic_wi8_afp32(), "float16": half()}


def half() -> list:
    """Weights as float16, arithmetic in float32."""
    return [{"regex": ".*", "operation": "*", "algorithm_key": "float_casting",
             "op_config": {"weight_tensor_config": {"num_bits": 16, "symmetric": True, "granularity": "TENSORWISE", "dtype": "FLOAT"},
                           "compute_precision": "FLOAT", "explicit_dequantize": True, "skip_checks": False, "min_weight_elements": 0}}]


def converted(source, recipe: list, path) -> None:
    """A file made without calibration."""
    from ai_edge_quantizer import quantizer

    maker = quantizer.Quantizer(str(source))
    maker.load_quantization_recipe(recipe)
    maker.quantize().export_model(str(path), overwrite=True)
