"""The frames of a job's channels, refused as a whole if a model would learn wrong from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from headcount.errors import TrainingError
from training.detector.container import Container
from training.labels import Boxes, LabelledImage
from training.manifest import FROZEN, Frame, Manifest, Split, read_manifest

MANIFEST = "manifest.jsonl"
# Where the rehearsal channel marks no frame for validation, every so many groups are held out.
_HELD_OUT_OF = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture to learn from.

    Attributes:
        path: Of the picture.
        size_px: Width and height as labelled.
        faces: Shape `(n, 4)`: left, top, width, height in pixels.
        scores: Shape `(n,)`, 0 to 1: how much each face is to count.
        ignored: Shape `(m, 4)`: regions that give no loss.
    """

    path: Path
    size_px: tuple[int, int]
    faces: Boxes
    scores: Boxes
    ignored: Boxes

    def read(self) -> npt.NDArray[np.uint8]:
        """Return the picture, shape `(height, width, 3)`, blue-green-red.

        Raises:
            TrainingError: If it cannot be decoded or has another size than labelled.
        """
        picture = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if picture is None:
            raise TrainingError(
                f"{self.path} cannot be decoded as a picture.\n"
                "Replace it, or take its line out of the manifest."
            )
        if (picture.shape[1], picture.shape[0]) != self.size_px:
            raise TrainingError(
                f"{self.path} is {picture.shape[1]}x{picture.shape[0]}, but was labelled as "
                f"{self.size_px[0]}x{self.size_px[1]}.\n"
                "Use the pictures that were labelled, without a rotation in their EXIF data."
            )
        return np.asarray(picture, np.uint8)


@dataclass(frozen=True, slots=True)
class Channels:
    """What a run learns from and is chosen by.

    Attributes:
        train: To learn from.
        rehearsal: To learn from as well, so that the old is not forgotten; may be empty.
        validation: What the best round is chosen by.
        floor: What no chosen round may lose on: frames of the old condition, never learnt from;
            may be empty.
        sha256: Of each channel's manifest, by its name.
    """

    train: Sequence[Shown]
    rehearsal: Sequence[Shown]
    validation: Sequence[LabelledImage]
    floor: Sequence[LabelledImage]
    sha256: dict[str, str]


def read_channels(container: Container, *, rehearse: bool) -> Channels:
    """Return the frames of the channels `train`, `validation` and `rehearsal`.

    Args:
        container: Of the job.
        rehearse: Whether the rehearsal channel is needed.

    Raises:
        TrainingError: If a channel is missing, holds no face or a frozen frame, or if what is
            learnt from shows a scene that is validated on.
        ManifestError: If a manifest or one of its pictures cannot be read.
    """
    train = _labelled(container, "train", "the frames to learn from")
    validation = _labelled(container, "validation", "the frames that choose the best round")
    _refuse_leaks(train, train.frames, validation, validation.frames)
    manifests = {"train": train, "validation": validation}
    learnt: tuple[Frame, ...] = ()
    held_out: tuple[Frame, ...] = ()
    if rehearse:
        rehearsal = _labelled(container, "rehearsal", "frames of what the champion does well")
        learnt, held_out = _hold_out(rehearsal.frames)
        _refuse_leaks(rehearsal, learnt, validation, validation.frames)
        _refuse_leaks(train, train.frames, rehearsal, held_out)
        manifests["rehearsal"] = rehearsal
    return Channels(
        train=_shown(train, train.frames),
        rehearsal=_shown(manifests["rehearsal"], learnt) if rehearse else (),
        validation=validation.as_labelled(validation.frames),
        floor=manifests["rehearsal"].as_labelled(held_out) if rehearse else (),
        sha256={name: manifest.sha256 for name, manifest in manifests.items()},
    )


def _labelled(container: Container, name: str, what: str) -> Manifest:
    folder = container.needed_channel(name, f"{what}: {MANIFEST} and its pictures")
    manifest = read_manifest(folder / MANIFEST)
    frozen = [frame.source for frame in manifest.frames if frame.split in FROZEN]
    if frozen:
        raise TrainingError(
            f"The channel {name} holds {len(frozen)} frozen frames, the first is {frozen[0]}.\n"
            "What judges a model must not teach it: take golden and drifted frames out."
        )
    unlabelled = [frame.source for frame in manifest.frames if not frame.is_labelled]
    if unlabelled:
        raise TrainingError(
            f"The channel {name} holds {len(unlabelled)} frames without labels, the first is "
            f"{unlabelled[0]}.\nLabel them, if only as empty, or take them out."
        )
    if not any(len(frame.faces) for frame in manifest.frames):
        raise TrainingError(
            f"The channel {name} shows no face in {len(manifest.frames)} frames.\n"
            "A model that learns from empty pictures alone learns to see nobody."
        )
    return manifest


def _hold_out(frames: Sequence[Frame]) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """Return rehearsal frames to learn from and to watch, parted by group."""
    held = {frame.group or frame.source for frame in frames if frame.split is Split.VALIDATION}
    if not held:
        groups = sorted({frame.group or frame.source for frame in frames})
        held = set(groups[::_HELD_OUT_OF])
    learnt = tuple(frame for frame in frames if (frame.group or frame.source) not in held)
    watched = tuple(frame for frame in frames if (frame.group or frame.source) in held)
    for part, purpose in ((learnt, "to learn from"), (watched, "to watch forgetting by")):
        if not any(len(frame.faces) for frame in part):
            raise TrainingError(
                f"The channel rehearsal has no frame with a face {purpose}.\n"
                "Give it frames of more scenes, some of them marked as validation."
            )
    return learnt, watched


def _refuse_leaks(
    learnt_in: Manifest, learnt: Sequence[Frame], judged_in: Manifest, judged: Sequence[Frame]
) -> None:
    for what in ("group", "sha256"):
        known = {getattr(frame, what) for frame in learnt} - {""}
        for frame in judged:
            if getattr(frame, what) in known:
                raise TrainingError(
                    f"{judged_in.path}: {frame.source} has the {what} of a frame that "
                    f"{learnt_in.path} teaches.\nSplit by camera and time, never by frame."
                )


def _shown(manifest: Manifest, frames: Sequence[Frame]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            path=image.path,
            size_px=(frame.width_px, frame.height_px),
            faces=frame.faces,
            scores=frame.scores,
            ignored=frame.ignored,
        )
        for frame, image in zip(frames, manifest.as_labelled(frames), strict=True)
    )
