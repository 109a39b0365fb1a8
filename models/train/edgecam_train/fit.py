"""The loop all training goes through: warm-up, cosine, a moving average of the weights, checkpoints."""

import copy
import json
import math
import time

import torch
from tqdm import tqdm

from .recipe import Run, seed
from .stream import Stream, batches

WARM_UP = 400
CLIP = 10.0
# Batches between checkpoints, and at most between looks at the dev set.
SAVE, LOOK = 250, 1000


def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Average:
    """Exponential moving average of a model's weights and statistics."""

    def __init__(self, model, decay=0.998):
        self.model, self.decay, self.steps = copy.deepcopy(model).eval(), decay, 0
        self.model.requires_grad_(False)

    def update(self, model):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        mine, new = (list(m.state_dict().values()) for m in (self.model, model))
        real = [i for i, v in enumerate(mine) if v.dtype.is_floating_point]
        torch._foreach_lerp_([mine[i] for i in real], [new[i] for i in real], 1 - decay)


def save(state, path) -> None:
    """Writes a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    try:
        torch.save(state, new)
    except (OSError, RuntimeError) as e:
        # PyTorch's writer says so little of a full disk.
        raise SystemExit(f"write {path}: {e}; is there room on the disk?") from None
    new.rename(path)


def fit(run: Run, name: str, model, settings: dict, step_loss, extra=None, teacher=None, look=None):
    """Trains `model` (and `extra`, which is thrown away) and returns its average; goes on where NAME.pt ends.

    `step_loss(x, truth, ignored, features, progress)` gives the loss and figures for the log;
    `look(model)` the dev set's figures.
    """
    run.claim(name)
    if run.path(f"{name}.done").exists():
        average = Average(model)
        average.model.load_state_dict(torch.load(run.path(f"{name}.done"), weights_only=True, map_location="cpu"))
        return average.model
    where = device()
    everything = torch.nn.ModuleList([model, *([extra] if extra else [])]).to(where)
    everything.requires_grad_(True).to(memory_format=torch.channels_last)
    flat = [p for p in everything.parameters() if p.ndim <= 1]
    deep = [p for p in everything.parameters() if p.ndim > 1]
    optimiser = torch.optim.AdamW([{"params": deep, "weight_decay": settings.get("decay", 0.02)},
                                   {"params": flat, "weight_decay": 0.0}], lr=settings["rate"], fused=True)
    average, start = Average(model), 0
    path = run.path(f"{name}.pt")
    if path.exists():
        saved = torch.load(path, weights_only=True, map_location=where)
        everything.load_state_dict(saved["model"])
        average.model.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        start = average.steps = saved["step"]
    batch = settings.get("batch", 32)
    stream = Stream(run, settings["phases"], teacher, name, batch)
    total = len(stream) // batch
    every = max(1, min(LOOK, total // 8))
    # Dropout and the like; the pictures have their own numbers.
    seed(run.recipe["seed"] + start)
    log = run.path(f"{name}.log.jsonl").open("a")
    began = time.monotonic()
    bar = tqdm(batches(stream, start), name, total, initial=start, unit="batch")
    for step, (x, truth, ignored, features) in enumerate(bar, start):
        warm = min(1.0, (step + 1) / settings.get("warm_up", WARM_UP))
        rate = settings["rate"] * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * step / total)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = rate
        everything.train()
        x = x.to(where).float().div_(255).contiguous(memory_format=torch.channels_last)
        features = [f.to(where) for f in features]
        total_loss, figures = step_loss(x, truth.to(where), ignored.to(where), features, step / total)
        optimiser.zero_grad(set_to_none=True)
        total_loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(everything.parameters(), CLIP)
        if torch.isfinite(norm):
            optimiser.step()
            average.update(model)
        bar.set_postfix({k: f"{v:.3f}" for k, v in figures.items()})
        last = step + 1 == total
        looks = look and ((step + 1) % every == 0 or last)
        if (step + 1) % SAVE == 0 or looks or last:
            row = {"step": step + 1, "images": (step + 1) * batch, "seconds": round(time.monotonic() - began), "rate": round(rate, 6)}
            row |= {k: round(v, 4) for k, v in figures.items()}
            if looks:
                row |= look(average.model)
                bar.write(json.dumps(row))
            log.write(json.dumps(row) + "\n")
            log.flush()
            state = {"model": everything.state_dict(), "average": average.model.state_dict(),
                     "optimiser": optimiser.state_dict(), "step": step + 1}
            save(state, path)
    save(average.model.state_dict(), run.path(f"{name}.done"))
    return average.model.cpu()
