"""Lambda layers, built without docker for the machine they will run on.

They are made under .build/layers, once per hash of its inputs, and byte for byte the same on every
machine: sorted names, one fixed date, no caches. This module does not import aws_cdk, so that
`python -m ops.build` starts at once.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headcount.errors import HeadcountError

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / ".build"
PACKAGE: Final = ROOT / "layers/headcount/python/headcount"
# Lambda refuses a function whose code and layers unpack to more (AWS Lambda quotas).
UNZIPPED_LIMIT_BYTES: Final = 250 * 1024 * 1024

_PRUNED_FOLDERS: Final = frozenset({"__pycache__", "bin", "include", "tests"})
_PRUNED_SUFFIXES: Final = frozenset({".pyc", ".pyi"})
# uv writes these into a --target folder for itself.
_PRUNED_NAMES: Final = frozenset({".lock", ".gitignore", "direct_url.json", "uv_cache.json"})
# The earliest date a zip can hold: a fixed one keeps the asset's hash the same.
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
# Raise it when this file starts to build the same inputs differently.
_RECIPE: Final = "1"

Progress = Callable[[str], None]


class AssetError(HeadcountError):
    """What is to be deployed cannot be built."""


@dataclass(frozen=True, slots=True)
class LayerTarget:
    """Where a layer's compiled wheels will run.

    Attributes:
        name: Part of the built file's name.
        python_version: e.g. `3.13`.
        platform: uv's name of the target platform; None is this machine.
    """

    name: str
    python_version: str
    platform: str | None


AWS_ARM64: Final = LayerTarget("arm64", "3.13", "aarch64-manylinux_2_28")


def host_target() -> LayerTarget:
    """Return this machine, on the Python that the embedded AWS runs functions with."""
    return LayerTarget("host", _version_of_environment(BUILD / "emulator"), None)


@dataclass(frozen=True, slots=True)
class Layer:
    """One Lambda layer: locked third-party packages and, in one of them, our own.

    Attributes:
        name: `core`, `numeric` or `vision`.
        requirements: The lock file, hashes included.
        package: Our package's folder, or None.
    """

    name: str
    requirements: Path
    package: Path | None = None


CORE: Final = Layer("core", ROOT / "requirements/core.txt", PACKAGE)
NUMERIC: Final = Layer("numeric", ROOT / "requirements/numeric.txt")
VISION: Final = Layer("vision", ROOT / "requirements/vision.txt")
LAYERS: Final = (CORE, NUMERIC, VISION)


def _silent(_: str) -> None:
    """Report nothing."""


def layer_zip(layer: Layer, target: LayerTarget, progress: Progress = _silent) -> Path:
    """Return the layer's zip, built first if its inputs have changed.

    Raises:
        AssetError: If the locked packages have no wheels for the target.
    """
    built = BUILD / "layers" / f"{layer.name}-{target.name}.zip"
    inputs = _hash_of_layer(layer, target)
    with _only_builder(built):
        if _is_current(built, inputs):
            progress(f"Layer {layer.name} for {target.name}: up to date.")
            return built
        progress(f"Layer {layer.name} for {target.name}: building…")
        with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
            site = Path(scratch) / "site"
            _install(layer.requirements, target, site)
            members = dict(_members(site, "python"))
            if layer.package is not None:
                members.update(_members(layer.package, f"python/{layer.package.name}"))
            unfinished = Path(scratch) / built.name
            _write_zip(members, unfinished)
            unfinished.replace(built)
        _stamp_of(built).write_text(inputs)
        megabytes = unzipped_bytes(built) / 1024**2
        progress(f"Layer {layer.name} for {target.name}: {megabytes:.0f} MB unzipped.")
    return built


def unzipped_bytes(archive: Path) -> int:
    """Return how many bytes `archive` unpacks to."""
    with zipfile.ZipFile(archive) as opened:
        return sum(member.file_size for member in opened.infolist())


def _hash_of_layer(layer: Layer, target: LayerTarget) -> str:
    digest = hashlib.sha256(f"{_RECIPE}\0{target}\0".encode())
    digest.update(layer.requirements.read_bytes())
    if layer.package is not None:
        for name, path in sorted(_members(layer.package, "")):
            digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _is_current(built: Path, inputs: str) -> bool:
    stamp = _stamp_of(built)
    return built.exists() and stamp.exists() and stamp.read_text() == inputs


def _stamp_of(built: Path) -> Path:
    return built.with_suffix(".inputs")


def _install(requirements: Path, target: LayerTarget, into: Path) -> None:
    elsewhere = [] if target.platform is None else ["--python-platform", target.platform]
    command = [
        _uv(), "pip", "install", "--quiet", "--target", str(into),
        "--python", str(_interpreter()), "--python-version", target.python_version, *elsewhere,
        "--only-binary", ":all:", "--require-hashes", "--link-mode", "copy",
        "-r", str(requirements),
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
    )
    if done.returncode != 0:
        raise AssetError(
            f"{requirements.name} cannot be installed for {target.name} "
            f"(Python {target.python_version}):\n{done.stderr.strip()}\n"
            "Check that the package index answers; after a change of versions run `make lock`."
        )


def _members(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        wanted = (
            path.is_file()
            and path.suffix not in _PRUNED_SUFFIXES
            and path.name not in _PRUNED_NAMES
            and not _PRUNED_FOLDERS.intersection(inside.parts[:-1])
        )
        if wanted:
            yield f"{prefix}/{inside.as_posix()}", path


def _write_zip(members: dict[str, Path], where: Path) -> None:
    with zipfile.ZipFile(where, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, or Lambda ignores the permissions that follow
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


@contextmanager
def _only_builder(built: Path) -> Iterator[None]:
    """Let one process at a time build a file: tests and deployments run side by side."""
    built.parent.mkdir(parents=True, exist_ok=True)
    with built.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv() -> str:
    found = shutil.which(
        "uv", path=f"{BUILD / 'tools/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if found is None:
        raise AssetError("uv was not found. Run `make install`, which puts it into .build/tools.")
    return found


def _interpreter() -> Path:
    emulator = BUILD / "emulator/bin/python"
    return emulator if emulator.exists() else Path(sys.executable)


def _version_of_environment(environment: Path) -> str:
    """Return the Python version of a virtual environment, e.g. `3.13`; without one, ours."""
    settings = environment / "pyvenv.cfg"
    if settings.exists():
        for line in settings.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() in {"version", "version_info"}:
                return ".".join(value.strip().split(".")[:2])
    return f"{sys.version_info.major}.{sys.version_info.minor}"
