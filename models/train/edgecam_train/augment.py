"""Makes each picture another one: place, mirror, mosaic, light, noise."""

import cv2
import numpy as np

from .boxes import area

GREY = 114
# Of a box's area that has to be left for it to stay an object; less of it, or smaller, is ignored.
VISIBLE = 0.3
SMALLEST = 3.0


def place(rng, picture, boxes, ignored, size, scale):
    """The picture, scaled and shifted, on a canvas of `size`; boxes [n, 5] of class and pixels."""
    height, width = picture.shape[:2]
    zoom = size / max(height, width) * np.exp(rng.uniform(*np.log(scale)))
    stretch = np.exp(rng.uniform(-0.2, 0.2))
    zx, zy = zoom * stretch, zoom / stretch
    free = lambda room: rng.uniform(min(room, 0), max(room, 0))
    dx, dy = free(size - width * zx), free(size - height * zy)
    mirrored = rng.random() < 0.5
    # Of the middles of pixels, which OpenCV's coordinates are: half a pixel from the edges that boxes are measured from.
    x, y = dx + (zx - 1) / 2, dy + (zy - 1) / 2
    matrix = np.array([[-zx, 0, size - 1 - x] if mirrored else [zx, 0, x], [0, zy, y]], np.float32)
    canvas = cv2.warpAffine(picture, matrix, (size, size), borderValue=(GREY,) * 3)

    def move(rows):
        rows = rows.copy()
        rows[:, 1::2] = rows[:, 1::2] * width * zx + dx
        rows[:, 2::2] = rows[:, 2::2] * height * zy + dy
        if mirrored:
            rows[:, [1, 3]] = size - rows[:, [3, 1]]
        return rows

    return canvas, move(boxes), move(ignored)


def clip(boxes, ignored, window):
    """Cuts boxes to a window; what is left of too little becomes a region to ignore."""
    x0, y0, x1, y1 = window
    limit = lambda rows: np.concatenate([rows[:, :1], np.clip(rows[:, 1:], (x0, y0, x0, y0), (x1, y1, x1, y1))], 1)
    whole, boxes, ignored = area(boxes[:, 1:]), limit(boxes), limit(ignored)
    left = area(boxes[:, 1:])
    sides = np.minimum(boxes[:, 3] - boxes[:, 1], boxes[:, 4] - boxes[:, 2])
    stays = (left > VISIBLE * whole) & (sides >= SMALLEST)
    doubt = ~stays & (left > 0)
    ignored = np.concatenate([ignored[area(ignored[:, 1:]) > 0], boxes[doubt]])
    return boxes[stays], ignored


def mosaic(rng, pick, size):
    """Four pictures around a point; `pick()` gives picture, boxes, ignored."""
    canvas = np.full((size, size, 3), GREY, np.uint8)
    cx, cy = (int(v) for v in rng.uniform(0.3, 0.7, 2) * size)
    all_boxes, all_ignored = [], []
    for x0, y0, x1, y1 in ((0, 0, cx, cy), (cx, 0, size, cy), (0, cy, cx, size), (cx, cy, size, size)):
        part, boxes, ignored = place(rng, *pick(), size, (0.5, 1.1))
        # Slide the window over the placed picture's middle.
        ox = int(rng.uniform(0, size - (x1 - x0)))
        oy = int(rng.uniform(0, size - (y1 - y0)))
        canvas[y0:y1, x0:x1] = part[oy : oy + y1 - y0, ox : ox + x1 - x0]
        shift = np.array([0, x0 - ox, y0 - oy, x0 - ox, y0 - oy], np.float32)
        boxes, ignored = clip(boxes + shift, ignored + shift, (x0, y0, x1, y1))
        all_boxes.append(boxes)
        all_ignored.append(ignored)
    return canvas, np.concatenate(all_boxes), np.concatenate(all_ignored)


def light(rng, picture):
    """Colour, brightness, night, infrared, blur, noise, JPEG."""
    chance = lambda p: rng.random() < p
    if chance(0.8):
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        levels = np.arange(256, dtype=np.float32)
        hue = (levels + rng.uniform(-8, 8)) % 180
        saturation = np.clip(levels * rng.uniform(0.5, 1.5), 0, 255)
        value = 255 * (levels / 255) ** np.exp(rng.uniform(-0.5, 0.5)) * rng.uniform(0.7, 1.2)
        tables = np.stack([hue, saturation, np.clip(value, 0, 255)], -1).astype(np.uint8)
        picture = cv2.cvtColor(cv2.LUT(hsv, tables[:, None]), cv2.COLOR_HSV2RGB)
    if chance(0.08):
        dark = 255 * (np.arange(256) / 255) ** rng.uniform(1.5, 2.5) * rng.uniform(0.5, 0.9)
        picture = noisy(rng, cv2.LUT(picture, dark.astype(np.uint8)), rng.uniform(4, 12))
    if chance(0.12):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if chance(0.4):
            grey = cv2.equalizeHist(grey)
        picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if chance(0.1):
        side = int(rng.choice([3, 5]))
        picture = cv2.GaussianBlur(picture, (side, side), 0) if chance(0.5) else cv2.blur(picture, (side, 1))
    if chance(0.1):
        picture = noisy(rng, picture, rng.uniform(2, 8))
    if chance(0.15):
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 70))])
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return picture


def noisy(rng, picture, sigma):
    """Gaussian noise, the same in all colours."""
    noise = rng.standard_normal(picture.shape[:2], np.float32) * sigma
    return np.clip(picture + noise[..., None], 0, 255).astype(np.uint8)
