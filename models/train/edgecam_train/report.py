"""Step `report`: what each technique gave and cost, as a page with plots. Only figures that were measured."""

import json
from pathlib import Path

import torch

from .model import Detector
from .prune import parameters
from .recipe import REPOSITORY, Run

# Each step's file, and what it is in words.
STEPS = [
    ("train-float32", "big detector, float32"),
    ("train-int8", "the same, int8 after training"),
    ("prune-float32", "pruned, not retrained, float32"),
    ("distil-float32", "pruned and distilled, float32"),
    ("distil-float16", "the same, float16 weights"),
    ("distil-dynamic", "the same, int8 weights, float arithmetic"),
    ("distil-int8", "the same, int8 after training"),
    ("quantise-int8", "the same, trained under int8"),
]


def multiply_adds(model: torch.nn.Module, size: int) -> int:
    """Of all convolutions, for one picture."""
    total = 0

    def count(module, _inputs, output):
        nonlocal total
        total += output.shape[2] * output.shape[3] * module.weight.numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return total


def report(run: Run) -> None:
    """Writes docs/compression.md and its plots."""
    if run.recipe["name"] != "edgecam-home":
        raise SystemExit("the page is edgecam-home's; what `evaluate` measured of yours is in results.json")
    results = json.loads(run.need("results.json", "evaluate").read_text())
    size = run.recipe["export"]["size"]
    insides = json.loads(run.need("insides.json", "prune").read_text())
    models = {False: Detector(run.recipe["model"], len(run.classes)).eval(),
              True: Detector(run.recipe["model"], len(run.classes), insides).eval()}
    costs = {small: (parameters(m), multiply_adds(m, size)) for small, m in models.items()}
    folder = REPOSITORY / "docs"
    shipped, peer = f"{run.recipe['name']}.tflite", Path(run.recipe["evaluate"]["peer"]).name
    rows = [(f"{name}.tflite", words) for name, words in STEPS if f"{name}.tflite" in results]
    rows.append((shipped, "what is shipped: the last one with labels"))
    columns = ["ap", "ap50", *run.classes]
    lines = ["| file | bytes | compressed | parameters | multiply-adds | AP | AP50 | " + " | ".join(run.classes) + " | ms |",
             "|---" * (8 + len(run.classes)) + "|"]
    for name, words in rows:
        row = results[name]
        count, macs = costs[not name.startswith("train")]
        figures = " | ".join("-" if row.get(c) is None else f"{row[c]:.3f}" for c in columns)
        lines.append(f"| {words} | {row['bytes']:,} | {row['compressed']:,} | {count:,} | {macs / 1e6:.0f} M | {figures} | {row['ms']:.2f} |")
    text = PAGE.format(table="\n".join(lines), size=size, peer=peer, peer_ms=results[peer]["ms"], ms=results[shipped]["ms"],
                       share=results[shipped]["ms"] / results[peer]["ms"], insides=insides,
                       planned=Detector.planned(run.recipe["model"]), notes=notes())
    (folder / "compression.md").write_text(text)
    plots(run, results, rows, folder)


def notes() -> str:
    """What was tried besides, written by hand: notes/compression.md."""
    path = Path(__file__).parents[1] / "notes.md"
    return path.read_text() if path.exists() else ""


def plots(run: Run, results: dict, rows: list, folder: Path) -> None:
    """AP50 against size, and the dev set's AP50 while training."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "edgecam", "font.size": 9}
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    for name, words in rows[:-1]:
        row = results[name]
        axes.scatter(row["bytes"] / 1e6, row["ap50"], s=20 + 20 * row["ms"])
        axes.annotate(words, (row["bytes"] / 1e6, row["ap50"]), xytext=(6, 4), textcoords="offset points", fontsize=7)
    axes.set(xlabel="MB on disk", ylabel="AP50 on val2017", title="A dot's area is the time a frame")
    axes.margins(x=0.35, y=0.15)
    figure.tight_layout()
    figure.savefig(folder / "compression-size.svg", metadata={"Date": None})

    figure, axes = plt.subplots(figsize=(7, 4))
    passed = 0
    for step in ("train", "distil", "quantise"):
        path = run.path(f"{step}.log.jsonl")
        log = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        looks = [(passed + row["images"], row["ap50"], row["person"]) for row in log if "ap50" in row]
        if looks:
            axes.plot([v[0] for v in looks], [v[1] for v in looks], "o-", label=f"{step}: AP50")
            axes.plot([v[0] for v in looks], [v[2] for v in looks], "x--", label=f"{step}: persons")
        passed += log[-1]["images"] if log else 0
    axes.set(xlabel="pictures seen", ylabel="AP50 on the dev set", title="Training")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(folder / "compression-training.svg", metadata={"Date": None})


PAGE = """# From a big detector to a small file

Made by `python -m edgecam_train recipes/home.toml report` from what the steps before it measured ([models/train](../models/train/README.md)). AP and AP50 are pycocotools' on the 64 pictures of COCO's val2017 in the test data, letterboxed to {size}x{size}; cars, trucks and buses count as vehicles; the columns of classes are AP50. Nothing was trained on these pictures or chosen by them. `compressed` is zlib's level 9. Times are medians of one thread of the LiteRT interpreter on an x86-64 server, all files in turn in one run; {peer} takes {peer_ms:.2f} ms in the same run, the shipped file {ms:.2f} ms: {share:.2f} of it.

{table}

![AP50 and size of each step](compression-size.svg)

Channels inside the blocks: {planned} before pruning, {insides} after.

![AP50 while training](compression-training.svg)

{notes}"""
