"""What is needed is commanded in time, and the order of frames makes no difference."""

import pytest

from headcount.domain.observations import Observation
from headcount.domain.occupancy import RoomState, observe
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.domain.terms import WhenEmpty
from headcount.events import Detail
from tests.event_rows import (
    NOON_TO_THREE,
    OCCUPIED,
    POLICY,
    VACANT,
    a_booking,
    a_command,
    a_frame,
    a_room,
    an_alert,
    an_override,
    at,
    check,
    empty,
    told,
)


def test_up_within_the_minute_is_kept() -> None:
    found = check("reaction", told(0, OCCUPIED, 3), a_command(59, 2), told(200, OCCUPIED, 3))

    assert (found.checked, found.violations) == (1, ())


@pytest.mark.parametrize("command", [[], [a_command(61, 2)], [a_command(5, 1)]])
def test_up_later_or_not_enough_is_broken_once(command: list[Detail]) -> None:
    found = check("reaction", told(0, OCCUPIED, 3), *command, told(200, OCCUPIED, 3))

    assert [(one.at, one.event_ids) for one in found.violations] == [(at(60), ("told-0",))]


def test_who_left_again_needs_nothing() -> None:
    found = check(
        "reaction", told(0, OCCUPIED, 3), told(30, VACANT), told(200, VACANT), told(300, VACANT)
    )

    assert found.violations == ()


def heard(last_s: int, people: int = 0, first_s: int = 0) -> list[Detail]:
    state = OCCUPIED if people else VACANT
    return [told(seconds, state, people) for seconds in range(first_s, last_s, 240)]


def test_down_after_the_hold_off_is_kept_and_never_is_broken() -> None:
    off = a_command(600, 0, VACANT)
    words = heard(2000)

    assert check("reaction", a_command(-900, 2), *words, off).violations == ()
    (broken,) = check("reaction", a_command(-900, 2), *words).violations
    assert (broken.at, broken.event_ids) == (at(720), ("told-0",))


def test_fewer_people_wait_for_their_own_hold_off() -> None:
    (broken,) = check("reaction", a_command(-900, 4), *heard(2000, 3)).violations

    assert broken.at == at(1020)


@pytest.mark.parametrize(
    ("more", "room"),
    [
        ([an_override(100, None, until_s=1900)], a_room()),
        ([an_override(100, 2, until_s=1900)], a_room()),
        ([a_booking(0, 500, 1900)], a_room()),
        ([], a_room(Policy(bands=POLICY.bands, when_empty=WhenEmpty.TELL))),
        ([], a_room(lights=DeviceGroup("lights", "lighting", 4, min_run_s=6500))),
        (
            [],
            a_room(
                lights=DeviceGroup("lights", "lighting", 4, standby_level=2),
                hours=NOON_TO_THREE,
            ),
        ),
    ],
    ids=["in hand", "set by hand", "booked", "only told", "must run on", "standby"],
)
def test_what_keeps_a_level_up_explains_it(more: list[Detail], room: Room) -> None:
    start = [a_command(-4560, 0), a_command(-4500, 2)]

    assert check("reaction", *start, *more, *heard(1900), room=room).violations == ()
    assert check("reaction", *start, *heard(1900)).violations != ()


def test_a_room_that_may_not_switch_any_more_may_stay_on() -> None:
    often = [a_command(-900 + 200 * number, 2 - number % 2) for number in range(4)]
    words = heard(2500)
    found = check("reaction", *often, a_command(-50, 2), *words)

    assert found.violations == ()


def test_nobody_lowers_what_nobody_looks_at() -> None:
    found = check("reaction", a_command(-900, 2), told(0, VACANT), an_alert(3000, "room_vacant"))

    assert found.violations == ()


def test_the_log_may_end_before_it_is_due() -> None:
    found = check("reaction", told(0, OCCUPIED, 3), an_alert(50, "room_vacant"))

    assert (found.checked, found.violations) == (0, ())


def test_frames_out_of_order_leave_the_room_the_same() -> None:
    row = [a_frame(5 * number, number // 9 % 3) for number in range(200)]
    swapped = [frame for first in range(0, 200, 2) for frame in (row[first + 1], row[first])]
    found = check("any-order", *swapped)

    assert found.checked >= 190
    assert found.violations == ()


def test_frames_in_order_say_nothing() -> None:
    assert check("any-order", *empty(0, 600)).checked == 0


def test_an_estimator_that_minds_the_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headcount.verification.order.observe", _forgetful)
    row = [a_frame(5 * number, 2 - number % 2) for number in range(40)]
    swapped = [frame for first in range(0, 40, 2) for frame in (row[first + 1], row[first])]

    assert check("any-order", *swapped).violations != ()


def _forgetful(_state: RoomState | None, seen: Observation, room: Room) -> RoomState:
    """Return what an estimator says that knows nothing but the frame that came last."""
    return observe(None, seen, room)
