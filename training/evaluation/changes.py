"""The frames on which champion and challenger part: found by one and not by the other."""

from dataclasses import dataclass

from training.evaluation.comparison import Comparison, SeenFrame
from training.evaluation.matching import Sight, sights


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """A frame that the two models see differently, each at its own threshold.

    Attributes:
        seen: The frame.
        champion: What it makes of it.
        challenger: What it makes of it.
    """

    seen: SeenFrame
    champion: Sight
    challenger: Sight

    @property
    def won(self) -> int:
        """Return how many labelled faces only the challenger finds."""
        return int((self.challenger.found & ~self.champion.found).sum())

    @property
    def lost(self) -> int:
        """Return how many labelled faces only the champion finds."""
        return int((self.champion.found & ~self.challenger.found).sum())

    @property
    def false_more(self) -> int:
        """Return how many more false faces the challenger counts; negative for fewer."""
        return int(self.challenger.is_false.sum()) - int(self.champion.is_false.sum())

    @property
    def weight(self) -> int:
        """Return how much changed: faces won and lost, and false ones more or fewer."""
        return self.won + self.lost + abs(self.false_more)


def changed_frames(comparison: Comparison) -> list[Change]:
    """Return the frames that changed, what was lost first, then by how much changed."""
    frames = comparison.frames
    images = [one.image for one in frames]
    champion = sights(images, [one.champion for one in frames], comparison.champion.threshold)
    challenger = sights(images, [one.challenger for one in frames], comparison.challenger.threshold)
    changes = [Change(*each) for each in zip(frames, champion, challenger, strict=True)]
    changed = [change for change in changes if change.weight]
    return sorted(changed, key=lambda change: (-change.lost, -change.weight))
