"""A loaded ONNX graph that takes one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _runtime

from .detector import MULTIPLE_PX, Floats, ModelFormError

# What the runtime raises; its own classes have no common ancestor but Exception.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    _runtime.EPFail,
    _runtime.Fail,
    _runtime.InvalidArgument,
    _runtime.InvalidGraph,
    _runtime.InvalidProtobuf,
    _runtime.NoModel,
    _runtime.NoSuchFile,
    _runtime.NotImplemented,
    _runtime.RuntimeException,
)


class Graph:
    """A network whose input is one picture, `(1, 3, height, width)`, 0 to 255.

    Attributes:
        fixed_size: Height and width of the input where the file fixes them.
        outputs: Each output's shape by its name; names or None stand for sides left open.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        """Load the graph.

        Args:
            weights: An ONNX file.
            threads: Processor threads for one picture.

        Raises:
            ModelFormError: If the runtime cannot load it, or its input is not one picture.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # It warns of each weight of a file that lists them as inputs, as the published one does.
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), options, providers=["CPUExecutionProvider"]
            )
        except RUNTIME_ERRORS as fault:
            raise ModelFormError(
                f"onnxruntime {onnxruntime.__version__} cannot load it ({fault})"
            ) from fault
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs) or "none"
            raise ModelFormError(f"it takes {len(inputs)} inputs ({names}), and not one picture")
        self._input_name: str = inputs[0].name
        self.fixed_size = _fixed_size(inputs[0].type, inputs[0].shape)
        self.outputs: dict[str, Sequence[int | str | None]] = {
            output.name: tuple(output.shape) for output in self._session.get_outputs()
        }

    def run(self, blob: Floats, outputs: Sequence[str]) -> list[Floats]:
        """Return the named outputs for one picture, without the batch's dimension.

        Raises:
            ModelFormError: If the graph cannot look at a picture of this size.
        """
        try:
            found = self._session.run(list(outputs), {self._input_name: blob})
        except RUNTIME_ERRORS as fault:
            height, width = blob.shape[2:]
            raise ModelFormError(f"it cannot look at {width}x{height} pixels ({fault})") from fault
        return [np.asarray(output[0], dtype=np.float32) for output in found]


def _fixed_size(kind: str, shape: Sequence[int | str | None]) -> tuple[int, int] | None:
    """Return an input's height and width, or None where the file leaves both open.

    Raises:
        ModelFormError: If the input is no single colour picture.
    """
    said = "x".join(str(side) for side in shape)
    if kind != "tensor(float)":
        raise ModelFormError(f"its input is a {kind}; it has to be a tensor(float)")
    if len(shape) != 4 or shape[1] != 3:
        raise ModelFormError(f"its input is {said}, and not 1x3x(height)x(width)")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelFormError(f"its input is {said}: always {shape[0]} pictures at once, and not 1")
    height, width = shape[2:]
    if not isinstance(height, int) and not isinstance(width, int):
        return None
    if not isinstance(height, int) or not isinstance(width, int):
        raise ModelFormError(f"its input is {said}: one side is fixed and the other is not")
    if not height or not width or height % MULTIPLE_PX or width % MULTIPLE_PX:
        raise ModelFormError(f"its input is {said}: no multiples of {MULTIPLE_PX} pixels")
    return height, width
