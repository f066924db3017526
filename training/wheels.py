"""Packages from the index into a folder, by their locked hashes."""

import subprocess
from pathlib import Path

from headcount.errors import ModelError


def install_wheels(uv: Path, requirements: Path, into: Path, *options: str) -> None:
    """Install what `requirements` locks into a folder of its own.

    Args:
        uv: The installer that `make install` brings.
        requirements: Every package with its hashes.
        into: Made if it is not there.
        options: More of `uv pip install`, e.g. the platform.

    Raises:
        ModelError: If they cannot be had.
    """
    if not uv.exists():
        raise ModelError(f"{uv} is missing.\nRun `make install` first.")
    finished = subprocess.run(
        [
            str(uv), "pip", "install", "--quiet", "--require-hashes", *options,
            "--target", str(into), "--requirements", str(requirements),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if finished.returncode != 0:
        raise ModelError(
            f"What {requirements.name} locks could not be installed: {finished.stderr.strip()}\n"
            "Check that the package index can be reached and has wheels for this machine and its "
            "Python, and run the command again."
        )
