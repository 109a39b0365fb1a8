"""A recipe: one TOML that says what a model is made of. A run: the folder its steps write to."""

import os
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[3]


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
    for key in ("name", "classes", "seed", "source"):
        if key not in read:
            raise SystemExit(f"the recipe {recipe} lacks {key}")
    data = data or Path(os.environ.get("EDGECAM_TRAIN_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = folder or REPOSITORY / "models" / "train" / "runs" / recipe.stem
    folder.mkdir(parents=True, exist_ok=True)
    return Run(read, data, folder)


def seed(number: int) -> None:
    """Makes every generator start at `number`."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
