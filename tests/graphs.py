"""Tiny networks of the three forms that can be served, whose answers can be reckoned by hand.

Each scores a cell by how bright one colour of the picture is in it, 0 to 1, and gives every cell
the same box: so a bright square in a picture is found where it is, or the form is misread.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.serving import centerface, yolox, yunet

# Of a box, in cells: its centre from the cell's corner, and the logarithms of its sides.
OFFSET_X, OFFSET_Y, WIDE, TALL = 0.5, 0.25, 2.0, 3.0
_FLOAT = TensorProto.FLOAT
# One that every onnxruntime of the last years loads, as with the operators of opset 17.
_IR_VERSION = 8
OPSET = 17


def brightness_of(channel: int, stride: int) -> np.ndarray:
    """Return the kernel that averages one colour of a cell to 0 to 1, shape `(1, 3, s, s)`."""
    kernel = np.zeros((1, 3, stride, stride), np.float32)
    kernel[:, channel] = 1 / (255 * stride**2)
    return kernel


class Drawing:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def tensor(self, name: str, values: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def cells(self, output: str, stride: int, kernels: np.ndarray, bias: Sequence[float]) -> str:
        """Add what each cell of a grid answers, shape `(1, channels, rows, columns)`."""
        kernel = self.tensor(f"{output}.kernel", kernels)
        offset = self.tensor(f"{output}.bias", np.array(bias, np.float32))
        return self.node("Conv", ["picture", kernel, offset], output, strides=[stride, stride])

    def rows(self, cells: str, channels: int, output: str) -> str:
        """Add the cells one after another, row by row, shape `(1, cells, channels)`."""
        last = self.node("Transpose", [cells], f"{output}.last", perm=[0, 2, 3, 1])
        shape = self.tensor(f"{output}.shape", np.array([1, -1, channels], np.int64))
        return self.node("Reshape", [last, shape], output)

    def save(
        self,
        path: Path,
        outputs: dict[str, list[int | str]],
        *,
        picture: Sequence[int | str] = (1, 3, "height", "width"),
        opset: int = OPSET,
    ) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "drawn",
            [helper.make_tensor_value_info("picture", _FLOAT, list(picture))],
            [helper.make_tensor_value_info(name, _FLOAT, dims) for name, dims in outputs.items()],
            self.weights,
        )
        opsets = [helper.make_opsetid("", opset)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION), path)
        return path


def _flat(channels: int, stride: int) -> np.ndarray:
    return np.zeros((channels, 3, stride, stride), np.float32)


def yunet_graph(path: Path, picture: Sequence[int | str] = (1, 3, "height", "width")) -> Path:
    """Write a network of YuNet's form that looks at blue, its first colour."""
    drawing = Drawing()
    box = [OFFSET_X, OFFSET_Y, np.log(WIDE), np.log(TALL)]
    for stride in yunet.STRIDES_PX:
        for part in ("cls", "obj"):
            scores = drawing.cells(f"{part}{stride}", stride, brightness_of(0, stride), [0])
            drawing.rows(scores, 1, f"{part}_{stride}")
        boxes = drawing.cells(f"bbox{stride}", stride, _flat(4, stride), box)
        drawing.rows(boxes, 4, f"bbox_{stride}")
    outputs: dict[str, list[int | str]] = {
        name: [1, f"cells{index}", 4 if name.startswith("bbox") else 1]
        for index, name in enumerate(yunet.OUTPUTS)
    }
    return drawing.save(path, outputs, picture=picture)


def yolox_graph(
    path: Path, side_px: int = 64, *, gain: float = 1.0, log_sides: tuple[float, float] = (0, 0)
) -> Path:
    """Write a network of YOLOX's form whose objectness is blue, and that is sure of two classes.

    Args:
        gain: What the objectness is multiplied by; over 1 it is no probability.
        log_sides: Of its boxes, added to those of the other forms.
    """
    drawing = Drawing()
    wide, tall = np.log(WIDE) + log_sides[0], np.log(TALL) + log_sides[1]
    grids = []
    for stride in yolox.STRIDES_PX:
        kernels = _flat(7, stride)
        kernels[4] = gain * brightness_of(0, stride)[0]
        # Centre, sides, objectness; a person is 0.8 likely, a bicycle 0.9.
        bias = [OFFSET_X, OFFSET_Y, wide, tall, 0, 0.8, 0.9]
        grids.append(
            drawing.rows(drawing.cells(f"grid{stride}", stride, kernels, bias), 7, f"out{stride}")
        )
    drawing.node("Concat", grids, "output", axis=1)
    count = yolox.cell_count(side_px, side_px)
    return drawing.save(path, {"output": [1, count, 7]}, picture=(1, 3, side_px, side_px))


def centerface_graph(path: Path, picture: Sequence[int | str] = (1, 3, "height", "width")) -> Path:
    """Write a network of CenterFace's form that looks at red, its first colour."""
    drawing = Drawing()
    stride = centerface.STRIDE_PX
    heat, log_size, offset = centerface.OUTPUTS
    drawing.cells(heat, stride, brightness_of(0, stride), [0])
    drawing.cells(log_size, stride, _flat(2, stride), [np.log(TALL), np.log(WIDE)])
    # This form counts from a cell's centre.
    drawing.cells(offset, stride, _flat(2, stride), [OFFSET_Y - 0.5, OFFSET_X - 0.5])
    outputs: dict[str, list[int | str]] = {
        name: ["batch", channels, "rows", "columns"]
        for name, channels in zip(centerface.OUTPUTS, (1, 2, 2), strict=True)
    }
    return drawing.save(path, outputs, picture=picture)


def constant_graph(path: Path, answer: Sequence[int], side_px: int) -> Path:
    """Write a network that answers zeros of this shape, whatever it sees."""
    drawing = Drawing()
    drawing.node("Identity", [drawing.tensor("zeros", np.zeros(answer, np.float32))], "output")
    return drawing.save(path, {"output": list(answer)}, picture=(1, 3, side_px, side_px))


def other_graph(
    path: Path,
    outputs: int = 1,
    *,
    picture: Sequence[int | str] = (1, 3, "height", "width"),
    opset: int = OPSET,
) -> Path:
    """Write a network that looks at a picture and finds nothing in it."""
    drawing = Drawing()
    for number in range(outputs):
        drawing.node("Relu", ["picture"], f"map{number}")
    return drawing.save(
        path,
        {f"map{number}": list(picture) for number in range(outputs)},
        picture=picture,
        opset=opset,
    )
