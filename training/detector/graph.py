"""An ONNX graph as a torch module, and its trained weights back in the very same graph.

No exporter stands between: what is served has the nodes, the names and the dynamic sizes of the
champion's file, and nothing but its weights is new.
"""

import importlib.util
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import nn

from headcount.errors import ModelError
from training.weights import with_constant_weights

# ONNX operators that carry weights, and their inputs in the order of torch's tensors below.
_TENSORS = {
    "Conv": ("weight", "bias"),
    "ConvTranspose": ("weight", "bias"),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
}
_MODULES = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
)


@dataclass(frozen=True, slots=True)
class TrainableGraph:
    """A detector that can be trained.

    Attributes:
        proto: The ONNX model it came from.
        module: The same network in torch; returns the graph's outputs in their order.
    """

    proto: onnx.ModelProto
    module: nn.Module

    def with_trained_weights(self) -> onnx.ModelProto:
        """Return a copy of the ONNX model that holds the module's weights, as constants."""
        trained = onnx.ModelProto()
        trained.CopyFrom(self.proto)
        slots = {weight.name: weight for weight in trained.graph.initializer}
        used = {name for node in trained.graph.node for name in node.input}
        for name, tensor in _named_tensors(self.proto, self.module):
            values = tensor.detach().cpu().numpy()
            slots[name].CopyFrom(numpy_helper.from_array(values, name))
        kept = [weight for weight in trained.graph.initializer if weight.name in used]
        del trained.graph.initializer[:]
        trained.graph.initializer.extend(kept)
        return with_constant_weights(trained)


def read_graph(weights: Path) -> TrainableGraph:
    """Return the detector of an ONNX file as a torch module with frozen batch normalisation.

    Raises:
        ModelError: If the file is no ONNX model, is cut short, or has nodes that torch cannot run.
    """
    try:
        proto = onnx.load(weights)
        onnx.checker.check_model(proto)
    except (OSError, DecodeError, onnx.checker.ValidationError) as fault:
        raise ModelError(
            f"{weights} cannot be read as an ONNX model ({_first_line(fault)}).\n"
            "Name the champion's model.onnx, whole."
        ) from fault
    convert = _converter()
    try:
        module = convert(proto)
    except (NotImplementedError, RuntimeError, ValueError, KeyError) as fault:
        raise ModelError(
            f"{weights} has nodes that cannot be trained ({_first_line(fault)}).\n"
            "Train CenterFace, YuNet or a network of the same operators."
        ) from fault
    # Running statistics stay the champion's: a batch of a few pictures would only spoil them.
    module.eval()
    graph = TrainableGraph(proto, module)
    _check_tensors(graph, weights)
    return graph


def _named_tensors(proto: onnx.ModelProto, module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each initializer that a layer uses, with the layer's tensor, in the graph's order."""
    nodes = [node for node in proto.graph.node if node.op_type in _TENSORS]
    layers = [layer for layer in module.modules() if isinstance(layer, _MODULES)]
    if len(nodes) != len(layers):
        raise ValueError(f"{len(nodes)} nodes with weights became {len(layers)} layers")
    for node, layer in zip(nodes, layers, strict=True):
        for name, attribute in zip(node.input[1:], _TENSORS[node.op_type], strict=False):
            yield name, getattr(layer, attribute)


def _check_tensors(graph: TrainableGraph, weights: Path) -> None:
    """Check that every tensor of the module is found in the graph, so that it can go back."""
    held: dict[str, npt.NDArray[np.float32]] = {
        weight.name: numpy_helper.to_array(weight) for weight in graph.proto.graph.initializer
    }
    try:
        differing = [
            name
            for name, tensor in _named_tensors(graph.proto, graph.module)
            if not np.array_equal(held.get(name, np.zeros(0)), tensor.detach().numpy())
        ]
    except ValueError as fault:
        raise ModelError(f"{weights}: {fault}.\nIts weights could not be written back.") from fault
    if differing:
        raise ModelError(
            f"{weights}: weights {', '.join(differing[:3])} were changed by the conversion.\n"
            "They could not be written back: train a graph of plain convolutions."
        )


def _converter() -> "types.FunctionType":
    """Return onnx2torch's converter.

    It imports torchvision for two operators that no detector here has, and torchvision's builds
    are tied to one torch each: where it is missing, an empty module takes its place.
    """
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        stand_in, operators = types.ModuleType("torchvision"), types.ModuleType("torchvision.ops")
        operators.__dict__["roi_align"] = None
        stand_in.__dict__["ops"] = operators
        sys.modules |= {"torchvision": stand_in, "torchvision.ops": operators}
    from onnx2torch import convert  # noqa: PLC0415 - only after the stand-in is there

    found: types.FunctionType = convert
    return found


def _first_line(fault: Exception) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0]
