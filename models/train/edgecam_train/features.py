"""A classifier's inner features, which the backbone learns to predict while it has little else to go by."""

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import flatbuffer


class Teacher:
    """A quantised classifier cut off at the last tensors of the wanted shapes; loaded at first use."""

    def __init__(self, path, shapes):
        self.path, self.shapes, self.model = str(path), [tuple(s) for s in shapes], None

    def load(self):
        """The same file with those tensors as its outputs and nothing after them."""
        from ai_edge_litert.interpreter import Interpreter

        file = flatbuffer.read(self.path)
        graph = file.subgraphs[0]
        shape = lambda i: tuple(graph.tensors[i].shape[1:])
        made = [(n, o) for n, operator in enumerate(graph.operators) for o in operator.outputs]
        last = [max((n, o) for n, o in made if shape(o) == wanted) for wanted in self.shapes]
        graph.outputs = [o for _, o in last]
        graph.operators = graph.operators[: max(n for n, _ in last) + 1]
        file.signatureDefs = []
        self.model = Interpreter(model_content=flatbuffer.packed(file), num_threads=1)
        self.model.allocate_tensors()

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        """Features [height, width, channels] as float16, of an RGB picture of any size."""
        if self.model is None:
            self.load()
        spec = self.model.get_input_details()[0]
        side = int(spec["shape"][1])
        self.model.set_tensor(spec["index"], cv2.resize(picture, (side, side))[None])
        self.model.invoke()
        found = []
        for output in self.model.get_output_details():
            scale, zero = output["quantization"]
            values = self.model.get_tensor(output["index"])[0].astype(np.float32)
            found.append(((values - zero) * scale).astype(np.float16))
        return found


class Predictor(nn.Module):
    """Predicts the teacher's features from the detector's levels; thrown away after training."""

    def __init__(self, widths: list[int], shapes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(w, s[2], 1) for w, s in zip(widths, shapes))

    def loss(self, levels, wanted):
        """Mean squared error in units of each channel's variance, so 1 is knowing nothing."""
        total = 0.0
        for layer, level, features in zip(self.layers, levels, wanted):
            features = features.permute(0, 3, 1, 2).float()
            features = F.interpolate(features, size=level.shape[2:], mode="bilinear", align_corners=False)
            variance, mean = torch.var_mean(features, (0, 2, 3), keepdim=True)
            scale = (variance + 1e-3).sqrt()
            total = total + F.mse_loss(layer(level).float(), (features - mean) / scale)
        return total / len(wanted)
