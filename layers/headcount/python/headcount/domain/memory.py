"""What is kept of a room between two functions: its state as plain values, in a few kilobytes."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from headcount.domain.belief import Belief, Estimate
from headcount.domain.observations import Evidence
from headcount.domain.occupancy import Announcement, RoomState
from headcount.domain.tracks import Sensor, Track
from headcount.domain.transitions import Floats, states_before
from headcount.domain.views import View
from headcount.domain.visibility import Sight, ViewBelief

# Little-endian half precision: a probability is kept to a thousandth of itself, and down to 6e-8.
_KEPT_AS: Final = np.dtype("<f2")


@dataclass(frozen=True, slots=True)
class KeptSight:
    """One camera's sight; see `headcount.domain.visibility.Sight`.

    Attributes:
        joint: Deflated, in base64.
    """

    joint: str
    faces: float = 0.0
    missed: float = 0.0
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class KeptView:
    """One view's belief.

    Attributes:
        size: How many numbers of people have a probability.
        people: Deflated, in base64, for a view that no camera has counted in.
    """

    at: datetime
    size: int
    people: str
    sights: Mapping[str, KeptSight] = field(default_factory=dict)
    last: tuple[str, int, bool] | None = None
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class KeptBelief:
    """A belief; see `headcount.domain.belief.Belief`."""

    estimate: Estimate
    tracks: tuple[Track, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    views: Mapping[str, KeptView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptRoom:
    """A room's state; what is newer than the window is kept as it came, and folded again."""

    estimate: Estimate
    tracks: tuple[Track, ...]
    recent: tuple[Evidence, ...]
    settled: KeptBelief | None = None
    ignored: int = 0
    announced: Announcement | None = None


def keep(state: RoomState) -> KeptRoom:
    """Return the state as plain values."""
    return KeptRoom(
        estimate=state.estimate,
        tracks=state.tracks,
        recent=state.recent,
        settled=None if state.settled is None else _keep_belief(state.settled),
        ignored=state.ignored,
        announced=state.announced,
    )


def recall(kept: KeptRoom) -> RoomState:
    """Return the state that was kept.

    Raises:
        ValueError: If a belief is none that `keep` has written.
    """
    return RoomState(
        estimate=kept.estimate,
        tracks=kept.tracks,
        recent=kept.recent,
        settled=None if kept.settled is None else _recall_belief(kept.settled),
        ignored=kept.ignored,
        announced=kept.announced,
    )


def _keep_belief(belief: Belief) -> KeptBelief:
    views = {name: _keep_view(view) for name, view in belief.views.items()}
    return KeptBelief(belief.estimate, belief.tracks, belief.sensors, views)


def _recall_belief(kept: KeptBelief) -> Belief:
    views = {name: _recall_view(view) for name, view in kept.views.items()}
    return Belief(kept.estimate, kept.tracks, kept.sensors, views)


def _keep_view(view: View) -> KeptView:
    belief = view.belief
    sights = {
        camera_id: KeptSight(_packed(sight.joint), sight.faces, sight.missed, sight.newest)
        for camera_id, sight in belief.sights.items()
    }
    return KeptView(
        at=view.at,
        size=belief.size,
        people=_packed(belief.people),
        sights=sights,
        last=belief.last,
        waited_s=belief.waited_s,
    )


def _recall_view(kept: KeptView) -> View:
    size = kept.size
    people = _unpacked(kept.people, (2, size))
    sights = {
        camera_id: Sight(
            _unpacked(sight.joint, (2, states_before(size))),
            sight.faces,
            sight.missed,
            sight.newest,
        )
        for camera_id, sight in kept.sights.items()
    }
    return View(ViewBelief(people, sights, kept.last, waited_s=kept.waited_s), kept.at)


def _packed(chances: Floats) -> str:
    return base64.b64encode(zlib.compress(chances.astype(_KEPT_AS).tobytes())).decode("ascii")


def _unpacked(packed: str, shape: tuple[int, ...]) -> Floats:
    try:
        values = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype=_KEPT_AS)
    except (ValueError, zlib.error) as fault:
        raise ValueError("a stored belief cannot be read") from fault
    chances: Floats = values.reshape(shape).astype(np.float64)
    chances /= chances.sum()
    return chances
