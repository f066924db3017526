"""Build sourcedir.tar.gz: the training code and what the image lacks beside its own torch.

A job needs no package index: everything it imports is inside, by hash, for the image's Python.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from training.package import Target, pack, target_named
from training.weights import BUILD, ROOT, UV
from training.wheels import install_wheels

_REQUIREMENTS = ROOT / "requirements/job.txt"
# The image's toolkit runs this file, beside which all else lies.
_ENTRY = (
    '"""What the image runs: see training/detector/train.py."""\n\n'
    "import sys\n\n"
    "from training.detector.train import main\n\n"
    "sys.exit(main())\n"
)
_SUFFIXES = {".py", ".yaml"}
# Of the packages, what no job imports.
_PRUNED_FOLDERS = {"tests", "bin", "include", "__pycache__"}
_PRUNED_SUFFIXES = {".pyi", ".pyc", ".h", ".a", ".lock"}


def build_bundle(target: str | Target = "aws") -> Path:
    """Return the path of sourcedir.tar.gz for a target.

    Args:
        target: `aws` (the image's Python 3.12), `local`, or one of your own.

    Raises:
        ModelError: If the packages cannot be had.
    """
    chosen = target_named(target) if isinstance(target, str) else target
    archive = BUILD / "training-source" / chosen.name / "sourcedir.tar.gz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as made:
        folder = Path(made, "source")
        lay_out_source(folder, chosen)
        pack(folder, Path(made, archive.name), _is_needed).replace(archive)
    return archive


def lay_out_source(folder: Path, target: Target) -> None:
    """Lay out what the archive holds in a new folder.

    Raises:
        ModelError: If the packages cannot be had.
    """
    folder.mkdir(parents=True)
    install_wheels(
        UV,
        _REQUIREMENTS,
        folder,
        *("--no-deps", "--only-binary", ":all:", "--link-mode", "copy"),
        *("--python-platform", target.platform, "--python-version", target.python),
    )
    (folder / "train.py").write_text(_ENTRY)
    for package in (ROOT / "training", ROOT / "layers/headcount/python/headcount"):
        for module in sorted(package.rglob("*")):
            if module.suffix in _SUFFIXES:
                into = folder / package.name / module.relative_to(package)
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(module, into)


def _is_needed(path: Path) -> bool:
    """Return whether a job may need a file; unlike a server, it needs onnx's tools."""
    return path.suffix not in _PRUNED_SUFFIXES and not _PRUNED_FOLDERS & set(path.parts[:-1])


def main() -> None:
    """Build a bundle and print its path."""
    parser = argparse.ArgumentParser(prog="python -m training.source_bundle", description=__doc__)
    parser.add_argument("--target", choices=("local", "aws"), default="aws")
    sys.stdout.write(f"{build_bundle(parser.parse_args().target)}\n")


if __name__ == "__main__":
    main()
