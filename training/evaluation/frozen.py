"""The frozen sets that models are judged by: nothing in them was learnt from, and none changes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from headcount.errors import ManifestError
from training.labels import LabelledImage
from training.manifest import Frame, Manifest, Origin, Split, as_line
from training.weights import sha256_of

LEARNT_FROM = (Split.TRAIN, Split.VALIDATION)
# A model that judges by its own labels finds nothing wrong with itself.
_TRUSTED = frozenset({Origin.PEOPLE, Origin.COMPOSED})


@dataclass(frozen=True, eq=False, slots=True)
class FrozenSet:
    """One frozen part of a manifest.

    Attributes:
        split: Which.
        frames: In the order of the manifest.
        images: The same frames, as a detector is scored against them.
        sha256: Of pictures and labels, whatever their order: two manifests with the same set have
            the same hash.
    """

    split: Split
    frames: tuple[Frame, ...]
    images: tuple[LabelledImage, ...]
    sha256: str


@dataclass(frozen=True, eq=False, slots=True)
class FrozenSets:
    """What two models are compared on.

    Attributes:
        manifest_sha256: Of the manifest that the sets are in.
        golden: What must not be lost.
        drifted: What must be won.
    """

    manifest_sha256: str
    golden: FrozenSet
    drifted: FrozenSet

    def hashes(self) -> dict[str, str]:
        """Return the hash of each set by its name."""
        return {part.split.value: part.sha256 for part in (self.golden, self.drifted)}


def frozen_sets(
    manifest: Manifest,
    *,
    learnt_from: Sequence[Manifest] = (),
    expected: Mapping[str, str] | None = None,
) -> FrozenSets:
    """Return the golden and the drifted set of a manifest, once they are fit to judge by.

    Args:
        manifest: Holds both sets, labelled, and its pictures lie beside it.
        learnt_from: What else the models were trained on; the manifest's own training frames are
            always taken into account.
        expected: Hashes by set, as an earlier comparison had them.

    Raises:
        ManifestError: If a set is empty, has frames without trusted labels or with other pictures
            than it says, shares a frame or a scene with what was learnt from, or is not the
            expected one.
    """
    golden, drifted = (_frozen(manifest, split) for split in (Split.GOLDEN, Split.DRIFTED))
    sets = FrozenSets(manifest.sha256, golden, drifted)
    for source in (manifest, *learnt_from):
        _refuse_learnt(sets, source, is_same=source is manifest)
    for name, sha256 in (expected or {}).items():
        if sets.hashes().get(name, sha256) != sha256:
            raise ManifestError(
                f"{manifest.path}: the {name} set has sha256 {sets.hashes()[name]}, but the "
                f"champion was judged by {sha256}.\nCompare both models on one frozen set."
            )
    return sets


def group_of(frame: Frame) -> str:
    """Return the scene that a frame is drawn with: its group, or else its camera's hour."""
    if frame.group:
        return f"group {frame.group}"
    if frame.camera_id and frame.captured_at is not None:
        # Chosen: people change places within an hour, and a meeting rarely lasts longer.
        return f"{frame.camera_id} {frame.captured_at.astimezone(UTC):%Y-%m-%dT%H}"
    return frame.source


def _frozen(manifest: Manifest, split: Split) -> FrozenSet:
    frames = manifest.within(split)
    if not frames:
        raise ManifestError(
            f"{manifest.path} has no frame of the split {split.value}.\n"
            "A model is judged by a golden and a drifted set: headcount data split."
        )
    for frame in frames:
        if frame.origin not in _TRUSTED:
            said = "by a model" if frame.origin is Origin.MODEL else "by nobody"
            raise ManifestError(
                f"{manifest.path}: {frame.source} is in the {split.value} set, but was labelled "
                f"{said}.\nLabel it in headcount review, or take it out of the set."
            )
    images = tuple(manifest.as_labelled(frames))
    lines = []
    for frame, image in zip(frames, images, strict=True):
        sha256 = sha256_of(image.path)
        if frame.sha256 and frame.sha256 != sha256:
            raise ManifestError(
                f"{manifest.path}: {frame.source} is not the picture that was labelled (its sha256 "
                f"is {sha256}).\nBring the picture back, or label it anew."
            )
        lines.append(json.dumps([sha256, as_line(frame).get("faces")], sort_keys=True))
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return FrozenSet(split, frames, images, digest)


def _refuse_learnt(sets: FrozenSets, source: Manifest, *, is_same: bool) -> None:
    learnt = source.within(*LEARNT_FROM)
    known = {mark for frame in learnt for mark in _marks(frame, by_name=is_same)}
    for part in (sets.golden, sets.drifted):
        for frame in part.frames:
            shared = known.intersection(_marks(frame, by_name=is_same))
            if shared:
                raise ManifestError(
                    f"{source.path}: {frame.source} of the {part.split.value} set is also trained "
                    f"on (the same {min(shared)[0]}).\nTake the scene out of one of the two."
                )


def _marks(frame: Frame, *, by_name: bool) -> Iterable[tuple[str, str]]:
    """Yield (what, value) of all by which two frames are one, or of one scene."""
    if frame.sha256:
        yield "picture", frame.sha256
    if frame.group:
        yield "group", frame.group
    if frame.inference_id:
        yield "inference id", frame.inference_id
    # Names are relative to their manifest: in another one they say nothing.
    if by_name:
        yield "source-ref", frame.source
