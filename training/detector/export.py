"""Trained weights as an ONNX file, once ONNX Runtime agrees with torch on them."""

from pathlib import Path

import numpy as np
import onnx
import torch

from headcount.errors import TrainingError
from training.detector.graph import TrainableGraph
from training.serving.detector import ModelFormError
from training.serving.graph import Graph

# Beyond this, what was validated is not what would be served. The conversion itself differs by
# 1e-5 (measured); a wrongly written weight by 1 and more.
LARGEST_DIFFERENCE = 1e-3
# Heights and widths in pixels, of two shapes, so that a size fixed by mistake shows.
_CHECKED_PX = ((352, 640), (544, 416))


def export(graph: TrainableGraph, path: Path, outputs: tuple[str, ...]) -> float:
    """Write the module's weights as ONNX of dynamic size, and return how far the two differ.

    Args:
        graph: Trained.
        path: Of the file, replaced only if it passes.
        outputs: Names of the outputs that are served.

    Returns:
        The largest difference between torch and ONNX Runtime over the served outputs.

    Raises:
        TrainingError: If they differ by more than `LARGEST_DIFFERENCE`, or the file cannot be run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    onnx.save(graph.with_trained_weights(), unfinished)
    difference = check(graph, unfinished, outputs)
    unfinished.replace(path)
    return difference


def check(graph: TrainableGraph, weights: Path, outputs: tuple[str, ...]) -> float:
    """Return the largest difference between a module's outputs and an ONNX file's.

    Raises:
        TrainingError: As `export`.
    """
    names = [output.name for output in graph.proto.graph.output]
    random = np.random.default_rng(0)
    largest = 0.0
    try:
        runtime = Graph(weights, threads=1)
        for height, width in _CHECKED_PX:
            picture = random.uniform(0, 255, (1, 3, height, width)).astype(np.float32)
            with torch.inference_mode():
                found = dict(zip(names, graph.module(torch.from_numpy(picture)), strict=True))
            for name, served in zip(outputs, runtime.run(picture, outputs), strict=True):
                apart = np.abs(found[name][0].numpy() - served)
                largest = max(largest, float(apart.max()))
    except (ModelFormError, ValueError) as fault:
        weights.unlink(missing_ok=True)
        raise TrainingError(
            f"The exported model cannot be run: {fault}.\nThe champion's graph is at fault."
        ) from fault
    if not largest <= LARGEST_DIFFERENCE:
        weights.unlink(missing_ok=True)
        raise TrainingError(
            f"The exported model differs from the trained one by {largest:.2g}, and at most "
            f"{LARGEST_DIFFERENCE:g} is allowed.\nNothing was exported. If the loss has run away, "
            "lower learning_rate; else the two read the champion's graph differently."
        )
    return largest
