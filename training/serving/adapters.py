"""The forms of model that can be served, and how each is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import centerface, yolox, yunet
from .detector import (
    Boxes,
    Canvas,
    Detections,
    Floats,
    InputSize,
    ModelFormError,
    Picture,
    suppress_overlaps,
)
from .graph import Graph

FACES, PERSONS = "faces", "persons"


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one form of model is fed and read.

    Attributes:
        name: As the catalogue calls it.
        finds: `faces` or `persons`.
        is_rgb: Whether the network wants red first; pictures come with blue first.
        fill: The grey that a picture is filled up with to the network's size, 0 to 255.
        nms_iou: Two boxes whose intersection over union is at least this are one.
        is_form_of: Returns whether a graph has this form.
        output_names: Returns which of a graph's outputs `decode` reads, in which order.
        decode: Returns corners in input pixels, `(n, 4)`, and scores, `(n,)`, from those outputs
            without the batch's dimension, the input's height and width, and the lowest score.
    """

    name: str
    finds: str
    is_rgb: bool
    fill: int
    nms_iou: float
    is_form_of: Callable[[Graph], bool]
    output_names: Callable[[Graph], tuple[str, ...]]
    decode: Callable[[Sequence[Floats], int, int, float], tuple[Boxes, Floats]]


CENTERFACE = Adapter(
    name="centerface",
    finds=FACES,
    is_rgb=True,
    fill=0,
    nms_iou=centerface.NMS_IOU,
    is_form_of=centerface.is_centerface,
    output_names=centerface.output_names,
    decode=centerface.decode,
)
YUNET = Adapter(
    name="yunet",
    finds=FACES,
    is_rgb=False,
    fill=0,
    nms_iou=yunet.NMS_IOU,
    is_form_of=yunet.is_yunet,
    output_names=yunet.output_names,
    decode=yunet.decode,
)
YOLOX = Adapter(
    name="yolox",
    finds=PERSONS,
    is_rgb=False,
    fill=yolox.FILL,
    nms_iou=yolox.NMS_IOU,
    is_form_of=yolox.is_yolox,
    output_names=yolox.output_names,
    decode=yolox.decode,
)
ADAPTERS = {adapter.name: adapter for adapter in (CENTERFACE, YUNET, YOLOX)}


def recognise(graph: Graph) -> Adapter:
    """Return the adapter that reads a graph.

    Raises:
        ModelFormError: If none does.
    """
    for adapter in ADAPTERS.values():
        if adapter.is_form_of(graph):
            return adapter
    shapes = ", ".join(
        f"{name} {'x'.join(str(side) for side in shape)}" for name, shape in graph.outputs.items()
    )
    raise ModelFormError(
        f"its outputs ({shapes}) are those of no detector known here: {', '.join(ADAPTERS)}"
    )


class GraphDetector:
    """A loaded network with the adapter that reads it: a `Detector`."""

    def __init__(self, graph: Graph, adapter: Adapter, size: InputSize) -> None:
        """Put the two together.

        Args:
            graph: The network.
            adapter: How it is fed and read.
            size: How large a picture it sees, where its file leaves that open.

        Raises:
            ModelFormError: If the graph has not the adapter's form.
        """
        if not adapter.is_form_of(graph):
            raise ModelFormError(f"its outputs are not those of {adapter.name}")
        self._graph = graph
        self._adapter = adapter
        self._size = size
        self._outputs = adapter.output_names(graph)

    def detect(self, picture: Picture, min_score: float) -> Detections:
        """Return what is in a picture with a score of at least `min_score`.

        Args:
            picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
            min_score: 0 to 1; below 0.05 suppression takes longer than the network.
        """
        corners, scores = self.candidates(picture, min_score)
        kept = suppress_overlaps(corners, scores, self._adapter.nms_iou)
        corners, scores = corners[kept], scores[kept]
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        visible = (boxes[:, 2:] > 0).all(axis=1)
        return Detections(boxes[visible], scores[visible])

    def candidates(self, picture: Picture, min_score: float) -> tuple[Boxes, Floats]:
        """Return corners as fractions of the picture, and scores, before overlaps are dropped."""
        height, width = picture.shape[:2]
        fixed = self._graph.fixed_size
        canvas = (
            Canvas.within(self._size, width, height)
            if fixed is None
            else Canvas.of(fixed, width, height)
        )
        seen = canvas.paint(picture, self._adapter.fill)
        blob = np.asarray(
            cv2.dnn.blobFromImage(seen, swapRB=self._adapter.is_rgb), dtype=np.float32
        )
        answer = self._graph.run(blob, self._outputs)
        corners, scores = self._adapter.decode(answer, canvas.height, canvas.width, min_score)
        return canvas.fractions(corners), scores


def open_detector(weights: Path, adapter: str, size: InputSize, threads: int) -> GraphDetector:
    """Return a detector out of a file.

    Args:
        weights: An ONNX file.
        adapter: The name of its form, or empty to recognise it.
        size: How large a picture it sees, where the file leaves that open.
        threads: Processor threads for one picture.

    Raises:
        ModelFormError: If the file cannot be loaded or has another form.
    """
    graph = Graph(weights, threads)
    if adapter and adapter not in ADAPTERS:
        raise ModelFormError(f"there is no adapter {adapter!r}, only {', '.join(ADAPTERS)}")
    return GraphDetector(graph, ADAPTERS[adapter] if adapter else recognise(graph), size)
