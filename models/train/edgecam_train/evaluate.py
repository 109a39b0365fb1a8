"""Step `evaluate`: how good each file is, how large and how fast. AP is by pycocotools.

Choices are made by the dev set (`look`); the pictures of the recipe's `[evaluate]` are looked at here alone.
"""

import contextlib
import io
import json
import statistics
import time
import zlib
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .augment import GREY
from .boxes import nms
from .model import anchors, decode
from .pictures import read_picture, resized
from .prepare import read
from .recipe import Run
from .stream import rows

SCORE, OVERLAP, MOST = 0.02, 0.6, 100


def fitted(picture: np.ndarray, size: int, letterbox: bool = True):
    """The picture on a square of `size`, with the x and y scale and the offsets."""
    height, width = picture.shape[:2]
    zx, zy = size / width, size / height
    if letterbox:
        zx = zy = min(zx, zy)
    w, h = round(width * zx), round(height * zy)
    dx, dy = (size - w) // 2, (size - h) // 2
    canvas = np.full((size, size, 3), GREY, np.uint8)
    canvas[dy : dy + h, dx : dx + w] = resized(picture, w, h)
    return canvas, (w / width, h / height, dx, dy)


def found(boxes: np.ndarray, scores: np.ndarray, frame) -> list:
    """Detections [class, x0, y0, x1, y1, score] in the picture's pixels, after NMS for each class."""
    zx, zy, dx, dy = frame
    detections = []
    for kind in range(scores.shape[1]):
        good = scores[:, kind] > SCORE
        if good.any():
            some, values = boxes[good], scores[good, kind]
            for i in nms(some, values, OVERLAP)[:MOST]:
                x0, y0, x1, y1 = some[i]
                detections.append([kind, (x0 - dx) / zx, (y0 - dy) / zy, (x1 - dx) / zx, (y1 - dy) / zy, values[i]])
    return detections


def look(run: Run, model, size: int, letterbox: bool = True, part: str = "dev") -> dict:
    """AP50 on the pictures of the dev set."""
    seen = list(detections(run, model, size, letterbox, part))
    return average_precision(run.classes, [(row, shape) for row, shape, _ in seen], [found for *_, found in seen])


def detections(run: Run, model, size: int, letterbox: bool = True, part: str = "dev"):
    """Row, shape and detections of each picture of the dev set."""
    device = next(model.parameters()).device
    model.eval()
    cells = anchors(size, size)
    for row in rows(run, part):
        picture = read_picture(row["image"])
        canvas, frame = fitted(picture, size, letterbox)
        x = torch.from_numpy(canvas).permute(2, 0, 1)[None].float().div(255).to(device)
        with torch.no_grad():
            encodings, logits = model(x.contiguous(memory_format=torch.channels_last))
        boxes = decode(encodings[0].float().cpu(), cells).numpy()
        yield row, picture.shape, found(boxes, logits[0].float().sigmoid().cpu().numpy(), frame)


def average_precision(classes: list[str], truth: list, answers: list) -> dict:
    """{"ap50", "ap", class: AP50, …} by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    for i, ((row, (height, width, _)), detections) in enumerate(zip(truth, answers)):
        for kind, x0, y0, x1, y1 in row["boxes"]:
            box = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height]
            annotations.append({"id": len(annotations) + 1, "image_id": i, "category_id": int(kind), "bbox": box,
                                "area": box[2] * box[3], "iscrowd": 0})
        for kind, x0, y0, x1, y1, score in detections:
            box = [float(x0), float(y0), float(x1 - x0), float(y1 - y0)]
            results.append({"image_id": i, "category_id": kind, "bbox": box, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = {"images": [{"id": i} for i in range(len(truth))], "annotations": annotations,
                         "categories": [{"id": i, "name": n} for i, n in enumerate(classes)]}
        known.createIndex()
        if not results:
            return {"ap": 0.0, "ap50": 0.0}
        measure = COCOeval(known, known.loadRes(results), "bbox")
        measure.evaluate()
        measure.accumulate()
        precision = measure.eval["precision"][:, :, :, 0, 2]
    mean = lambda p: round(float(p[p > -1].mean()), 4) if (p > -1).any() else None
    figures = {"ap": mean(precision), "ap50": mean(precision[0])}
    return figures | {name: mean(precision[0, :, i]) for i, name in enumerate(classes)}


# Rounds of timing, one file after the other in each, so that all meet the same weather.
ROUNDS, FRAMES = 7, 20


class File:
    """A .tflite file on one thread of the LiteRT interpreter."""

    def __init__(self, path: Path):
        from ai_edge_litert.interpreter import Interpreter

        self.path, self.model = path, Interpreter(str(path), num_threads=1)
        self.model.allocate_tensors()
        self.input, self.outputs = self.model.get_input_details()[0], self.model.get_output_details()
        self.size = int(self.input["shape"][1])

    def put(self, canvas: np.ndarray) -> None:
        """Sets the input to a picture."""
        if self.input["dtype"] == np.float32:
            values = canvas.astype(np.float32) / 255
        else:
            values = (canvas.astype(np.int16) + np.iinfo(self.input["dtype"]).min).astype(self.input["dtype"])
        self.model.set_tensor(self.input["index"], values[None])

    def results(self) -> list[np.ndarray]:
        """The outputs as real numbers, boxes first."""
        values = []
        for output in sorted(self.outputs, key=lambda o: o["index"]):
            raw, (scale, zero) = self.model.get_tensor(output["index"])[0], output["quantization"]
            values.append(raw if raw.dtype == np.float32 else (raw.astype(np.float32) - zero) * scale)
        # Scores are none below 0.
        return values if values[0].min() < 0 else values[::-1]

    def milliseconds(self) -> float:
        """The median of some runs."""
        times = []
        for _ in range(FRAMES):
            start = time.perf_counter()
            self.model.invoke()
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)


def evaluate(run: Run) -> None:
    """Writes results.json: {file: {"bytes", "compressed", "ms", "ap", "ap50", class: AP50}}."""
    files = [File(path) for path in sorted(run.folder.glob("*.tflite"))]
    if not files:
        raise SystemExit(f"{run.folder} has no .tflite file; run the step `export` first")
    pictures = list(read(run, run.recipe["evaluate"]))
    results = {}
    for file in tqdm(files, "evaluate", unit="file"):
        cells, answers, truth = anchors(file.size, file.size), [], []
        for row in pictures:
            picture = read_picture(row["image"])
            canvas, frame = fitted(picture, file.size)
            file.put(canvas)
            file.model.invoke()
            boxes, scores = file.results()
            answers.append(found(decode(torch.from_numpy(boxes.copy()), cells).numpy(), scores, frame))
            truth.append((row, picture.shape))
        content = file.path.read_bytes()
        results[file.path.name] = {"bytes": len(content), "compressed": len(zlib.compress(content, 9))}
        results[file.path.name] |= average_precision(run.classes, truth, answers)
    peer = run.recipe["evaluate"].get("peer")
    timed = files + ([File(run.data / peer)] if peer else [])
    rounds = [[file.milliseconds() for file in timed] for _ in range(ROUNDS + 1)][1:]
    for file, times in zip(timed, zip(*rounds)):
        results.setdefault(file.path.name, {})["ms"] = round(statistics.median(times), 3)
    run.path("results.json").write_text(json.dumps(results, indent=1))
    for name, row in results.items():
        print(name, row)
