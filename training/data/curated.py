"""What a curation writes: the frames with their pictures, the manifest, and why each was taken."""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headcount.errors import ManifestError
from training.data.pool import MANIFEST_NAME
from training.data.readings import UNSURE_WITHIN, Disagreement, Reading, uncertainty, unsure_faces
from training.data.selection import Ground
from training.manifest import Frame, Manifest, Origin, write_manifest

REPORT_NAME = "picked.csv"


@dataclass(frozen=True, eq=False, slots=True)
class Picked:
    """One line of the report.

    Attributes:
        frame: As it is written.
        ground: What it was taken for.
        why: All that speaks for it, in words.
        label: Who labelled it, in words.
        uncertainty: How likely a look would correct the count, 0 to 1.
    """

    frame: Frame
    ground: Ground
    why: str
    label: str
    uncertainty: float


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """What speaks for a frame.

    Attributes:
        frame: Of the pool.
        reading: What the champion saw in it.
        threshold: From which score on it counts.
        dispute: In how many faces another reading differs; None if there is none.
        disputant: What to call whose reading that is.
        drifted: Of which slices or light modes that drifted the frame is.
    """

    frame: Frame
    reading: Reading
    threshold: float
    dispute: Disagreement | None
    disputant: str
    drifted: tuple[str, ...]

    @property
    def uncertainty(self) -> float:
        """Return how likely a look would correct the count, 0 to 1."""
        return uncertainty(self.reading, self.threshold)

    def in_words(self, ground: Ground) -> str:
        """Return all that speaks for the frame, in words."""
        reasons = []
        if self.frame.origin is Origin.PEOPLE:
            reasons.append("people labelled it")
        if self.drifted:
            reasons.append(f"it is of the drifted slice {' and '.join(self.drifted)}")
        if self.dispute is not None and self.dispute.faces:
            parts = []
            if self.dispute.more:
                parts.append(f"counts {faces_in_words(self.dispute.more)} more")
            if self.dispute.fewer:
                parts.append(f"does not count {self.dispute.fewer} of the champion's")
            reasons.append(f"{self.disputant} {' and '.join(parts)}")
        doubtful = unsure_faces(self.reading, self.threshold)
        if doubtful:
            reasons.append(
                f"{faces_in_words(doubtful)} scored within {UNSURE_WITHIN} of the threshold "
                f"{self.threshold:g}"
            )
        if ground is Ground.CAMERA:
            reasons.append(f"camera {self.frame.camera_id or '(none)'} had fewer than its share")
        return "; ".join(reasons)


def write_curated(
    pool: Manifest, out: Path, frozen: Sequence[Frame], picked: Sequence[Picked]
) -> Manifest:
    """Write the manifest with its pictures, and the report, into a folder.

    Raises:
        ManifestError: If the folder is not empty, is the pool's own, or cannot be written.
    """
    frames = sorted([*frozen, *(pick.frame for pick in picked)], key=lambda frame: frame.source)
    try:
        # Pictures of people: as the pool of kept frames, for whoever took them alone.
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for frame in frames:
            target = out / frame.source
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pool.picture(frame), target)
        with (out / REPORT_NAME).open("w", newline="", encoding="utf-8") as file:
            report = csv.writer(file)
            report.writerow(
                ["source", "camera", "taken_for", "why", "label", "uncertainty", "group"]
            )
            report.writerows(
                [
                    pick.frame.source,
                    pick.frame.camera_id,
                    pick.ground.value,
                    pick.why,
                    pick.label,
                    f"{pick.uncertainty:.3f}",
                    pick.frame.group,
                ]
                for pick in picked
            )
    except OSError as fault:
        raise ManifestError(
            f"{out} cannot be written ({fault.strerror}).\nName a folder of yours."
        ) from fault
    return write_manifest(out / MANIFEST_NAME, frames)


def check_folder(out: Path, pool: Manifest) -> None:
    """Check that a curation can be written to a folder, before minutes are spent on it.

    Raises:
        ManifestError: If it is the pool's own folder, or something is in it.
    """
    if out.resolve() == pool.path.parent.resolve():
        raise ManifestError(
            f"{out} is the pool's own folder.\nName another: the pool is never written to."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ManifestError(
            f"{out} is not an empty folder.\nName a new one, so that no frame of an earlier "
            "curation is taken for one of this."
        )


def faces_in_words(count: int) -> str:
    """Return a number of faces, as people read it."""
    return "1 face" if count == 1 else f"{count} faces"
