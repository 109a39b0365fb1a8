"""Makes random detections and truths and has pycocotools evaluate them: the reference of edgecam's metric.

    python3 -m venv venv && venv/bin/pip install pycocotools==2.0.11 numpy
    venv/bin/python tests/it/eval/reference.py --seed 1 > tests/it/eval/reference.json

Other seeds, or more of them, go through the same test:

    venv/bin/python tests/it/eval/reference.py --seed 2 --cases 2000 > other.json
    EDGECAM_EVAL_REFERENCE=other.json cargo test --test it pycocotools

Format, each case: {"classes", "scenes": [[objects, seen], ...], "per_class": [[ap, ap50, ap75], ...], "all"};
an object is [class, x, y, w, h, kind] with kind 0 ordinary, 1 crowd, 2 ignored; a detection is
[class, score, x, y, w, h]. Lengths and scores are whole hundredths. -1 stands for no object to find.
"""

import argparse
import contextlib
import io
import json
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

# pycocotools ignores an object that is no crowd only by its area; boxes here are far smaller.
OUT_OF_RANGE = 2e10


def near(rng, box):
    """A box like that one: a few hundredths off, the same, or with an IoU right on a threshold."""
    how = rng.random()
    if how < 0.15 and box[2] % 20 == 0:
        return [box[0], box[1], box[2] * int(rng.integers(10, 20)) // 20, box[3]]
    if how < 0.25:
        return list(box)
    x, y, w, h = (int(v) for v in np.array(box) + rng.integers(-4, 5, 4))
    return [x, y, max(w, 1), max(h, 1)]


def case(rng):
    """One data set. Few distinct scores make ties."""
    classes, pictures = (int(v) for v in rng.integers(1, [5, 6]))
    levels = int(rng.choice([3, 10, 100]))
    crowds, ignored = rng.choice([0.0, 0.15, 0.4]), rng.choice([0.0, 0.2])
    scenes = []
    for _ in range(pictures):
        objects, seen = [], []
        for _ in range(int(rng.integers(0, 5))):
            kind = 1 if rng.random() < crowds else 2 if rng.random() < ignored else 0
            w = int(rng.choice([20, 40]) if rng.random() < 0.4 else rng.integers(5, 60))
            cls, box = int(rng.integers(classes)), [*map(int, rng.integers(0, 100, 2)), w, int(rng.integers(5, 60))]
            if objects and rng.random() < 0.3:
                # On another, so that one to be found and one that need not compete.
                cls, box = objects[-1][0], near(rng, objects[-1][1:5])
            objects.append([cls, *box, kind])
        for _ in range(int(rng.integers(0, 9))):
            cls, score = int(rng.integers(classes)), int(rng.integers(1, levels + 1)) * 100 // levels
            if objects and rng.random() < 0.7:
                o = objects[rng.integers(len(objects))]
                cls, box = o[0] if rng.random() < 0.8 else cls, near(rng, o[1:5])
            else:
                box = [*map(int, rng.integers(0, 100, 2)), *map(int, rng.integers(5, 60, 2))]
            seen.append([cls, score, *box])
        scenes.append([objects, seen])
    return {"classes": classes, "scenes": scenes}


def crowded(rng):
    """One picture with over 100 detections of a class, the last that counts a hit. As many objects as
    recall levels have divisors, so that recalls fall right on levels."""
    n = int(rng.choice([20, 25, 50]))
    objects = [[0, 9 * (i % 10), 9 * (i // 10), 8, 8, 0] for i in range(n)]
    boxes = [near(rng, o[1:5]) for o in objects] + [[i, 99, 1, 1] for i in range(105 - n // 2)]
    order = rng.permutation(len(boxes))
    exact = rng.integers(n)
    boxes[exact] = objects[exact][1:5]
    order[99], order[np.where(order == exact)[0][0]] = exact, order[99]
    return {"classes": 1, "scenes": [[objects, [[0, int(100 - i * 2 // 3), *boxes[k]] for i, k in enumerate(order)]]]}


def evaluate(c):
    """pycocotools' figures of a case; ids count from 1, because it takes an id of 0 for "no match"."""
    truth, results = [], []
    for image, (objects, seen) in enumerate(c["scenes"], 1):
        for cls, x, y, w, h, kind in objects:
            box = [x / 100, y / 100, w / 100, h / 100]
            area = OUT_OF_RANGE if kind == 2 else box[2] * box[3]
            truth.append(
                {"id": len(truth) + 1, "image_id": image, "category_id": cls, "bbox": box, "area": area, "iscrowd": int(kind == 1)}
            )
        for cls, score, x, y, w, h in seen:
            box = [x / 100, y / 100, w / 100, h / 100]
            results.append({"image_id": image, "category_id": cls, "score": score / 100, "bbox": box})
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(1, len(c["scenes"]) + 1)],
        "categories": [{"id": k, "name": str(k)} for k in range(c["classes"])],
        "annotations": truth,
    }
    coco.createIndex()
    if not results:
        # loadRes can't take an empty list; a detection of a class that isn't evaluated changes nothing.
        results = [{"image_id": 1, "category_id": 999, "score": 0.5, "bbox": [0, 0, 1, 1]}]
    run = COCOeval(coco, coco.loadRes(results), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    precision = run.eval["precision"][:, :, :, 0, 2]

    def mean(part):
        return float(np.mean(part)) if part.size and part.max() > -1 else -1.0

    figures = [[mean(p), mean(p[0]), mean(p[5])] for p in (precision[:, :, k] for k in range(c["classes"]))]
    return figures, [float(v) for v in run.stats[:3]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=260)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    cases = []
    for i in range(args.cases):
        c = crowded(rng) if i % 30 == 10 else case(rng)
        with contextlib.redirect_stdout(io.StringIO()):
            per_class, everything = evaluate(c)
        c["per_class"] = [[round(v, 7) for v in row] for row in per_class]
        c["all"] = [round(v, 7) for v in everything]
        cases.append(c)
    sys.stdout.write("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]\n")


main()
