"""TFLite metadata with the packed label file, so that any reader of them knows input, outputs and classes.

Schema: metadata_schema.fbs of tensorflow/tflite-support; the numbers below are its fields.
"""

import io
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from . import flatbuffer
from .recipe import Run

LABELS = "labels.txt"
# Values of its enums.
TENSOR_AXIS_LABELS, RGB, IMAGE_PROPERTIES, NORMALIZATION = 2, 1, 2, 1


class Writer:
    """Tables by field number."""

    def __init__(self):
        self.builder = flatbuffers.Builder(1024)

    def text(self, value: str) -> int:
        return self.builder.CreateString(value)

    def vector(self, offsets: list[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def floats(self, values: list[float]) -> int:
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependFloat32(value)
        return self.builder.EndVector()

    def table(self, offsets: dict[int, int], bytes_: dict[int, int] | None = None) -> int:
        bytes_ = bytes_ or {}
        self.builder.StartObject(max([*offsets, *bytes_]) + 1)
        for field, offset in offsets.items():
            self.builder.PrependUOffsetTRelativeSlot(field, offset, 0)
        for field, value in bytes_.items():
            self.builder.PrependUint8Slot(field, value, 0)
        return self.builder.EndObject()


def described(run: Run, outputs: list[tuple[str, str, bool]]) -> bytes:
    """ModelMetadata of a model with one picture as input; `outputs`: name, description, has the labels."""
    w, about = Writer(), run.recipe["about"]
    picture = w.table({}, {0: RGB})
    content = w.table({1: picture}, {0: IMAGE_PROPERTIES})
    # Levels 0 to 255 are 0..1 to the model.
    options = w.table({0: w.floats([0.0]), 1: w.floats([255.0])})
    units = w.vector([w.table({1: options}, {0: NORMALIZATION})])
    name, text = w.text("image"), w.text(about["input"])
    inputs = w.vector([w.table({0: name, 1: text, 3: content, 4: units})])
    tensors = []
    for title, description, labelled in outputs:
        fields = {0: w.text(title), 1: w.text(description)}
        if labelled:
            file, what = w.text(LABELS), w.text("A class a line")
            fields[6] = w.vector([w.table({0: file, 1: what}, {2: TENSOR_AXIS_LABELS})])
        tensors.append(w.table(fields))
    graph = w.vector([w.table({2: inputs, 3: w.vector(tensors)})])
    texts = {0: run.recipe["name"], 1: about["description"], 2: about["version"], 4: "edgecam", 5: about["licence"]}
    fields = {field: w.text(text) for field, text in texts.items()}
    w.builder.Finish(w.table(fields | {3: graph, 7: w.text("1.0.0")}), b"M001")
    return bytes(w.builder.Output())


def pack(source: Path, target: Path, run: Run, outputs: list[tuple[str, str, bool]]) -> None:
    """Writes `source` with its metadata and its labels."""
    model = flatbuffer.read(source)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(described(run, outputs), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    # What the converter noted for itself goes.
    model.metadata = [entry]
    flatbuffer.rename(model, ["image"], [name for name, _, _ in outputs])
    model.description = run.recipe["name"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        # A fixed date, so that the same run gives the same bytes.
        file.writestr(zipfile.ZipInfo(LABELS, (2026, 1, 1, 0, 0, 0)), "\n".join(run.classes) + "\n")
    target.write_bytes(flatbuffer.packed(model) + archive.getvalue())
