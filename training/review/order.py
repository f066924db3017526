"""Which frames are most worth a person's look, and why, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.manifest import Frame, Origin

# Faces are counted from 0.4 on (training.package). One that is listed with less, which is the mean
# of several looks at the picture, was not seen by all of them.
COUNTED_FROM = 0.4

# Chosen. A frame without a label, or with looks that contradict each other, is worth as much as
# one with a face that the model would drop; a camera seldom seen tips the balance between equals.
NO_LABEL = 1.0
CONTRADICTED = 1.0
RARE_CAMERA = 0.5
# A camera is called rare in the reason if it took at most this share of what the busiest one took.
RARE_SHARE = 0.1
# The reason names a doubt from here on: a face at 0.75.
WORTH_SAYING = 0.5
# Chosen. Frames of one group show one scene: each further one teaches half as much.
REPEATED = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """One frame's place in the order.

    Attributes:
        index: Of the frame, in the manifest.
        worth: 0 and up; the highest comes first.
        reason: Why it comes where it does, as a sentence without its full stop.
        is_known: Whether nobody needs to look; these come after all others.
    """

    index: int
    worth: float
    reason: str
    is_known: bool = False


def order_frames(frames: Sequence[Frame]) -> list[Turn]:
    """Return every frame once, the most worth a look first; equals keep the manifest's order.

    What people have labelled, and what was composed and so is known, comes last.
    """
    cameras = Counter(frame.camera_id for frame in frames)
    judged = [_judge(index, frame, cameras) for index, frame in enumerate(frames)]
    seen_of_group: Counter[str] = Counter()
    turns = []
    for turn in sorted(judged, key=_place):
        group = frames[turn.index].group
        repeats = seen_of_group[group] if group else 0
        seen_of_group[group] += 1
        turns.append(replace(turn, worth=turn.worth * REPEATED**repeats))
    return sorted(turns, key=_place)


def doubt(frame: Frame) -> float:
    """Return how unsure the labeller was of its least sure face: 0 for sure, 1 for a coin's toss.

    Source: least confidence, Settles (2009), Active Learning Literature Survey, 3.1.
    """
    return max((min(1.0, 2.0 * (1.0 - float(score))) for score in frame.scores), default=0.0)


def _judge(index: int, frame: Frame, cameras: Counter[str]) -> Turn:
    if frame.origin is Origin.PEOPLE:
        return Turn(index, 0.0, "People have labelled it", is_known=True)
    if frame.origin is Origin.COMPOSED:
        return Turn(index, 0.0, "Composed: what is in it is known", is_known=True)
    worth, reasons = 0.0, []
    if not frame.is_labelled:
        worth += NO_LABEL
        reasons.append("nobody has labelled it yet")
    unsure = doubt(frame)
    worth += unsure
    if unsure >= WORTH_SAYING:
        reasons.append(f"the model is unsure of a face ({np.min(frame.scores):.2f})")
    disputed = int((frame.scores < COUNTED_FROM).sum())
    if disputed:
        worth += CONTRADICTED
        faces = "a face" if disputed == 1 else f"{disputed} faces"
        reasons.append(f"looks at it disagree about {faces}")
    taken, most = cameras[frame.camera_id], max(cameras.values())
    worth += RARE_CAMERA * (1.0 - taken / most)
    if taken <= RARE_SHARE * most:
        plural = "frame" if taken == 1 else "frames"
        reasons.append(f"few come from its camera ({taken} {plural} of {cameras.total()})")
    text = "; ".join(reasons) or "the model is sure of what it found"
    return Turn(index, worth, text[0].upper() + text[1:])


def _place(turn: Turn) -> tuple[bool, float, int]:
    return turn.is_known, -turn.worth, turn.index
