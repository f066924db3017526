"""How frames are to be split: shares, blocks of time and the guard between parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from headcount.errors import ManifestError
from training.manifest import Frame

_S_PER_HOUR = 3600.0


class By(StrEnum):
    """What keeps frames together, besides their groups."""

    CAMERA_AND_TIME = "camera-and-time"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How frames are to be split.

    Attributes:
        validation: Share of the frames for validation, 0 to 1.
        golden: Share for the frozen test, 0 to 1; ignored where a frozen test exists.
        drifted: Slices, or light modes, whose test is the `drifted` part instead of `golden`.
        held_out: Cameras that are only for the frozen test.
        by: What keeps frames together.
        block_s: Length of a camera's blocks of time, in seconds.
        guard_s: Least time between frames of one camera in two parts, in seconds.
    """

    validation: float = 0.15
    golden: float = 0.2
    drifted: frozenset[str] = frozenset()
    held_out: frozenset[str] = frozenset()
    by: By = By.CAMERA_AND_TIME
    # Chosen: a lesson or a meeting, after which who sits where has changed.
    block_s: float = _S_PER_HOUR
    # Chosen: twice as long as most people sit still; see docs/data.md.
    guard_s: float = 300.0

    def __post_init__(self) -> None:
        if min(self.validation, self.golden) < 0 or self.validation + self.golden >= 1:
            raise ManifestError(
                f"Shares of {self.validation} for validation and {self.golden} for golden leave "
                "nothing to learn from.\nBoth are 0 or more, and less than 1 together."
            )
        if self.block_s <= 0 or self.guard_s < 0:
            raise ManifestError(
                f"Blocks of {self.block_s} s with a guard of {self.guard_s} s cannot be.\n"
                "A block is longer than 0 s, a guard 0 s or longer."
            )

    def has_drifted(self, frames: Iterable[Frame]) -> bool:
        """Return whether most of some frames are of what drifted."""
        are = [not self.drifted.isdisjoint({*one.slices, one.light_mode.value}) for one in frames]
        return 2 * sum(are) > len(are)
