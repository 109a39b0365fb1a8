"""A recipe: one TOML that says what a model is made of. A run: the folder its steps write to."""

import hashlib
import json
import os
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[3]


# What of a recipe a training follows from; each follows from the one before it too.
TABLES = ["classes", "seed", "model", "augment", "features", "train"]
FURTHER = {"train": [], "prune": ["distil"], "distil": ["distil"], "quantise": ["distil", "quantise"]}


@dataclass(frozen=True)
class Run:
    """A recipe with the places it works in."""

    recipe: dict
    data: Path
    folder: Path

    @property
    def classes(self) -> list[str]:
        return self.recipe["classes"]

    def path(self, name: str) -> Path:
        """A file in the run's folder."""
        return self.folder / name

    def claim(self, name: str) -> None:
        """Refuses to go on with a training that another recipe, or other pictures, began."""
        said = {table: self.recipe.get(table) for table in [*TABLES, *FURTHER[name]]}
        pictures = self.need("targets.jsonl", "teach").read_bytes()
        mine = hashlib.sha256(json.dumps(said, sort_keys=True).encode() + pictures).hexdigest()
        mark = self.path(f"{name}.of")
        begun = any(self.path(f"{name}.{kind}").exists() for kind in ("pt", "done"))
        if begun and (not mark.exists() or mark.read_text() != mine):
            raise SystemExit(f"`{name}` in {self.folder} was made by another recipe or from other pictures; "
                             "name another folder with --runs, or remove this one")
        mark.write_text(mine)

    def need(self, name: str, step: str) -> Path:
        """A file that an earlier step wrote; says which step where it is missing."""
        path = self.path(name)
        if not path.exists():
            raise SystemExit(f"{path} is missing; run the step `{step}` first")
        return path


def load(recipe: Path, data: Path | None, folder: Path | None) -> Run:
    """Reads the recipe; makes the run's folder."""
    try:
        with recipe.open("rb") as file:
            read = tomllib.load(file)
    except OSError as e:
        raise SystemExit(f"read the recipe {recipe}: {e.strerror}") from None
    except tomllib.TOMLDecodeError as e:
        raise SystemExit(f"read the recipe {recipe}: {e}") from None
    problems = list(wrong(read))
    if problems:
        raise SystemExit("\n".join(f"the recipe {recipe}: {problem}" for problem in problems))
    data = data or Path(os.environ.get("EDGECAM_TRAIN_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = folder or REPOSITORY / "models" / "train" / "runs" / recipe.stem
    folder.mkdir(parents=True, exist_ok=True)
    return Run(read, data, folder)


def wrong(read: dict):
    """What can't be, a sentence each."""
    for key in ("name", "classes", "seed", "source", "model", "train", "export"):
        if key not in read:
            yield f"{key} is missing"
    classes = read.get("classes", [])
    for source in [*read.get("source", []), *([read["evaluate"]] if "evaluate" in read else [])]:
        complete = source.get("complete", [])
        named = complete if isinstance(complete, list) else [c for some in complete.values() for c in some]
        for name in sorted({c for c in named if c not in classes}):
            yield f"complete names {name}, which is not among the classes"
    for label, name in read.get("labels", {}).items():
        if name.removesuffix("-part") not in classes:
            yield f"labels makes {label} a {name}, which is not among the classes"
    model = read.get("model", {})
    if "stages" in model and not all(len(model.get(key, [])) == 4 for key in ("stages", "repeats", "expand")):
        yield "model: stages, repeats and expand have four numbers each"


def seed(number: int) -> None:
    """Makes every generator start at `number`."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
