"""What the gate makes of challengers that are known to be worse, better, or the champion itself.

    python -m bench.planted --faces FOLDER      with images/ and annotations.json, in COCO form

Every second photograph is golden as it is; the others are drifted, darkened by training.conditions.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import numpy_helper
from rich.console import Console
from rich.progress import track
from rich.table import Table

from training.catalogue import SHIPPED, Catalogue
from training.conditions import DARKENED, picture_under
from training.evaluate import load_model
from training.evaluation.comparison import Comparison, compare
from training.evaluation.cost import measure_size
from training.evaluation.figures import Paired
from training.evaluation.frozen import FrozenSets, frozen_sets
from training.evaluation.gate import Margins, Verdict, gate
from training.labels import read_labels
from training.manifest import Frame, Origin, Split, write_manifest
from training.model_entry import ModelFile
from training.serving.detector import Detections, Detector, InputSize, Picture
from training.serving.endpoint import ServedModel
from training.serving.request import decode_picture
from training.weights import fetch_weights, sha256_of

# Undoes most of DARKENED.
_GAIN = 4.0
# Shares of the spread of a layer's weights.
_NOISES = (0.01, 0.1)
# Pixels of the longer side; the packaged model sees 640 to 960.
_SMALLER_PX = 416


@dataclass(frozen=True, slots=True)
class Bright:
    """A detector that sees every picture brighter, and might be thought to suit the dark."""

    network: Detector

    def detect(self, picture: Picture, min_score: float) -> Detections:
        """Return what is in the brightened picture."""
        brighter = np.asarray(cv2.convertScaleAbs(picture, alpha=_GAIN), np.uint8)
        return self.network.detect(brighter, min_score)


def main() -> None:
    """Print what the gate says of each planted challenger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take every so many photographs")
    arguments = parser.parse_args()
    table = Table("challenger", "drifted AP50", "golden AP50", "golden count", "time", "verdict")
    with tempfile.TemporaryDirectory() as made:
        sets = _sets(arguments.faces, arguments.every, Path(made))
        champion_file = fetch_weights()
        champion = load_model(champion_file)
        size = measure_size(champion_file)
        planted = list(_planted(champion, champion_file, Path(made)))
        console = Console(stderr=True)
        for name, first, second in track(planted, "Comparing", console=console):
            found = compare(first, second, sets, sizes=(size, size))
            verdict = gate(found, Margins())
            table.add_row(name, *_told(found, verdict))
            for reason in verdict.against:
                console.print(f"{name}: {reason.words}", highlight=False, soft_wrap=True)
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


def _planted(
    packaged: ServedModel, weights: Path, folder: Path
) -> Iterator[tuple[str, ServedModel, ServedModel]]:
    """Yield what is compared, the champion and the challenger."""
    yield "the champion itself", packaged, packaged
    hurt, badly_hurt = (load_model(_noisy(weights, noise, folder)) for noise in _NOISES)
    yield f"packaged, after noise of {_NOISES[1]:.0%}", badly_hurt, packaged
    yield f"noise of {_NOISES[0]:.0%} in its weights", packaged, hurt
    yield "brightens every picture", packaged, replace(packaged, network=Bright(packaged.network))
    entry = Catalogue.read().find(SHIPPED).entry
    smaller = entry.model_copy(update={"input": InputSize(_SMALLER_PX, _SMALLER_PX)})
    yield f"sees {_SMALLER_PX} pixels", packaged, load_model(ModelFile(weights, smaller))


def _noisy(weights: Path, share: float, folder: Path) -> Path:
    model, random = onnx.load(weights), np.random.default_rng(1)
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.ndim > 1:  # kernels, not offsets
            noise = random.normal(0, share * values.std(), values.shape)
            changed = (values + noise).astype(values.dtype)
            weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
    path = folder / f"noisy-{share}.onnx"
    onnx.save(model, path)
    return path


def _sets(faces: Path, every: int, folder: Path) -> FrozenSets:
    frames = []
    random = np.random.default_rng(3)
    photographs = read_labels(faces / "annotations.json", faces / "images")[::every]
    for index, image in enumerate(photographs):
        seen = decode_picture(image.path.read_bytes(), image.path.name)
        split = Split.GOLDEN if index % 2 == 0 else Split.DRIFTED
        if split is Split.DRIFTED:
            seen = picture_under(seen, DARKENED, random)
        path = folder / f"{image.path.stem}.png"
        path.write_bytes(cv2.imencode(".png", seen)[1].tobytes())
        height, width = seen.shape[:2]
        frames.append(
            Frame(
                path.name,
                width,
                height,
                sha256=sha256_of(path),
                origin=Origin.PEOPLE,
                faces=image.faces,
                ignored=image.ignored,
                split=split,
                group=image.path.stem,
            )
        )
    return frozen_sets(write_manifest(folder / "manifest.jsonl", frames))


def _told(found: Comparison, verdict: Verdict) -> tuple[str, str, str, str, str]:
    by_name = {one.name: one for one in found.slices}
    return (
        _gain(by_name["drifted"].ap50),
        _gain(by_name["golden"].ap50),
        _gain(by_name["golden"].mae),
        f"{found.speed.ratio:.2f}",
        "promote" if verdict.promote else f"reject, {len(verdict.against)} against it",
    )


def _gain(paired: Paired | None) -> str:
    return f"{paired.gain:+.3f} [{paired.low:+.3f}, {paired.high:+.3f}]" if paired else "-"


if __name__ == "__main__":
    main()
