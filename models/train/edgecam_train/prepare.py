"""Step `prepare`: all sources in one index, human boxes under this recipe's classes.

A line of index.jsonl: {"image", "set": "train" | "dev", "boxes": [[class, x0, y0, x1, y1], …],
"ignore": [[class or -1, x0, y0, x1, y1], …], "complete": [class, …]}; coordinates 0..1.
"""

import json
import os
import subprocess
from pathlib import Path

import yaml
from tqdm import tqdm

from .recipe import REPOSITORY, Run

PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}


def prepare(run: Run) -> None:
    """Writes index.jsonl."""
    rows = [row for source in run.recipe["source"] for row in read(run, source)]
    if not rows:
        raise SystemExit("the sources have no pictures")
    with run.path("index.jsonl").open("w") as out:
        for row in tqdm(rows, "prepare", unit="image"):
            out.write(json.dumps(row) + "\n")
    counts = {name: sum(b[0] == i for r in rows for b in r["boxes"]) for i, name in enumerate(run.classes)}
    print(f"{len(rows)} pictures, human boxes: {counts}")


def read(run: Run, source: dict):
    """The rows of one source."""
    source = scenes(run, source) if source["kind"] == "scenes" else source
    images = run.data / source["images"]
    files = sorted(p for p in images.iterdir() if p.suffix.lower() in PICTURES)
    boxes = {"yolo": yolo, "jsonl": jsonl}[source["kind"]](run, source, files)
    for file in files:
        complete = source["complete"]
        if isinstance(complete, dict):
            complete = complete[file.name.split("_")[0]]
        labelled = boxes.get(file.name)
        row = {"image": str(file), "set": source.get("set", "train"), "boxes": [], "ignore": []}
        # A file without any box says nothing, unless its source promises to be complete.
        promised = isinstance(source["complete"], list) or bool(labelled)
        row["complete"] = [run.classes.index(c) for c in complete] if promised else []
        for label, *box in labelled or []:
            name = run.recipe.get("labels", {}).get(label, label if label in run.classes else None)
            if name in run.classes:
                row["boxes"].append([run.classes.index(name), *box])
            elif name is None or name.endswith("-part"):
                part = name.removesuffix("-part") if name else None
                row["ignore"].append([run.classes.index(part) if part else -1, *box])
        yield row


def scenes(run: Run, source: dict) -> dict:
    """Has edgecam write frames of its test pattern; a YOLO source of them."""
    folder = run.path(f"scenes-{source['set']}").resolve()
    if not (folder / "config.yaml").exists():
        program = os.environ.get("EDGECAM", REPOSITORY / "target" / "release" / "edgecam")
        options = [f"--{key}={source[key]}" for key in ("count", "seed", "size", "step")]
        if subprocess.run([program, "scenes", folder, *options]).returncode:
            raise SystemExit(f"`{program} scenes` failed; EDGECAM names another edgecam")
    return source | {"kind": "yolo", "images": folder / "images", "config": folder / "config.yaml"}


def yolo(run: Run, source: dict, files: list[Path]) -> dict:
    """Labels of the YOLO layout: `labels` in the place of `images`, lines of `class cx cy w h`."""
    config, known = run.data / source["config"], {}
    names = yaml.safe_load(config.read_text()).get("names")
    names = dict(enumerate(names)) if isinstance(names, list) else names
    if not names:
        raise SystemExit(f"{config} has no `names` of classes")
    for file in files:
        label = Path("labels".join(str(file.parent).rsplit("images", 1))) / f"{file.stem}.txt"
        known[file.name] = []
        for n, line in enumerate(label.read_text().splitlines() if label.exists() else [], 1):
            try:
                number, *values = line.split()
                known[file.name].append([names[int(number)], *box_of([float(v) for v in values])])
            except (ValueError, KeyError):
                raise SystemExit(f"{label}:{n}: neither `class cx cy w h` nor a polygon of a class that {config} names") from None
    return known


def box_of(values: list[float]) -> list[float]:
    """x0, y0, x1, y1 of a centre with width and height, or around a polygon's corners."""
    if len(values) == 4:
        cx, cy, w, h = values
        return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
    xs, ys = values[::2], values[1::2]
    if len(xs) < 3 or len(xs) != len(ys):
        raise ValueError
    return [min(xs), min(ys), max(xs), max(ys)]


def jsonl(run: Run, source: dict, _files: list[Path]) -> dict:
    """Lines of {"image", "boxes": [[label, x0, y0, x1, y1], …]}."""
    lines = (run.data / source["boxes"]).read_text().splitlines()
    return {row["image"]: row["boxes"] for row in map(json.loads, lines)}
