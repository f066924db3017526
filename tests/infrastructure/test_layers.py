"""That layers fit into Lambda, are the same every time, and hold what handlers import."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from cdk.assets import (
    AWS_ARM64,
    BUILD,
    CORE,
    NUMERIC,
    UNZIPPED_LIMIT_BYTES,
    VISION,
    AssetError,
    Layer,
    LayerTarget,
    host_target,
    layer_zip,
    unzipped_bytes,
)
from tests.infrastructure.conftest import ROOT, Synthesized

FOLDERS = sorted(path.parent for path in (ROOT / "functions").glob("*/handler.py"))
BESIDES_CORE = {
    "check_room": VISION,
    "sample_fragments": VISION,
    "estimate_occupancy": NUMERIC,
}
# What Lambda's own Python brings; the embedded AWS's environment has it and none of our layers.
RUNTIME = BUILD / "emulator/bin/python"


@pytest.mark.parametrize("target", [AWS_ARM64, host_target()], ids=lambda target: target.name)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_code_and_layers_unpack_to_less_than_lambda_allows(
    folder: Path, target: LayerTarget
) -> None:
    code = sum(path.stat().st_size for path in folder.glob("*.py"))

    layers = sum(unzipped_bytes(layer_zip(layer, target)) for layer in _layers_of(folder.name))

    assert code + layers < UNZIPPED_LIMIT_BYTES


def test_functions_get_the_layers_that_were_measured(stage: Synthesized) -> None:
    for folder, function in stage.functions().items():
        assert len(function.properties["Layers"]) == len(_layers_of(folder))


def test_a_layer_is_the_same_to_the_byte_when_built_again(tmp_path: Path) -> None:
    first = _digest(layer_zip(CORE, host_target()))
    stamp = BUILD / "layers" / f"core-{host_target().name}.inputs"

    stamp.write_text("another set of inputs")
    again = _digest(layer_zip(CORE, host_target()))

    assert again == first


def test_a_layer_holds_our_package_and_nothing_that_never_runs() -> None:
    with zipfile.ZipFile(layer_zip(CORE, AWS_ARM64)) as archive:
        names = archive.namelist()

    assert "python/headcount/events.py" in names
    assert "python/pydantic/__init__.py" in names
    assert "python/tzdata/zoneinfo/Europe/Berlin" in names
    assert not [name for name in names if name.endswith((".pyc", ".pyi")) or "/tests/" in name]


def test_compiled_wheels_are_the_targets_own() -> None:
    with zipfile.ZipFile(layer_zip(CORE, AWS_ARM64)) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".so")]

    assert compiled
    assert all("cpython-313-aarch64" in name or "abi3" in name for name in compiled)


def test_a_package_without_a_wheel_for_the_target_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("no-such-package-as-this==1.0 --hash=sha256:" + "0" * 64 + "\n")

    with pytest.raises(AssetError, match=r"requirements\.txt cannot be installed for nowhere"):
        layer_zip(Layer("broken", lock), LayerTarget("nowhere", "3.13", None))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_handler_imports_as_lambda_imports_it(
    folder: Path, unpacked: dict[str, Path], tmp_path: Path
) -> None:
    layers = [str(unpacked[layer.name] / "python") for layer in _layers_of(folder.name)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(folder), *layers]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_SERVICE_NAME": folder.name,
    }

    done = subprocess.run(
        [str(RUNTIME), "-c", "import handler; print(callable(handler.lambda_handler))"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )

    assert done.stdout.strip() == "True", done.stderr


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The layers for this machine, unpacked as Lambda would into /opt."""
    folders = {}
    for layer in (CORE, NUMERIC, VISION):
        folders[layer.name] = tmp_path_factory.mktemp(layer.name)
        with zipfile.ZipFile(layer_zip(layer, host_target())) as archive:
            archive.extractall(folders[layer.name])
    return folders


def _layers_of(folder: str) -> tuple[Layer, ...]:
    return (CORE, BESIDES_CORE[folder]) if folder in BESIDES_CORE else (CORE,)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
