"""Which frames are worth a person's time, and in words why. Nothing is chosen at random."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from headcount.errors import ManifestError


class Ground(StrEnum):
    """Why a frame is taken; in the order in which they are served."""

    LABELLED = "labelled by people"
    DRIFTED = "drifted slice"
    CAMERA = "camera"
    DISAGREEMENT = "disagreement"
    UNCERTAINTY = "uncertainty"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that may be taken.

    Attributes:
        source: Its name: what decides between equals.
        camera_id: Which camera took it.
        uncertainty: How likely a look would correct the count, 0 to 1.
        disputed_faces: How many faces two readings differ in.
        is_labelled: Whether people labelled it.
        is_drifted: Whether it is of the slice that drifted.
    """

    source: str
    camera_id: str
    uncertainty: float
    disputed_faces: int
    is_labelled: bool = False
    is_drifted: bool = False

    @property
    def worth(self) -> float:
        """Return how much a look is expected to tell, at least 0: disputed and doubtful faces."""
        return self.disputed_faces + self.uncertainty

    @property
    def is_remarkable(self) -> bool:
        """Return whether anything speaks for a look at it."""
        return self.worth > 0 or self.is_drifted or self.is_labelled


@dataclass(frozen=True, slots=True)
class Quotas:
    """How a budget is spread.

    Attributes:
        drifted: Share of the budget for frames of the drifted slice, if one is named, 0 to 1.
        cameras: Share of the budget that is divided equally among cameras, 0 to 1, so that one
            busy camera does not crowd the others out.
    """

    drifted: float = 0.4
    cameras: float = 0.5

    def __post_init__(self) -> None:
        for name, share in (("drifted", self.drifted), ("cameras", self.cameras)):
            if not 0 <= share <= 1:
                raise ManifestError(
                    f"The share for {name} is {share}.\nA share of the budget is from 0 to 1."
                )


@dataclass(frozen=True, slots=True)
class Pick:
    """A frame that was taken.

    Attributes:
        index: Its place among the candidates.
        ground: What it was taken for.
    """

    index: int
    ground: Ground


Near = Callable[[int, npt.NDArray[np.intp]], npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What was taken, and what was left and why.

    Attributes:
        picks: In the order in which they were taken.
        near_duplicates: How many were left for being near one that was taken.
        unremarkable: How many were left because nothing speaks for a look at them.
    """

    picks: tuple[Pick, ...]
    near_duplicates: int
    unremarkable: int


def select(
    candidates: Sequence[Candidate],
    budget: int,
    quotas: Quotas,
    near: Near,
    taken: Sequence[int] = (),
) -> Selection:
    """Return the frames to take.

    Args:
        candidates: All there are.
        budget: The most to take.
        quotas: How it is spread.
        near: Says which of some candidates are near-duplicates of one.
        taken: Candidates that are in already, such as frozen frames: nothing near them is taken,
            nor they.

    Raises:
        ManifestError: If the budget is no positive number.
    """
    if budget < 1:
        raise ManifestError(f"The budget is {budget} frames.\nAsk for one frame at least.")
    # Everything near a frame that is in is closed.
    is_open = np.ones(len(candidates), bool)
    for index in taken:
        is_open[index] = False
        is_open[near(index, np.arange(len(candidates)))] = False
    picks: list[Pick] = []
    cameras = sorted(
        {
            one.camera_id
            for one, is_left in zip(candidates, is_open.tolist(), strict=True)
            if is_left
        }
    )
    for ground, wanted, pool in _courses(candidates, cameras, budget, quotas, picks):
        for index in pool:
            if len(picks) >= budget or wanted() <= 0:
                break
            if is_open[index]:
                picks.append(Pick(index, ground))
                is_open[near(index, np.arange(len(candidates)))] = False
                is_open[index] = False
    closed = int((~is_open).sum()) - len(picks) - len(set(taken))
    unremarkable = sum(
        is_left and not one.is_remarkable
        for is_left, one in zip(is_open.tolist(), candidates, strict=True)
    )
    return Selection(tuple(picks), closed, unremarkable)


def _courses(
    candidates: Sequence[Candidate],
    cameras: Sequence[str],
    budget: int,
    quotas: Quotas,
    picks: Sequence[Pick],
) -> Iterator[tuple[Ground, Callable[[], int], list[int]]]:
    """Yield each ground with how many more it may take, and its candidates, best first."""
    by_worth = sorted(
        range(len(candidates)),
        key=lambda index: (-candidates[index].worth, candidates[index].source),
    )

    def more_than(quota: int, counts: Callable[[Candidate], bool]) -> Callable[[], int]:
        return lambda: quota - sum(counts(candidates[pick.index]) for pick in picks)

    yield (
        Ground.LABELLED,
        lambda: budget,
        [index for index in by_worth if candidates[index].is_labelled],
    )
    yield (
        Ground.DRIFTED,
        more_than(math.ceil(budget * quotas.drifted), lambda one: one.is_drifted),
        [index for index in by_worth if candidates[index].is_drifted],
    )
    # One camera crowds nobody out.
    for camera in cameras if len(cameras) > 1 else ():
        yield (
            Ground.CAMERA,
            more_than(
                math.floor(budget * quotas.cameras / len(cameras)),
                lambda one, camera=camera: one.camera_id == camera,  # type: ignore[misc]
            ),
            [index for index in by_worth if candidates[index].camera_id == camera],
        )
    # Half of what is left for each: models of one kind may agree and both be unsure.
    yield (
        Ground.DISAGREEMENT,
        _half(budget, picks),
        [index for index in by_worth if candidates[index].disputed_faces > 0],
    )
    yield (
        Ground.UNCERTAINTY,
        lambda: budget,
        sorted(
            (index for index in by_worth if candidates[index].uncertainty > 0),
            key=lambda index: (-candidates[index].uncertainty, candidates[index].source),
        ),
    )
    yield (
        Ground.DISAGREEMENT,
        lambda: budget,
        [index for index in by_worth if candidates[index].disputed_faces > 0],
    )


def _half(budget: int, picks: Sequence[Pick]) -> Callable[[], int]:
    start = len(picks)
    quota = math.ceil((budget - start) / 2)
    return lambda: quota - (len(picks) - start)
