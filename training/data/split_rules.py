"""Rules about the whole: what must not be in two parts of the data, and what there must be of."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.data.findings import Finding, Rule
from training.data.near_duplicates import Likeness
from training.labels import Boxes
from training.manifest import FROZEN, Frame, Manifest, Split

# Pixels: labels of one picture that differ by less are the same, rounded.
_SAME_LABEL_PX = 1.0
_SPLIT_AGAIN = "Split again: headcount data split never parts a group."


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """A frame, the line it is on, and the hash of its picture as it was found on disk."""

    number: int
    frame: Frame
    sha256: str


def check_duplicates(lines: Sequence[Line]) -> Iterator[Finding]:
    """Yield pictures that occur twice: with two labels, in two parts, or in one."""
    same: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.sha256:
            same[line.sha256].append(line)
    for twins in same.values():
        first = twins[0]
        for twin in twins[1:]:
            what = f"the picture is that of line {first.number} ({first.frame.source})"
            if _contradicts(first.frame, twin.frame):
                yield _at(
                    twin,
                    Rule.TWO_LABELS,
                    f"{what}, with other labels",
                    "Keep one line, with the label that is right: headcount review.",
                )
            if first.frame.split is not twin.frame.split:
                yield _at(
                    twin,
                    Rule.DUPLICATE_ACROSS,
                    f"{what}, which is in {_name(first.frame)}; this is in {_name(twin.frame)}",
                    "Take one of the two lines out.",
                )
            elif not _contradicts(first.frame, twin.frame):
                yield _at(twin, Rule.REPEATED_PICTURE, what, "Take one of the two lines out.")


def check_groups(lines: Sequence[Line]) -> Iterator[Finding]:
    """Yield frames whose group is in another part as well."""
    first: dict[str, Line] = {}
    for line in lines:
        frame = line.frame
        if not frame.group or frame.split is Split.NONE:
            continue
        known = first.setdefault(frame.group, line)
        if _leaks(known.frame, frame):
            yield _at(
                line,
                Rule.GROUP_ACROSS,
                f"its group {frame.group} is in {_name(known.frame)} as well (line "
                f"{known.number}); this is in {_name(frame)}",
                _SPLIT_AGAIN,
            )


def check_near(lines: Sequence[Line], likeness: Likeness) -> Iterator[Finding]:
    """Yield frames that look like one in another part, though they are not the same picture.

    Args:
        lines: In the order of `likeness`.
        likeness: Of their frames.
    """
    for index, line in enumerate(lines):
        others = np.array(
            [
                other
                for other in range(index)
                if _leaks(lines[other].frame, line.frame)
                and lines[other].sha256 != line.sha256
                and not (line.frame.group and lines[other].frame.group == line.frame.group)
            ],
            np.intp,
        )
        near = others[likeness.near(index, others)]
        if len(near):
            known = lines[int(near[0])]
            yield _at(
                line,
                Rule.NEAR_ACROSS,
                f"it looks like line {known.number} ({known.frame.source}), which is in "
                f"{_name(known.frame)}; this is in {_name(line.frame)}",
                "Curate, which groups what looks alike, and split again; or take one of them out.",
            )


def check_frozen(lines: Sequence[Line], frozen: Manifest) -> Iterator[Finding]:
    """Yield frames of a frozen set that are to be learnt from, and frozen ones that changed."""
    kept = {
        frame.sha256: frame for frame in frozen.frames if frame.split in FROZEN and frame.sha256
    }
    groups = {frame.group for frame in kept.values() if frame.group}
    here = set()
    for line in lines:
        known = kept.get(line.sha256)
        here.add(line.sha256)
        if line.frame.split in FROZEN:
            if known is not None and known.split is not line.frame.split:
                yield _at(
                    line,
                    Rule.FROZEN_CHANGED,
                    f"it is in {_name(line.frame)}, and was frozen in {_name(known)}",
                    f"Put it back into {_name(known)}.",
                )
        elif line.frame.split is not Split.NONE and (
            known is not None or line.frame.group in groups
        ):
            how = "it is" if known is not None else f"its group {line.frame.group} is"
            yield _at(
                line,
                Rule.FROZEN_LEAK,
                f"{how} in the frozen set {frozen.path.name}; this is in {_name(line.frame)}",
                "Take the line out: a model must not learn what it is judged by.",
            )
    gone = sorted(frame.source for sha256, frame in kept.items() if sha256 not in here)
    if gone and any(line.frame.split in FROZEN for line in lines):
        yield Finding(
            Rule.FROZEN_CHANGED,
            0,
            "",
            f"{len(gone)} of {len(kept)} frozen frames are gone, the first is {gone[0]}",
            "Put them back: figures on another frozen set cannot be compared.",
        )


def check_frozen_looks(
    lines: Sequence[Line], judges: Sequence[Frame], likeness: Likeness
) -> Iterator[Finding]:
    """Yield frames to be learnt from that look like a frame of a frozen set in another manifest.

    Args:
        lines: First in the order of `likeness`.
        judges: The frozen frames; next in that order.
        likeness: Of both.
    """
    places = np.arange(len(lines), len(lines) + len(judges))
    for index, line in enumerate(lines):
        if line.frame.split in FROZEN or line.frame.split is Split.NONE:
            continue
        near = np.flatnonzero(likeness.near(index, places))
        # The same picture, or group, is told by its hash or name.
        if len(near) and judges[near[0]].sha256 != line.sha256:
            yield _at(
                line,
                Rule.FROZEN_LEAK,
                f"it looks like {judges[near[0]].source} of the frozen set; this is in "
                f"{_name(line.frame)}",
                "Take the line out: a model must not learn what it is judged by.",
            )


def check_numbers(frames: Sequence[Frame], least: int) -> Iterator[Finding]:
    """Yield cameras, light modes and slices that too few labelled frames stand for."""
    counts = count_frames([frame for frame in frames if frame.is_labelled])
    every = count_frames(frames)
    if len(every["camera"]) == 1:
        (name,) = every["camera"]
        yield Finding(
            Rule.ONE_CAMERA,
            0,
            "",
            f"all {len(frames)} frames are of one camera, {name}",
            "Add frames of other cameras: a model of one view fails in the next room. If it is to "
            f"serve this camera only, allow it: --allow {Rule.ONE_CAMERA}.",
        )
    for what in ("camera", "light mode", "slice", "part"):
        for name in every[what]:
            number = counts[what].get(name, 0)
            if number < least and name != "(none)":
                yield Finding(
                    Rule.TOO_FEW,
                    0,
                    "",
                    f"{what} {name} has {number} labelled frames, and {least} are needed",
                    "Label more of them (headcount review), or leave it out; --least changes the "
                    "number.",
                )


def count_frames(frames: Sequence[Frame]) -> dict[str, dict[str, int]]:
    """Return how many frames there are by part, camera, light mode, slice and labeller."""

    def count(names: Iterable[str]) -> Mapping[str, int]:
        return Counter(name or "(none)" for name in names)

    return {
        what: dict(sorted(count(names).items()))
        for what, names in (
            ("part", [frame.split.value for frame in frames]),
            ("camera", [frame.camera_id for frame in frames]),
            ("light mode", [frame.light_mode.value for frame in frames]),
            ("slice", [name for frame in frames for name in frame.slices]),
            ("labeller", [frame.origin.value for frame in frames]),
        )
    }


def _leaks(one: Frame, other: Frame) -> bool:
    """Return whether two frames are in parts that must share nothing."""
    parts = {one.split, other.split}
    # A darkened test may show the same scenes as the plain one: neither is learnt from.
    return len(parts) == 2 and Split.NONE not in parts and not parts <= FROZEN


def _contradicts(one: Frame, other: Frame) -> bool:
    if not (one.is_labelled and other.is_labelled):
        return False
    first, second = _sorted(one.faces), _sorted(other.faces)
    return first.shape != second.shape or bool((np.abs(first - second) > _SAME_LABEL_PX).any())


def _sorted(boxes: Boxes) -> Boxes:
    return np.asarray(boxes[np.lexsort(boxes.T[::-1])])


def _name(frame: Frame) -> str:
    return frame.split.value or "no part"


def _at(line: Line, rule: Rule, what: str, remedy: str) -> Finding:
    return Finding(rule, line.number, line.frame.source, what, remedy)
