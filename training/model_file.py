"""One ONNX file, looked at before it is trusted: is it a detector that can be served?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from headcount.errors import ModelError
from training.serving.adapters import ADAPTERS, Adapter, GraphDetector, recognise
from training.serving.detector import InputSize, ModelFormError
from training.serving.graph import Graph
from training.weights import sha256_of

# Chosen: the largest YOLOX that a processor can look at a camera with has 100 MB.
MAX_BYTES = 256 * 1024**2
# Two sizes, lying and standing, no side of them a multiple of a network's own. Chosen.
_TRIED_SIZES = ((360, 640), (500, 300))
_TRIED_INPUT = InputSize(min_long_side_px=320, max_long_side_px=640)
# Sigmoids are exact at their ends, and somebody's own kernels nearly so. Chosen.
_SCORE_TOLERANCE = 1e-3
_ONNX_DOMAINS = frozenset({"", "ai.onnx"})
_REMEDY = "Name an ONNX file of CenterFace's, YuNet's or YOLOX's form (docs/models.md)."


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """What a file turned out to be.

    Attributes:
        adapter: The form of the network.
        sha256: Of the file.
        fixed_side_px: The longer side of the input where the file fixes it.
        bytes: Size of the file.
        opset: Version of ONNX's operators that it asks for.
    """

    adapter: Adapter
    sha256: str
    fixed_side_px: int | None
    bytes: int
    opset: int


def examine(path: Path, adapter: str = "") -> ExaminedFile:
    """Return what an ONNX file is, after it has looked at two pictures of noise.

    Args:
        path: The file.
        adapter: The name of its form, or empty to recognise it.

    Raises:
        ModelError: If it is no detector that can be served; says why.
    """
    if adapter and adapter not in ADAPTERS:
        raise ModelError(f"There is no adapter {adapter!r}.\nChoose {', '.join(ADAPTERS)}.")
    size_bytes = checked_size(path)
    opset = _checked_opset(path)
    try:
        graph = Graph(path, threads=1)
        form = ADAPTERS[adapter] if adapter else recognise(graph)
        _try(GraphDetector(graph, form, _TRIED_INPUT))
    except ModelFormError as fault:
        raise ModelError(f"{path}: {fault}.\n{_REMEDY}") from fault
    return ExaminedFile(
        adapter=form,
        sha256=sha256_of(path),
        fixed_side_px=None if graph.fixed_size is None else max(graph.fixed_size),
        bytes=size_bytes,
        opset=opset,
    )


def checked_size(path: Path) -> int:
    """Return how many bytes a file has.

    Raises:
        ModelError: If it cannot be read, or is larger than anything that could be served.
    """
    try:
        size_bytes = path.stat().st_size
        if path.is_file():
            path.open("rb").close()
    except OSError as fault:
        raise ModelError(f"{path} cannot be read ({fault.strerror}).\n{_REMEDY}") from fault
    if not path.is_file():
        raise ModelError(f"{path} is no file.\n{_REMEDY}")
    if size_bytes > MAX_BYTES:
        raise ModelError(
            f"{path} has {size_bytes / 1024**2:.0f} MB; at most {MAX_BYTES // 1024**2} are taken: "
            "nothing larger looks at a camera on a processor in time.\nBring a smaller model."
        )
    return size_bytes


def _checked_opset(path: Path) -> int:
    """Return the version of ONNX's operators that a file asks for.

    Raises:
        ModelError: If it is no ONNX file, is truncated, or keeps its weights elsewhere.
    """
    try:
        # Whether the weights are inside is asked before anything outside is opened.
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except (OSError, DecodeError) as fault:
        raise ModelError(
            f"{path} cannot be read as an ONNX model ({fault}): it is none, or it breaks off.\n"
            f"{_REMEDY}"
        ) from fault
    if not model.graph.node:
        raise ModelError(f"{path} has no network in it: it is no ONNX model.\n{_REMEDY}")
    elsewhere = next((one.name for one in _tensors(model.graph) if _is_external(one)), None)
    if elsewhere is not None:
        raise ModelError(
            f"{path} keeps weights in other files ({elsewhere!r}).\nSave it in one: "
            "onnx.save(onnx.load(path), one_file)."
        )
    return max(
        (one.version for one in model.opset_import if one.domain in _ONNX_DOMAINS), default=0
    )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _try(detector: GraphDetector) -> None:
    """Let a detector look at noise.

    Raises:
        ModelFormError: If its answers are no boxes and scores.
    """
    noise = np.random.default_rng(0)
    for height, width in _TRIED_SIZES:
        picture = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
        # Sides that overflow are found below, by what they cover.
        with np.errstate(over="ignore", invalid="ignore"):
            corners, scores = detector.candidates(picture, -np.inf)
        if scores.size == 0 or not np.isfinite(corners).all():
            raise ModelFormError("its boxes or scores are no numbers")
        lowest, highest = float(np.min(scores)), float(np.max(scores))
        if lowest < -_SCORE_TOLERANCE or highest > 1 + _SCORE_TOLERANCE:
            raise ModelFormError(
                f"its scores go from {lowest:.3g} to {highest:.3g} and not from 0 to 1: a sigmoid "
                "was left out when it was exported"
            )
        sides = corners[:, 2:] - corners[:, :2]
        if float(np.median(sides.prod(axis=1))) >= 1:
            raise ModelFormError(
                "most of its boxes fill the whole picture: they were decoded already when it was "
                "exported"
            )
