"""Step `teach`: what nobody annotated is filled in by a teacher that looks at each picture several times.

Views: the whole picture, its mirror image, and four overlapping tiles. Boxes of the same object are
averaged by score; an object that one view alone saw counts for less.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import cv2
import numpy as np
from tqdm import tqdm

from .boxes import iou
from .pictures import read_picture
from .recipe import Run

TILE = 0.62
SAME = 0.5
# Of a lone sighting's score.
LONE = 0.8


def teach(run: Run) -> None:
    """Writes teacher.jsonl (what was seen; resumable) and targets.jsonl (what is trained on)."""
    rows = [json.loads(line) for line in run.need("index.jsonl", "prepare").read_text().splitlines()]
    seen = sightings(run, rows) if "teacher" in run.recipe else {}
    with run.path("targets.jsonl").open("w") as out:
        for row in rows:
            out.write(json.dumps(fill_in(run, row, seen.get(row["image"], []))) + "\n")


def sightings(run: Run, rows: list[dict]) -> dict:
    """The teacher's boxes of each picture: [class, x0, y0, x1, y1, score]."""
    path = run.path("teacher.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    if lines and not whole(lines[-1]):
        # It was being written when the step was killed.
        lines.pop()
        path.write_text("".join(f"{line}\n" for line in lines))
    seen = {row["image"]: row["boxes"] for row in map(json.loads, lines)}
    todo = [row["image"] for row in rows if row["image"] not in seen]
    teacher = run.recipe["teacher"]
    numbers = {n: i for i, name in enumerate(run.classes) for n in teacher["classes"].get(name, [])}
    look_at = partial(look, str(run.data / teacher["model"]), numbers)
    with ProcessPoolExecutor() as pool, path.open("a") as out:
        for image, boxes in tqdm(pool.map(look_at, todo, chunksize=8), "teach", len(todo), unit="image"):
            seen[image] = boxes
            out.write(json.dumps({"image": image, "boxes": boxes}) + "\n")
    return seen


def whole(line: str) -> bool:
    """Whether a line can be read."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


_interpreters: dict = {}


def interpreter(path: str):
    """The model, loaded once a process, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    if path not in _interpreters:
        _interpreters[path] = Interpreter(path, num_threads=1)
        _interpreters[path].allocate_tensors()
    return _interpreters[path]


def look(path: str, numbers: dict, image: str):
    """All views of one picture, merged."""
    picture = read_picture(image)
    model = interpreter(path)
    found = []
    tiles = [(0, 0, 1, 1)] + [(x, y, x + TILE, y + TILE) for x in (0, 1 - TILE) for y in (0, 1 - TILE)]
    for tile in tiles:
        whole = tile == (0, 0, 1, 1)
        for mirrored in (False, True) if whole else (False,):
            found += view(model, picture, tile, mirrored, numbers)
    return image, merge(found)


def view(model, picture, tile, mirrored, numbers):
    """What an SSD with TFLite_Detection_PostProcess sees in a part of a picture."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(v * n) for v, n in zip(tile, (width, height, width, height)))
    part = picture[y0:y1, x0:x1]
    part = part[:, ::-1] if mirrored else part
    spec = model.get_input_details()[0]
    side = spec["shape"][1]
    model.set_tensor(spec["index"], cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR)[None])
    model.invoke()
    boxes, classes, scores, count = (model.get_tensor(o["index"])[0] for o in model.get_output_details())
    for (top, left, bottom, right), number, score in list(zip(boxes, classes, scores))[: int(count)]:
        if int(number) not in numbers or score < 0.15:
            continue
        if mirrored:
            left, right = 1 - right, 1 - left
        # A box cut off by an inner edge of a tile is a part of something.
        inner = [(left, x0 > 0), (top, y0 > 0), (1 - right, x1 < width), (1 - bottom, y1 < height)]
        if any(edge and gap < 0.03 for gap, edge in inner):
            continue
        place = lambda v, a, b, n: min(max((a + v * (b - a)) / n, 0.0), 1.0)
        box = [place(left, x0, x1, width), place(top, y0, y1, height), place(right, x0, x1, width), place(bottom, y0, y1, height)]
        yield [numbers[int(number)], *map(float, box), float(score)]


def merge(found: list) -> list:
    """Weighted boxes fusion (Solovyev et al., 2021), with the best sighting's score."""
    groups: list[list] = []
    for box in sorted(found, key=lambda b: -b[5]):
        for group in groups:
            if group[0][0] == box[0] and iou(np.array([group[0][1:5]]), np.array([box[1:5]]))[0, 0] > SAME:
                group.append(box)
                break
        else:
            groups.append([box])
    merged = []
    for group in groups:
        weights = np.array([b[5] for b in group])
        box = np.average([b[1:5] for b in group], axis=0, weights=weights)
        score = group[0][5] * (1.0 if len(group) > 1 else LONE)
        merged.append([group[0][0], *(round(float(v), 4) for v in box), round(score, 3)])
    return merged


def fill_in(run: Run, row: dict, seen: list) -> dict:
    """Human boxes first; the teacher's where nobody annotated; what is in doubt is ignored."""
    teacher = run.recipe.get("teacher")
    human = np.array([b[1:5] for b in row["boxes"]]).reshape(-1, 4)
    for number, *box, score in seen:
        same = [b[0] == number for b in row["boxes"]]
        overlap = iou(np.array([box]), human)[0] if len(human) else np.zeros(0)
        if any(o > 0.4 and s for o, s in zip(overlap, same)):
            continue
        # A part of a ridden, boxed or otherwise known thing.
        known = number in row["complete"]
        if not known and score >= teacher["positive"] and not any(o > 0.6 for o in overlap):
            row["boxes"].append([number, *box])
        elif score >= (teacher["positive"] if known else teacher["ignore"]):
            row["ignore"].append([number, *box])
    return row
