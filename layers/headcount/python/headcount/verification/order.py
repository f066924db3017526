"""Whatever order the frames came in, within the window for late ones, the room is the same."""

from collections.abc import Sequence

from headcount.domain.occupancy import Estimate, RoomState, observe
from headcount.domain.policy import Room
from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory
from headcount.verification.room_log import Look

ANY_ORDER = "any-order"

# Six hours of one camera. Chosen: more says little new, and costs the most of a verification.
_MOST_FRAMES = 4320
# Chosen: five minutes of one camera, so that the estimator has something to say.
_FRAMES_BEFORE = 60
# Two folds of the same frames differ by rounding alone.
_ROUNDING = 1e-6


def any_order(history: RoomHistory) -> Finding:
    """Check that the estimator ends the same for frames as they came and as they were taken.

    It is run anew, from shortly before the first frame out of order, for some hours. Whenever some
    frames came out of order, it is run over them in both orders.
    """
    in_time = {look.seen.id for look in history.looks}
    came = _sample([look for look in history.log.looks if look.seen.id in in_time])
    taken = _by_time(came)
    state: RoomState | None = None
    checked = 0
    wrong: list[Violation] = []
    for first, last in _stretches(came, taken):
        before = state
        state = _after(before, came[first:last], history.room)
        if last - first == 1:
            continue
        checked += last - first
        other = _after(before, taken[first:last], history.room)
        if not _same(state.estimate, other.estimate):
            wrong.append(
                violation(
                    ANY_ORDER,
                    history,
                    None,
                    taken[last - 1].at,
                    f"as they came, {last - first} frames end in {_words(state.estimate)}; in the "
                    f"order of their time, in {_words(other.estimate)}",
                    *(look.seen.id for look in came[first:last]),
                )
            )
    return Finding(checked, tuple(wrong))


def _sample(came: list[Look]) -> list[Look]:
    """Return the frames from shortly before the first out of order on; none if all are in order."""
    taken = _by_time(came)
    first = next((at for at, look in enumerate(came) if look is not taken[at]), None)
    if first is None:
        return []
    begin = max(0, first - _FRAMES_BEFORE)
    return came[begin : begin + _MOST_FRAMES]


def _by_time(came: Sequence[Look]) -> list[Look]:
    return sorted(came, key=lambda look: (look.at, look.seen.camera_id, look.seen.id))


def _stretches(came: Sequence[Look], taken: Sequence[Look]) -> list[tuple[int, int]]:
    """Return (first, last) of the shortest runs that hold the same frames in both orders."""
    place = {id(look): at for at, look in enumerate(taken)}
    stretches: list[tuple[int, int]] = []
    first = farthest = 0
    for at, look in enumerate(came):
        farthest = max(farthest, place[id(look)])
        if farthest == at:
            stretches.append((first, at + 1))
            first = at + 1
    return stretches


def _after(state: RoomState | None, looks: Sequence[Look], room: Room) -> RoomState:
    for look in looks:
        state = observe(state, look.seen, room)
    if state is None:
        raise ValueError("looks: there is none; give at least one")
    return state


def _same(one: Estimate, other: Estimate) -> bool:
    return (
        (one.state, one.people, one.people_low, one.people_high)
        == (other.state, other.people, other.people_low, other.people_high)
        and one.last_seen_at == other.last_seen_at
        and abs(one.p_vacant - other.p_vacant) < _ROUNDING
    )


def _words(estimate: Estimate) -> str:
    return f"{estimate.state} with {estimate.people} people, P(vacant) {estimate.p_vacant:.4f}"
