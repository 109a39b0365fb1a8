"""A .tflite file as objects, and back."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def read(path) -> schema.ModelT:
    """The whole model, with its weights in it: exporters put those behind the flatbuffer."""
    with open(path, "rb") as file:
        content = file.read()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def rename(model: schema.ModelT, inputs: list[str], outputs: list[str]) -> None:
    """Names inputs and outputs; other tensors get short names."""
    graph, (signature,) = model.subgraphs[0], model.signatureDefs
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}"
    for maps, names in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for entry, name in zip(sorted(maps, key=lambda m: m.name), names, strict=True):
            entry.name = graph.tensors[entry.tensorIndex].name = name


def packed(model: schema.ModelT) -> bytes:
    """The bytes of a file."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
