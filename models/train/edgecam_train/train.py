"""Step `train`: the big float detector."""

import torch

from .evaluate import look
from .features import Predictor, Teacher
from .fit import fit
from .loss import loss
from .model import Detector
from .recipe import REPOSITORY, Run

# What the classifier's features weigh, at first and at the end.
FEATURES = (1.0, 0.2)


def big(run: Run) -> Detector:
    """The detector before pruning, untrained."""
    return Detector(run.recipe["model"], len(run.classes))


def started(run: Run, model: Detector) -> Detector:
    """The model with the weights it shall start from, where the recipe names a file and shapes agree."""
    if "start" in run.recipe["train"] and not run.path("train.done").exists():
        weights = torch.load(REPOSITORY / run.recipe["train"]["start"], weights_only=True)
        mine = model.state_dict()
        same = {k: v.float() if v.is_floating_point() else v for k, v in weights.items() if k in mine and mine[k].shape == v.shape}
        model.load_state_dict(mine | same)
        print(f"{len(same)} of {len(mine)} tensors from {run.recipe['train']['start']}")
    return model


def train(run: Run) -> Detector:
    """Writes train.done, train.log.jsonl; returns the trained detector."""
    model = started(run, big(run))
    teacher = extra = None
    if "features" in run.recipe:
        wanted = run.recipe["features"]
        teacher = Teacher(run.data / wanted["model"], wanted["shapes"])
        extra = Predictor(run.recipe["model"]["stages"][-2:], wanted["shapes"])

    def step(x, truth, ignored, features, progress):
        with torch.autocast(x.device.type, torch.bfloat16):
            levels = model.features(x)
            encodings, logits = model.detect(levels)
            predicted = extra.loss(levels[1:], features) if features else None
        total, figures = loss(encodings, logits, truth, ignored, x.shape[-1])
        if features:
            weight = FEATURES[0] + (FEATURES[1] - FEATURES[0]) * progress
            total = total + weight * predicted
            figures["features"] = predicted.item()
        return total, figures

    return fit(run, "train", model, run.recipe["train"], step, extra, teacher, lambda m: look(run, m, run.recipe["export"]["size"]))
