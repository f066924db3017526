"""Build model.tar.gz: weights, card, serving code and what the image lacks, for one target.

    model.onnx model.json LICENSE [beside/model.onnx beside/model.json]
    code/inference.py code/headcount_serving/ code/{numpy,cv2,onnxruntime,…}

An endpoint starts with no network: everything it needs is inside, for its own Python and platform.
The same inputs give the same bytes, so that a deployment without a change is no change.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from headcount.errors import ModelError
from training.catalogue import SHIPPED, Catalogue
from training.model_entry import ModelEntry, ModelFile
from training.serving.adapters import FACES, PERSONS
from training.serving.endpoint import BESIDE_FOLDER, CARD_FILE, MODEL_FILE
from training.weights import BUILD, LICENCE_PATH, ROOT, UV, check_sha256, sha256_of
from training.wheels import install_wheels

# The image starts one worker a processor: more threads each would only fight over them.
THREADS = 1

# Python 3.12. The newest PyTorch inference image for processors when this was written.
IMAGE_REPOSITORY = "pytorch-inference"
IMAGE_TAG = "2.6.0-cpu-py312-ubuntu22.04-sagemaker"
# The image's toolkit finds our functions by these.
CONTAINER_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    # A few bytes can claim to be a picture of gigabytes. No camera has more than 64 megapixels.
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(64 * 1024**2),
}

_SERVING = ROOT / "training/serving"
_REQUIREMENTS = ROOT / "requirements/model.txt"
_ENTRY = (
    '"""What the image calls: see headcount_serving/endpoint.py."""\n\n'
    "from headcount_serving.endpoint import input_fn, model_fn, output_fn, predict_fn\n\n"
    '__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]\n'
)
# Not needed to serve, and a third of the size.
_PRUNED_FOLDERS = {"tests", "test", "testing", "docs", "bin", "include", "__pycache__", "tools"}
_PRUNED_SUFFIXES = {".pyi", ".pyc", ".h", ".a", ".lock"}
# Seconds since 1970: any fixed time; this is the first that zip files can hold too.
_MTIME_S = 315_532_800


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model package runs.

    Attributes:
        name: Folder under .build/model.
        platform: As `uv pip install --python-platform` calls it.
        python: E.g. `3.12`.
    """

    name: str
    platform: str
    python: str


def image_uri(account: str, region: str, url_suffix: str = "amazonaws.com") -> str:
    """Return the serving image's address.

    Args:
        account: The region's account of deep-learning images
            (`RegionInfo.get(region).dlc_repository_account` in the CDK).
        region: E.g. `eu-west-1`.
        url_suffix: `amazonaws.com.cn` in China.
    """
    return f"{account}.dkr.ecr.{region}.{url_suffix}/{IMAGE_REPOSITORY}:{IMAGE_TAG}"


