"""Lay out a training job on this machine, as SageMaker lays it out in a container."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from headcount.errors import ManifestError
from training.manifest import Frame, Manifest, write_manifest
from training.weights import sha256_of

MANIFEST = "manifest.jsonl"


def write_channel(manifest: Manifest, frames: Iterable[Frame], folder: Path) -> Manifest:
    """Put some frames of a manifest into a folder of their own, and return its manifest.

    Args:
        manifest: Where the pictures are.
        frames: Those of the channel.
        folder: Emptied first. Pictures are linked where the disk allows it, else copied.

    Raises:
        ManifestError: If a picture is missing, is not on this machine or cannot be put there.
    """
    kept = tuple(frames)
    manifest.as_labelled(kept)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        named = [
            replace(frame, source=_link(manifest.picture(frame), folder / f"pictures/{number:06d}"))
            for number, frame in enumerate(kept)
        ]
    except OSError as fault:
        raise ManifestError(
            f"{folder} cannot be written ({fault.strerror}).\nName a folder of yours."
        ) from fault
    return write_manifest(folder / MANIFEST, named)


def write_job(root: Path, hyperparameters: Mapping[str, object], channels: Iterable[str]) -> None:
    """Write a job's configuration below `root`, every value as text, and forget an older run."""
    for made in ("model", "output", "checkpoints"):
        shutil.rmtree(root / made, ignore_errors=True)
    config = root / "input/config"
    config.mkdir(parents=True, exist_ok=True)
    texts = {name: str(value) for name, value in hyperparameters.items()}
    (config / "hyperparameters.json").write_text(json.dumps(texts, indent=2) + "\n")
    described = {
        name: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
        for name in channels
    }
    (config / "inputdataconfig.json").write_text(json.dumps(described, indent=2) + "\n")


def write_champion(weights: Path, root: Path) -> None:
    """Give a job its champion by the channel `model`."""
    folder = root / "input/data/model"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "model.onnx"
    if not target.exists() or sha256_of(target) != sha256_of(weights):
        shutil.copyfile(weights, target)


def _link(picture: Path, without_suffix: Path) -> str:
    """Put a picture where it is wanted, and return its name relative to the channel's folder."""
    target = without_suffix.with_name(without_suffix.name + picture.suffix.lower())
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(picture, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(picture, target)
    return f"{target.parent.name}/{target.name}"
