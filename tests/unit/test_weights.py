import os
import tarfile
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from headcount.errors import ModelError
from training.catalogue import Catalogue
from training.model_entry import ModelFile
from training.package import (
    Target,
    image_uri,
    local_target,
    model_folder,
    pack,
    target_named,
)
from training.serving.endpoint import ModelCard
from training.weights import check_sha256, with_constant_weights, with_dynamic_size


def test_other_weights_than_the_reviewed_ones_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "centerface.onnx"
    weights.write_bytes(b"something else")

    with pytest.raises(ModelError, match="do not use them"):
        check_sha256(weights, "0" * 64)


def test_the_very_weights_are_accepted(tmp_path: Path) -> None:
    weights = tmp_path / "centerface.onnx"
    weights.write_bytes(b"abc")

    check_sha256(weights, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


def test_the_input_size_becomes_dynamic() -> None:
    names = {"537": 1, "538": 2, "539": 2, "540": 10}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [10, channels, 8, 8])
        for name, channels in names.items()
    ]
    picture = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [10, 3, 32, 32])
    graph = helper.make_graph([], "fixed", [picture], outputs)

    # The checker that runs inside wants a graph that could run.
    graph.node.extend(
        helper.make_node("RandomNormal", [], [name], shape=[10, channels, 8, 8])
        for name, channels in names.items()
    )
    dynamic = with_dynamic_size(helper.make_model(graph))

    dims = dynamic.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 3, "height", "width"]


def test_weights_are_constants_and_the_picture_stays_an_input() -> None:
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xwy"}
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])
    add = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([add], "g", [values["x"], values["w"]], [values["y"]], [weight])

    constant = with_constant_weights(helper.make_model(graph))

    assert [value.name for value in constant.graph.input] == ["x"]
    assert [value.name for value in constant.graph.initializer] == ["w"]


def test_a_packaged_model_is_who_the_catalogue_says(tmp_path: Path) -> None:
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"abc")
    into = tmp_path / "model"
    into.mkdir()
    entry = Catalogue.read(tmp_path).entry("centerface")

    card = ModelCard.read(model_folder(ModelFile(weights, entry), into) / "model.json")

    assert (card.name, card.version, card.sha256) == (entry.name, entry.version, entry.sha256)
    assert (card.threshold, card.size) == (entry.threshold, entry.input)
    assert (card.adapter, card.finds) == ("centerface", "faces")
    assert (into / "model.onnx").read_bytes() == b"abc"


def test_a_package_depends_on_what_its_files_hold_and_nothing_else(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for age_s, folder in enumerate(folders):
        (folder / "code/tests").mkdir(parents=True)
        for name in ("model.json", "code/inference.py", "code/tests/left_out.py"):
            (folder / name).write_text(name)
            os.utime(folder / name, (age_s, age_s))

    one, two = (pack(folder, folder.with_suffix(".tar.gz")) for folder in folders)

    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        assert archive.getnames() == ["code/inference.py", "model.json"]


def test_the_aws_target_is_the_images_python() -> None:
    assert target_named("aws") == Target("aws", "x86_64-manylinux_2_28", "3.12")
    assert "-py312-" in image_uri("763104351884", "eu-west-1")
    assert target_named("local") == local_target()
    with pytest.raises(ModelError, match="Choose local or aws"):
        target_named("mars")
