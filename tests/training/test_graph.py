from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from headcount.errors import ModelError, TrainingError
from training.detector.export import check, export
from training.detector.graph import read_graph
from training.detector.learning import LEARNING
from training.serving.centerface import OUTPUTS


def test_torch_and_onnx_runtime_say_the_same_of_the_champion(champion: Path) -> None:
    assert check(read_graph(champion), champion, OUTPUTS) < 1e-4


def test_trained_weights_go_back_into_the_same_graph(champion: Path, tmp_path: Path) -> None:
    graph = read_graph(champion)
    with torch.no_grad():
        for weight in graph.module.parameters():
            weight.mul_(1.01)

    difference = export(graph, tmp_path / "model.onnx", OUTPUTS)

    before, after = onnx.load(champion), onnx.load(tmp_path / "model.onnx")
    assert difference < 1e-3
    assert [node.output for node in after.graph.node] == [node.output for node in before.graph.node]
    assert [one.name for one in after.graph.input] == ["input.1"]
    assert [one.name for one in after.graph.output] == ["537", "538", "539", "540"]


def test_an_export_takes_pictures_of_any_size_and_number(champion: Path, tmp_path: Path) -> None:
    export(read_graph(champion), tmp_path / "model.onnx", OUTPUTS)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))

    for shape in ((1, 3, 64, 96), (2, 3, 160, 32)):
        (heat,) = session.run(["537"], {"input.1": np.zeros(shape, np.float32)})
        assert heat.shape == (shape[0], 1, shape[2] // 4, shape[3] // 4)


def test_what_differs_from_what_was_trained_is_not_exported(champion: Path, tmp_path: Path) -> None:
    graph = read_graph(champion)
    stale = tmp_path / "model.onnx"
    onnx.save(graph.with_trained_weights(), stale)
    with torch.no_grad():
        next(graph.module.parameters()).add_(0.5)

    with pytest.raises(TrainingError, match=r"differs from the trained one by \d"):
        check(graph, stale, OUTPUTS)
    assert not stale.exists()


def test_statistics_of_batch_normalisation_are_frozen(champion: Path) -> None:
    graph = read_graph(champion)
    before = {name: value.clone() for name, value in graph.module.named_buffers()}

    graph.module(torch.rand(2, 3, 64, 64) * 255)

    assert before.keys()
    assert all(torch.equal(before[name], value) for name, value in graph.module.named_buffers())


def test_yunet_can_be_trained_and_written_back(shared_data: Path, tmp_path: Path) -> None:
    graph = read_graph(shared_data / "weights/yunet_n_dynamic.onnx")
    with torch.no_grad():
        for weight in graph.module.parameters():
            weight.mul_(0.99)

    assert export(graph, tmp_path / "model.onnx", LEARNING["yunet"].outputs) < 1e-3


def test_a_truncated_file_is_refused(champion: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(champion.read_bytes()[:100_000])

    with pytest.raises(ModelError, match=r"cut\.onnx cannot be read as an ONNX model"):
        read_graph(cut)


def test_a_graph_that_torch_cannot_run_is_refused(tmp_path: Path) -> None:
    picture = helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, 8, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 8, 8])
    node = helper.make_node("Mish", ["in"], ["out"])
    model = helper.make_model(
        helper.make_graph([node], "odd", [picture], [out]),
        opset_imports=[helper.make_opsetid("", 18)],
    )
    onnx.save(model, tmp_path / "odd.onnx")

    with pytest.raises(ModelError, match=r"odd\.onnx has nodes that cannot be trained"):
        read_graph(tmp_path / "odd.onnx")
