"""Which frames of a camera are kept to learn from, where its site allows that any are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

# Chosen: a frame a minute tells as much of a room as a model can learn from it, and a picture that
# is kept more often than once a day is what the setting is for.
_MOST_OFTEN_S, _LEAST_OFTEN_S = 60.0, 86_400.0
# The bucket has a rule for each of these ages (cdk/components/kept_frames.py). Chosen: three months
# are enough to label a drifted condition in, and pictures of people are not kept in reserve.
SHORTEST_DAYS, LONGEST_DAYS = 1, 90
# Chosen: where a score this near to the threshold stands for a face, the count is a guess
# (docs/evaluation.md has the detector's precision and recall by threshold).
_UNSURE_WITHIN = 0.1
# Uncertain frames come in long runs, all of the same people.
_UNCERTAIN_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class KeptFrames:
    """What a site, or one camera of it, allows. Where it says nothing, nothing is kept.

    Attributes:
        allowed: False takes the site's permission back for one camera.
        every_s: Seconds; at most one frame in each such slot of a camera's time, 60 to 86,400.
        uncertain: Keep also frames that the model is unsure of, at most one a minute.
        expire_days: After so many days a frame is deleted, 1 to 90.
    """

    allowed: bool = True
    every_s: float = 900.0
    uncertain: bool = False
    expire_days: int = 30

    def __post_init__(self) -> None:
        if not _MOST_OFTEN_S <= self.every_s <= _LEAST_OFTEN_S:
            raise ValueError(
                f"every_s is {self.every_s:g}; write {_MOST_OFTEN_S:.0f} (a minute) to "
                f"{_LEAST_OFTEN_S:.0f} (a day)"
            )
        if not SHORTEST_DAYS <= self.expire_days <= LONGEST_DAYS:
            raise ValueError(
                f"expire_days is {self.expire_days}; write {SHORTEST_DAYS} to {LONGEST_DAYS}"
            )


def is_worth_keeping(
    permission: KeptFrames | None,
    captured_at: datetime,
    scores: Sequence[float],
    *,
    threshold: float,
    sample_every_s: float,
    fragment_s: float,
) -> bool:
    """Return whether a counted frame is kept: it is due, or the model is unsure of it.

    Nothing is remembered, so a frame that is delivered again is decided on as before.

    Args:
        permission: What its site or camera allows; None keeps nothing.
        captured_at: Producer time, aware.
        scores: Of the faces found, 0 to 1.
        threshold: From which score on a face is counted.
        sample_every_s: Seconds between counted frames, as the gateway is asked for.
        fragment_s: Seconds of video in a fragment, of which only whole ones are sampled.
    """
    if permission is None or not permission.allowed:
        return False
    # Samples fall on fragments: 5 s of 2 s fragments are 4 s or 6 s. Within the shorter of the two
    # lies one frame at most, so that a slot now and then has none and none ever has two.
    gap_ms = max(1, _ms(sample_every_s) // _ms(fragment_s)) * _ms(fragment_s)
    if _opens_slot(captured_at, permission.every_s, gap_ms):
        return True
    return (
        permission.uncertain
        and any(abs(score - threshold) <= _UNSURE_WITHIN for score in scores)
        and _opens_slot(captured_at, _UNCERTAIN_EVERY_S, gap_ms)
    )


def _opens_slot(captured_at: datetime, slot_s: float, gap_ms: int) -> bool:
    return _ms(captured_at.timestamp()) % _ms(slot_s) < gap_ms


def _ms(seconds: float) -> int:
    # Producers count whole milliseconds, and 6 s hold 1.2 s five times, which floats deny.
    return round(seconds * 1000)