def local_target(python: Path = Path(sys.executable)) -> Target:
    """Return the target of this machine and a Python on it."""
    version = subprocess.run(
        [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    machine = platform.machine()
    if platform.system() == "Darwin":
        return Target(
            "local", f"{'aarch64' if machine == 'arm64' else machine}-apple-darwin", version
        )
    return Target("local", f"{machine}-manylinux_2_28", version)


def target_named(name: str) -> Target:
    """Return the target `local` or `aws`.

    Raises:
        ModelError: For any other name.
    """
    if name == "local":
        return local_target()
    if name == "aws":
        # Ubuntu 22.04 has glibc 2.35; the wheels ask for no more than 2.28.
        return Target("aws", "x86_64-manylinux_2_28", "3.12")
    raise ModelError(f"There is no target {name!r}.\nChoose local or aws.")


def build_model(
    target: str | Target,
    model: str | ModelFile = SHIPPED,
    *,
    person_model: str | ModelFile | None = None,
) -> Path:
    """Return the path of model.tar.gz for a target, built again only when an input has changed.

    Args:
        target: `local` (this machine and this Python), `aws`, or a target of your own.
        model: A name of the catalogue, or a file as `Catalogue.describe` returns it, e.g. a
            training job's.
        person_model: One that finds persons, to look at the same pictures beside a `model` that
            finds faces.

    Raises:
        ModelError: If weights or packages cannot be had, or the two models find the same.
    """
    chosen = target_named(target) if isinstance(target, str) else target
    first = _model_file(model)
    beside = None if person_model is None else _model_file(person_model)
    if beside is not None and (first.entry.finds, beside.entry.finds) != (FACES, PERSONS):
        raise ModelError(
            f"{first.entry.name} finds {first.entry.finds} and {beside.entry.name} finds "
            f"{beside.entry.finds}.\nA person model goes beside one that finds faces."
        )
    files = [one for one in (first, beside) if one is not None]
    for one in files:
        check_sha256(one.path, one.entry.sha256)
    archive = _folder(chosen, files) / "model.tar.gz"
    record = archive.with_name("package.json")
    cards = [card_of(one) for one in files]
    inputs_sha256 = _hash_inputs(chosen, cards)
    if _is_fresh(archive, record, inputs_sha256):
        return archive
    sys.stderr.write(f"Packaging the model for {chosen.platform}, Python {chosen.python}…\n")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as made:
        folder = Path(made, "model")
        folder.mkdir()
        _lay_out(folder, files, chosen)
        pack(folder, Path(made, "model.tar.gz")).replace(archive)
    record.write_text(
        json.dumps(
            {
                "sha256": sha256_of(archive),
                "bytes": archive.stat().st_size,
                "inputs_sha256": inputs_sha256,
                "target": asdict(chosen),
                "model": cards[0],
                "person_model": cards[1] if beside else None,
            },
            indent=2,
        )
        + "\n"
    )
    return archive


def model_folder(model: ModelFile, into: Path) -> Path:
    """Lay out weights and card without code, as `model_fn` wants to find them.

    Args:
        model: The file, and what its card is to say.
        into: An existing folder.
    """
    (into / MODEL_FILE).unlink(missing_ok=True)
    shutil.copyfile(model.path, into / MODEL_FILE)
    (into / CARD_FILE).write_text(json.dumps(card_of(model), indent=2) + "\n")
    return into


def card_of(model: ModelFile) -> dict[str, object]:
    """Return what model.json says of a model: its catalogue entry, as far as the endpoint cares."""
    entry = model.entry
    return {
        "name": entry.name,
        "version": entry.version,
        "sha256": entry.sha256,
        "threshold": entry.threshold,
        "input": asdict(entry.input),
        "threads": THREADS,
        "adapter": entry.adapter,
        "finds": entry.finds,
    }


def _model_file(named: str | ModelFile) -> ModelFile:
    return Catalogue.read().find(named) if isinstance(named, str) else named


def _folder(target: Target, files: Sequence[ModelFile]) -> Path:
    """Return where a package is built: the shipped one at the top, each other in its own folder."""
    folder = BUILD / "model" / target.name
    if [one.entry for one in files] == [Catalogue.read().entry(SHIPPED)]:
        return folder
    return folder / "+".join(f"{one.entry.name}-{one.entry.sha256[:12]}" for one in files)


def _is_fresh(archive: Path, record: Path, inputs_sha256: str) -> bool:
    if not archive.exists() or not record.exists():
        return False
    return bool(json.loads(record.read_text())["inputs_sha256"] == inputs_sha256)


def _hash_inputs(target: Target, cards: Sequence[dict[str, object]]) -> str:
    digest = hashlib.sha256(json.dumps([asdict(target), *cards], sort_keys=True).encode())
    for path in (Path(__file__), _REQUIREMENTS, *sorted(_SERVING.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _lay_out(folder: Path, files: Sequence[ModelFile], target: Target) -> None:
    for model, into in zip(files, (folder, folder / BESIDE_FOLDER), strict=False):
        into.mkdir(exist_ok=True)
        model_folder(model, into)
    (folder / "LICENSE").write_text("\n".join(_licence(model.entry) for model in files))
    code = folder / "code"
    install_wheels(
        UV,
        _REQUIREMENTS,
        code,
        *("--only-binary", ":all:", "--link-mode", "copy"),
        *("--python-platform", target.platform, "--python-version", target.python),
    )
    (code / "inference.py").write_text(_ENTRY)
    serving = code / "headcount_serving"
    serving.mkdir()
    for module in sorted(_SERVING.glob("*.py")):
        shutil.copyfile(module, serving / module.name)


def _licence(entry: ModelEntry) -> str:
    if entry.name == SHIPPED:
        return LICENCE_PATH.read_text()
    return f"{entry.name} {entry.version}: {entry.licence}. From: {entry.source}.\n"


def _is_needed(path: Path) -> bool:
    return path.suffix not in _PRUNED_SUFFIXES and not _PRUNED_FOLDERS & set(path.parts[:-1])


def pack(folder: Path, archive: Path, is_needed: Callable[[Path], bool] = _is_needed) -> Path:
    """Return a tar.gz of a folder, whose bytes depend on what the files hold and nothing else.

    Args:
        folder: What to pack.
        archive: The file to write.
        is_needed: Says of a path relative to the folder whether it goes in.
    """
    with (
        archive.open("wb") as file,
        # Level 1: it is machine code, which higher levels hardly shrink and take far longer over.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _files(folder):
            relative = path.relative_to(folder)
            if not is_needed(relative):
                continue
            entry = tarfile.TarInfo(relative.as_posix())
            entry.size = path.stat().st_size
            entry.mtime = _MTIME_S
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return archive


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Build a package and print its path."""
    parser = argparse.ArgumentParser(prog="python -m training.package", description=__doc__)
    parser.add_argument("--target", choices=("local", "aws"), default="local")
    parser.add_argument("--model", default=SHIPPED, help="a name of the catalogue")
    parser.add_argument("--person-model", help="one that finds persons, to go beside it")
    asked = parser.parse_args()
    archive = build_model(asked.target, asked.model, person_model=asked.person_model)
    sys.stdout.write(f"{archive}\n")


if __name__ == "__main__":
    main()
