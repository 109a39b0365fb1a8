"""`python -m edgecam_train RECIPE STEP [STEP …]`; the steps are listed by `--help`."""

import argparse
import importlib
from pathlib import Path

from . import recipe

STEPS = ["prepare", "teach", "train", "distil", "quantise", "export", "evaluate", "report"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="edgecam_train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a TOML file, see recipes/")
    parser.add_argument("steps", nargs="+", choices=[*STEPS, "prune"], metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--data", type=Path, help="folder of the recipe's data (EDGECAM_TRAIN_DATA)")
    parser.add_argument("--runs", type=Path, help="folder for checkpoints and results (runs/RECIPE)")
    arguments = parser.parse_args()
    run = recipe.load(arguments.recipe, arguments.data, arguments.runs)
    for step in arguments.steps:
        recipe.seed(run.recipe["seed"])
        classifier = run.recipe.get("kind") == "classify" and step in ("train", "export")
        try:
            getattr(importlib.import_module(".classify" if classifier else f".{step}", __package__), step)(run)
        except OSError as e:
            raise SystemExit(f"{step}: {e.filename or ''}: {e.strerror or e}") from None
        except KeyboardInterrupt:
            raise SystemExit(f"{step}: stopped") from None
        except KeyError as e:
            raise SystemExit(f"{step}: the recipe {arguments.recipe} lacks {e}, or {e} is no name it knows") from None


if __name__ == "__main__":
    main()
