"""What went off, and what came on again, is held against what was seen and known."""

import pytest

from headcount.domain.cameras import OccupancySettings
from headcount.domain.policy import Policy
from headcount.domain.terms import CameraStatus, Trigger, UnknownAtClose
from headcount.events import Detail
from tests.event_rows import (
    FROM_ONE,
    NOON_TO_THREE,
    OFF,
    ON,
    POLICY,
    UNKNOWN,
    VACANT,
    a_booking,
    a_command,
    a_frame,
    a_room,
    an_override,
    at,
    check,
    empty,
    health,
    sensed,
    told,
)


def test_off_after_the_hold_off_is_kept() -> None:
    found = check("never-dark", ON, a_frame(590, 1), a_frame(599, 1), *empty(605, 1200), OFF)

    assert (found.checked, found.violations) == (1, ())


@pytest.mark.parametrize(
    "seen",
    [
        [a_frame(900, 1), a_frame(905, 1)],
        [a_frame(900, 2)],
        [a_frame(900, 1, motion=0.2)],
        [a_frame(900, motion=0.2), a_frame(905, motion=0.2)],
        [a_frame(1190, 1)],
    ],
    ids=["twice", "two at once", "a moving face", "movement twice", "not yet refuted"],
)
def test_off_within_it_is_broken_and_names_the_frame(seen: list[Detail]) -> None:
    found = check("never-dark", ON, *empty(605, 890), *seen, OFF)

    (broken,) = found.violations
    assert (broken.at, broken.device_group) == (at(1200), "lights")
    assert broken.event_ids[0] == OFF.id
    assert broken.event_ids[1].startswith("frame-door-")


@pytest.mark.parametrize(
    "seen",
    [
        [a_frame(900, 1), a_frame(905)],
        [a_frame(900, motion=0.2), a_frame(905)],
        [a_frame(1197, 2)],
        [a_frame(900, 2, known_s=1202)],
        [a_frame(1100), a_frame(900, 2, known_s=1110)],
        [health(650, CameraStatus.FROZEN), a_frame(900, 2)],
    ],
    ids=["refuted", "movement once", "just now", "known later", "too late", "a frozen camera"],
)
def test_what_was_no_person_or_could_not_be_known_does_not_count(seen: list[Detail]) -> None:
    found = check("never-dark", ON, *empty(605, 890), *seen, OFF)

    assert (found.checked, found.violations) == (1, ())


def test_a_poster_is_no_person_and_who_sits_before_it_is() -> None:
    poster = (0.4, 0.4, 0.1, 0.1)
    settings = OccupancySettings(static_face_s=600)
    hung = [a_frame(seconds, boxes=(poster,)) for seconds in range(-1200, 1200, 60)]
    sitter = a_frame(1001, boxes=(poster, (0.7, 0.4, 0.1, 0.1)), motion=0.2)
    room = a_room(occupancy=settings)

    assert check("never-dark", *hung, ON, OFF, room=room).violations == ()
    assert len(check("never-dark", *hung, sitter, ON, OFF, room=room).violations) == 1


def test_a_person_at_the_panel_may_switch_off_whom_a_camera_sees() -> None:
    by_hand = OFF.model_copy(update={"trigger": Trigger.OVERRIDE})

    assert check("never-dark", ON, a_frame(1100, 2), by_hand).checked == 0


def test_one_device_fewer_is_not_off() -> None:
    assert check("never-dark", a_command(0, 4), a_frame(1100, 2), a_command(1200, 2)).checked == 0


def test_without_frames_nothing_can_be_said() -> None:
    assert check("never-dark", ON, OFF).checked == 0


CLOSING = Policy(bands=POLICY.bands, unknown_at_close=UnknownAtClose.OFF)


def test_off_by_what_is_known_is_kept() -> None:
    found = check("unknown-holds", ON, told(1100, VACANT), OFF)

    assert (found.checked, found.violations) == (1, ())


@pytest.mark.parametrize(
    "events",
    [
        [ON, told(1100, VACANT), a_command(1200, 0, UNKNOWN)],
        [ON, told(600, VACANT), told(1100, UNKNOWN), OFF],
        [ON, told(100, VACANT), OFF],
        [told(1100, UNKNOWN), OFF],
    ],
    ids=["says so itself", "the last word", "long ago", "the first command"],
)
def test_off_by_what_is_not_is_broken(events: list[Detail]) -> None:
    (broken,) = check("unknown-holds", *events).violations

    assert broken.at == at(1200)


def test_a_word_that_came_late_was_not_known() -> None:
    words = [told(1100, VACANT), told(1197, UNKNOWN)]

    assert check("unknown-holds", ON, *words, OFF).violations == ()


def test_a_site_may_want_it_off_once_closed() -> None:
    off = a_command(1200, 0, UNKNOWN, trigger=Trigger.SCHEDULE)
    closed = a_room(CLOSING, hours=FROM_ONE)
    opened = a_room(CLOSING, hours=NOON_TO_THREE)

    assert check("unknown-holds", ON, told(1100, UNKNOWN), off, room=closed).checked == 0
    assert len(check("unknown-holds", ON, off, room=opened).violations) == 1
    assert len(check("unknown-holds", ON, off, room=a_room(hours=FROM_ONE)).violations) == 1


AGAIN = a_command(1500, 2)
DARK = (a_frame(1210, dark=True), a_frame(1300, dark=True))


def test_on_for_the_dark_alone_is_broken() -> None:
    (broken,) = check("no-dark-loop", ON, OFF, *DARK, AGAIN).violations

    assert broken.event_ids == (AGAIN.id, OFF.id)


@pytest.mark.parametrize(
    "evidence",
    [
        a_frame(1490, 1, dark=True),
        a_frame(1490, motion=0.2, dark=True),
        a_frame(1190, 1, known_s=1205),
        sensed(1490),
        a_booking(1400, 1500, 2000),
        an_override(1400, None, active=False),
    ],
    ids=["a face", "a movement", "on its way", "a switch", "a booking", "given back"],
)
def test_on_for_anything_new_is_kept(evidence: Detail) -> None:
    found = check("no-dark-loop", ON, OFF, *DARK, evidence, AGAIN)

    assert (found.checked, found.violations) == (1, ())


def test_on_in_a_room_that_did_not_go_dark_is_another_matter() -> None:
    assert check("no-dark-loop", ON, OFF, *empty(1210, 1400), AGAIN).checked == 0


def test_a_camera_that_is_said_to_be_dark_is_dark() -> None:
    events = [ON, OFF, health(1250, CameraStatus.DARK), AGAIN]

    assert len(check("no-dark-loop", *events).violations) == 1


def test_the_opening_hours_may_raise_it_once() -> None:
    opened = a_room(hours=NOON_TO_THREE)
    again = a_command(1500, 2, UNKNOWN, trigger=Trigger.SCHEDULE)
    off = a_command(2200, 0, VACANT)
    dark = a_frame(2300, dark=True)
    once_more = a_command(2500, 2, UNKNOWN, trigger=Trigger.SCHEDULE)
    once = [ON, OFF, *DARK, again]

    assert check("no-dark-loop", *once, room=opened).violations == ()
    twice = check("no-dark-loop", *once, off, dark, once_more, room=opened)
    assert [one.at for one in twice.violations] == [at(2500)]


def test_a_room_that_opens_meanwhile_may_come_on() -> None:
    later = a_command(3700, 1)
    room = a_room(hours=FROM_ONE)

    assert check("no-dark-loop", ON, OFF, *DARK, later, room=room).violations == ()
