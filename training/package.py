"""Build model.tar.gz: weights, card, serving code and what the image lacks, for one target.

    model.onnx model.json LICENSE
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
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from headcount.errors import ModelError
from training.serving.centerface import InputSize
from training.weights import BUILD, LICENCE_PATH, ROOT, UV, fetch_weights, sha256_of
from training.wheels import install_wheels

MODEL_NAME = "centerface"
MODEL_VERSION = "1.0.0"
# Measured on 320 photos of masked people, split by odd and even number: on the odd half the mean
# error of the count is least at 0.40 (0.84 faces), which leaves 0.59 on the even half, where 0.44
# would leave 0.55. No false face in 49 frames of an empty entrance, at 0.30 neither.
THRESHOLD = 0.4
# Enlarging small pictures to 640 raised AP on these 400-pixel photos from 0.77 to 0.83. The upper
# bound is chosen for time, which grows with the area: a 720p camera is seen at 960x540, in about
# half of the time that its own size would take.
INPUT_SIZE = InputSize(min_long_side_px=640, max_long_side_px=960)
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


def build_model(target: str | Target) -> Path:
    """Return the path of model.tar.gz for a target, built again only when an input has changed.

    Args:
        target: `local` (this machine and this Python), `aws`, or a target of your own.

    Raises:
        ModelError: If weights or packages cannot be had.
    """
    chosen = target_named(target) if isinstance(target, str) else target
    weights = fetch_weights()
    card = _card(weights)
    archive = BUILD / "model" / chosen.name / "model.tar.gz"
    record = archive.with_name("package.json")
    inputs_sha256 = _hash_inputs(chosen, card)
    if _is_fresh(archive, record, inputs_sha256):
        return archive
    sys.stderr.write(f"Packaging the model for {chosen.platform}, Python {chosen.python}…\n")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as made:
        folder = Path(made, "model")
        folder.mkdir()
        _lay_out(folder, weights, chosen)
        pack(folder, Path(made, "model.tar.gz")).replace(archive)
    record.write_text(
        json.dumps(
            {
                "sha256": sha256_of(archive),
                "bytes": archive.stat().st_size,
                "inputs_sha256": inputs_sha256,
                "target": asdict(chosen),
                "model": card,
            },
            indent=2,
        )
        + "\n"
    )
    return archive


def model_folder(weights: Path, into: Path) -> Path:
    """Lay out weights and card without code, as `model_fn` wants to find them.

    Args:
        weights: An ONNX file with CenterFace's inputs and outputs.
        into: An existing folder.
    """
    (into / "model.onnx").unlink(missing_ok=True)
    shutil.copyfile(weights, into / "model.onnx")
    (into / "model.json").write_text(json.dumps(_card(weights), indent=2) + "\n")
    return into


def _is_fresh(archive: Path, record: Path, inputs_sha256: str) -> bool:
    if not archive.exists() or not record.exists():
        return False
    return bool(json.loads(record.read_text())["inputs_sha256"] == inputs_sha256)


def _card(weights: Path) -> dict[str, object]:
    return {
        "name": MODEL_NAME,
        "version": MODEL_VERSION,
        "sha256": sha256_of(weights),
        "threshold": THRESHOLD,
        "input": asdict(INPUT_SIZE),
        "threads": THREADS,
    }


def _hash_inputs(target: Target, card: dict[str, object]) -> str:
    digest = hashlib.sha256(json.dumps([asdict(target), card], sort_keys=True).encode())
    for path in (Path(__file__), _REQUIREMENTS, *sorted(_SERVING.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _lay_out(folder: Path, weights: Path, target: Target) -> None:
    model_folder(weights, folder)
    shutil.copyfile(LICENCE_PATH, folder / "LICENSE")
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


def _is_needed(path: Path) -> bool:
    return path.suffix not in _PRUNED_SUFFIXES and not _PRUNED_FOLDERS & set(path.parts[:-1])


def pack(folder: Path, archive: Path) -> Path:
    """Return a tar.gz of a folder, whose bytes depend on what the files hold and nothing else."""
    with (
        archive.open("wb") as file,
        # Level 1: it is machine code, which higher levels hardly shrink and take far longer over.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _files(folder):
            relative = path.relative_to(folder)
            if not _is_needed(relative):
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
    sys.stdout.write(f"{build_model(parser.parse_args().target)}\n")


if __name__ == "__main__":
    main()
