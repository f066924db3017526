"""Whatever a morning brings, the room keeps what is promised of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.domain.terms import OccupancyState
from headcount.events import (
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsPresenceSensed,
    Detail,
    Detection,
    FramesCounted,
)
from headcount.verification.limits import Limits
from headcount.verification.properties import PROPERTIES, verify_room
from tests.lived_day import ROOM, Morning, Scene, as_log, live

pytestmark = pytest.mark.slow

Events: TypeAlias = list[tuple[Detail, datetime]]

# Everything happens within this test's process: what is delivered is known.
AT_ONCE = Limits(arrival_s=0)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    people = draw(st.sampled_from([0, 0, 1, 1, 2, 5]))
    return Scene(
        minutes=draw(st.integers(1, 12)),
        people=people,
        facing=draw(st.integers(0, people)),
        stirs=draw(st.booleans()),
        filmed=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def mornings(draw: st.DrawFn) -> Morning:
    return Morning(
        scenes=tuple(draw(st.lists(scenes(), min_size=3, max_size=6))),
        seed=draw(st.integers(0, 2**16)),
        missed=draw(st.sampled_from([0.0, 0.2, 0.5])),
        false_alarms=draw(st.sampled_from([0.0, 0.02, 0.1])),
        late=draw(st.sampled_from([0.0, 0.1, 0.4])),
        lost=draw(st.sampled_from([0.0, 0.1, 0.6])),
        taken=tuple(
            draw(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([None, 0, 4])), max_size=2))
        ),
        booked=tuple(
            draw(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([None, 2])), max_size=2))
        ),
    )


@settings(max_examples=15, derandomize=True)
@given(mornings())
def test_every_morning_keeps_every_promise(morning: Morning) -> None:
    findings = verify_room(as_log(live(morning)), ROOM, AT_ONCE)

    assert [one for finding in findings.values() for one in finding.violations] == []


BUSY = Morning(
    (
        Scene(4, people=2, facing=2, stirs=True),
        Scene(14),
        Scene(6, people=5, facing=4),
        Scene(9, people=1, facing=0),
        Scene(5, filmed=False),
        Scene(4, people=1, facing=1, stirs=True),
        Scene(12),
        Scene(3, people=2, facing=1, stirs=True),
    ),
    late=0.2,
    lost=0.3,
)


@cache
def busy_events() -> tuple[tuple[Detail, datetime], ...]:
    return tuple(live(BUSY))


def test_a_busy_morning_gives_every_promise_something_to_keep() -> None:
    findings = verify_room(as_log(list(busy_events())), ROOM, AT_ONCE)

    assert {name for name, finding in findings.items() if finding.checked} == {
        known.name for known in PROPERTIES
    }


def _first_off(events: Events) -> BmsCommandRequested:
    return next(
        event
        for event, _ in events
        if isinstance(event, BmsCommandRequested) and event.device_group == "lights"
        if event.level == 0
    )


def _somebody_before_off(events: Events) -> Events:
    off = _first_off(events)
    seen = off.requested_at - timedelta(seconds=60)
    faces = (Detection(box=(0.1, 0.1, 0.1, 0.1), score=0.9),) * 2
    return [
        (
            event.model_copy(update={"faces": faces})
            if isinstance(event, FramesCounted) and seen < event.captured_at < off.requested_at
            else event,
            at,
        )
        for event, at in events
    ]


def _hasty(events: Events) -> Events:
    """Return the morning with an ac that is raised a minute before it is lowered again."""
    ac = [e for e, _ in events if isinstance(e, BmsCommandRequested) and e.device_group == "ac"]
    off = next(event for event in ac[1:] if event.level == 0)
    raised = ac[ac.index(off) - 1]
    hasty = raised.model_copy(
        update={
            "id": "hasty",
            "idempotency_key": "hasty",
            "level": 2,
            "requested_at": off.requested_at - timedelta(seconds=60),
        }
    )
    return [*events, (hasty, hasty.requested_at)]


def _flicker(events: Events) -> Events:
    """Return the morning with the ac switched to and fro, every two minutes."""
    off = _first_off(events)
    flickers = [
        off.model_copy(
            update={
                "id": f"flicker-{number}",
                "device_group": "ac",
                "idempotency_key": f"flicker-{number}",
                "level": 1 + number % 2,
                "requested_at": off.requested_at + timedelta(minutes=2 * number),
            }
        )
        for number in range(1, 9)
    ]
    return [*events, *((event, event.requested_at) for event in flickers)]


def _without(*kinds: type[Detail]) -> Callable[[Events], Events]:
    def without(events: Events) -> Events:
        return [(event, at) for event, at in events if not isinstance(event, kinds)]

    return without


def _unknown_off(events: Events) -> Events:
    off = _first_off(events)
    ignorant = off.model_copy(update={"state": OccupancyState.UNKNOWN})
    return [(ignorant if event is off else event, at) for event, at in events]


def _nobody_after_off(events: Events) -> Events:
    off = _first_off(events)
    return [
        (event, at)
        for event, at in _without(BmsPresenceSensed)(events)
        if not isinstance(event, FramesCounted)
        or event.captured_at < off.requested_at
        or not (event.faces or event.motion)
    ]


def _retry_of_another_level(events: Events) -> Events:
    return [
        (
            event.model_copy(update={"level": event.level + 1})
            if isinstance(event, BmsCommandRequested) and event.attempt > 1
            else event,
            at,
        )
        for event, at in events
    ]


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("never-dark", _somebody_before_off),
        ("run-and-rest", _hasty),
        ("switching-bound", _flicker),
        ("reaction", _without(BmsCommandRequested)),
        ("answered", _without(BmsCommandAcknowledged, AlertRaised)),
        ("unknown-holds", _unknown_off),
        ("no-dark-loop", _nobody_after_off),
        ("one-effect", _retry_of_another_level),
    ],
)
def test_a_fault_planted_in_a_morning_is_found(
    name: str, plant: Callable[[Events], Events]
) -> None:
    events = list(busy_events())
    before = verify_room(as_log(events), ROOM, AT_ONCE)[name]
    planted = verify_room(as_log(plant(events)), ROOM, AT_ONCE)[name]

    assert before.violations == ()
    assert planted.violations != ()
