"""The figures of a run, on histories short enough to reckon by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from headcount.domain.cameras import Camera
from headcount.domain.policy import Band, DeviceGroup, Policy, Room
from headcount.domain.terms import OccupancyState
from ops.simulation.energy import Lived, climate, lighting
from ops.simulation.observing import FilmedCamera, Frames
from ops.simulation.people import Segment
from ops.simulation.running import Belief, Trace
from ops.simulation.scoring import (
    entries_s,
    false_vacant_spells,
    lights_off,
    naive_switches,
    raw_counts,
    reactions_s,
    seconds,
    timeline,
)

BEGINS = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROOM = Room(
    "hq",
    "lab",
    cameras=(Camera("door"),),
    devices=(
        DeviceGroup("lights", "lighting", max_level=4),
        DeviceGroup("fan", "ventilation", max_level=1),
    ),
    policy=Policy(
        bands=(
            Band(people=1, levels={"lights": 2, "fan": 1}),
            Band(people=5, levels={"lights": 4, "fan": 1}),
        )
    ),
)
LIMIT_S = 60.0
ROW_S = 600.0
UNKNOWN, VACANT, OCCUPIED = OccupancyState.UNKNOWN, OccupancyState.VACANT, OccupancyState.OCCUPIED


def _lived(
    people: list[int],
    beliefs: tuple[tuple[float, OccupancyState], ...] = ((0, OCCUPIED),),
    lighting_kwh: list[float] | None = None,
    hvac_kwh: list[float] | None = None,
    room: Room = ROOM,
    **levels: list[tuple[float, int | None]],
) -> Lived:
    nothing = [float("nan")] * len(people)
    segment = Segment(
        start=BEGINS,
        at_s=np.array([ROW_S * row for row in range(len(people))]),
        length_s=len(people) * ROW_S,
        people=np.array(people),
        lighting_kwh=np.array(lighting_kwh or nothing),
        hvac_kwh=np.array(hvac_kwh or nothing),
    )
    trace = Trace(
        BEGINS,
        [Belief(at_s, state, people=1, low=0, high=2) for at_s, state in beliefs],
        levels={"lights": [(0.0, None)], "fan": [(0.0, None)], **levels},
    )
    return Lived(segment, trace, timeline(segment, trace, room))


def _false_vacant_s(lived: Lived) -> float:
    return sum(end - start for start, end in false_vacant_spells(ROOM, lived.seen, LIMIT_S))


def test_a_room_declared_vacant_with_a_person_in_it_counts_from_the_first_second():
    lived = _lived([1, 1], ((0, OCCUPIED), (100, VACANT), (130, OCCUPIED)))

    assert _false_vacant_s(lived) == 30


def test_a_room_that_is_vacant_when_a_person_comes_counts_only_after_the_limit():
    noticed = _lived([0, 1], ((0, VACANT), (ROW_S + 50, OCCUPIED)))
    overlooked = _lived([0, 1], ((0, VACANT), (ROW_S + 200, OCCUPIED)))

    assert _false_vacant_s(noticed) == 0
    assert _false_vacant_s(overlooked) == 200 - LIMIT_S


def test_lights_that_we_switch_off_over_a_person_count():
    lived = _lived([1, 1], lights=[(0.0, 2), (300.0, 0), (420.0, 2)])

    assert _false_vacant_s(lived) == 120


def test_vacant_and_dark_at_once_counts_once():
    lived = _lived(
        [1, 1],
        ((0, OCCUPIED), (100, VACANT), (400, OCCUPIED)),
        lights=[(0.0, 2), (200.0, 0), (401.0, 2)],
    )

    assert _false_vacant_s(lived) == 301


def test_a_person_who_leaves_ends_a_false_vacancy():
    lived = _lived([1, 0], ((0, OCCUPIED), (500, VACANT)))

    assert _false_vacant_s(lived) == 100


def test_an_unknown_room_is_no_false_vacancy():
    assert _false_vacant_s(_lived([2, 2], ((0, UNKNOWN),))) == 0


def test_lights_that_nobody_of_ours_has_touched_are_not_off():
    assert not lights_off(ROOM, _lived([0, 0]).seen).any()


def test_the_bands_applied_at_once_switch_with_every_change_of_band():
    assert naive_switches(ROOM, np.array([0, 1, 4, 5, 4, 0])) == 2 + 1 + 1 + 2


def test_raw_counts_take_the_largest_of_one_view_and_add_the_views():
    cameras = [
        FilmedCamera(name, view, 0.0, 5.0, 0.05)
        for name, view in (("a", "hall"), ("b", "hall"), ("c", "stage"))
    ]
    frames = [
        Frames(
            name, np.array([at_s]), np.array([at_s]), np.array([faces]), np.zeros(1), np.zeros(1)
        )
        for name, at_s, faces in (("a", 0.0, 2), ("b", 1.0, 3), ("c", 2.0, 4))
    ]

    assert raw_counts(cameras, frames).tolist() == [2, 3, 7]


def test_a_reaction_lasts_until_the_level_is_reached():
    lived = _lived([0, 1, 0, 0], lights=[(0.0, 0), (ROW_S + 7.0, 2), (2 * ROW_S + 900.0, 0)])

    assert reactions_s(lived.seen, ["lights"], up=True) == ([7.0], 0)
    assert reactions_s(lived.seen, ["lights"], up=False) == ([900.0], 0)


def test_a_need_that_goes_away_first_is_no_reaction_but_is_counted():
    lived = _lived([0, 1, 0], lights=[(0.0, 0)])

    assert reactions_s(lived.seen, ["lights"], up=True) == ([], 1)


def test_an_entry_waits_until_there_is_light():
    lived = _lived([0, 1], lights=[(0.0, 0), (ROW_S + 12.0, 2)])

    assert entries_s(ROOM, lived.seen) == [12.0]


def test_light_that_burned_for_nobody_is_avoided_while_we_have_it_off():
    lived = _lived([1, 0], lighting_kwh=[0.4, 0.4], lights=[(0.0, 4), (900.0, 0)])

    ledger = lighting(ROOM, [lived])

    assert ledger is not None
    assert ledger.recorded_kwh == pytest.approx(0.8)
    assert ledger.empty_kwh == pytest.approx(0.4)
    assert ledger.empty_avoided_kwh == pytest.approx(0.2)
    assert ledger.controlled_kwh == pytest.approx(0.6)


def test_where_the_recording_used_nothing_nothing_is_avoided_and_nothing_is_added():
    lived = _lived([1, 0], lighting_kwh=[0.0, 0.0], lights=[(0.0, 4)])

    ledger = lighting(ROOM, [lived])

    assert ledger is not None
    assert (ledger.empty_avoided_kwh, ledger.controlled_kwh) == (0.0, 0.0)


def test_half_of_the_lamps_use_half_of_the_full_load_and_never_more_than_recorded():
    lived = _lived([1, 1, 1], lighting_kwh=[0.4, 0.4, 0.1], lights=[(0.0, 2)])

    ledger = lighting(ROOM, [lived])

    assert ledger is not None
    assert ledger.with_kwh[0].tolist() == pytest.approx([0.2, 0.2, 0.1])


def test_the_lamps_of_a_recorded_room_are_its_own_and_not_those_of_the_site():
    room = replace(ROOM, devices=(replace(ROOM.devices[0], device_power_w=1.0), ROOM.devices[1]))

    ledger = lighting(room, [_lived([1], lighting_kwh=[0.4], room=room, lights=[(0.0, 4)])])

    assert ledger is not None
    assert ledger.controlled_kwh == pytest.approx(0.4)


def test_before_our_first_command_the_room_uses_what_it_used():
    ledger = lighting(ROOM, [_lived([1, 1], lighting_kwh=[0.4, 0.3])])

    assert ledger is not None
    assert ledger.controlled_kwh == ledger.recorded_kwh


def test_standby_that_is_always_on_is_told_apart():
    kwh = [0.01] * 40 + [0.41, 0.01]
    lived = _lived([0] * 42, lighting_kwh=kwh, lights=[(0.0, 0)])

    ledger = lighting(ROOM, [lived])

    assert ledger is not None
    assert ledger.floor_w == pytest.approx(60)
    assert ledger.empty_above_floor_kwh == pytest.approx(0.4)


def test_without_a_meter_the_lamps_burn_from_the_first_to_the_last_person_of_a_day():
    devices = (replace(ROOM.devices[0], device_power_w=60.0), ROOM.devices[1])
    room = replace(ROOM, devices=devices)
    lived = _lived([0, 1, 0, 2, 0], room=room, lights=[(0.0, 4), (1200.0, 0), (1800.0, 2)])

    ledger = lighting(room, [lived])

    assert ledger is not None
    assert ledger.recorded_kwh is None
    assert ledger.counterfactual_kwh == pytest.approx(3 * 0.04)
    assert ledger.empty_kwh == ledger.empty_avoided_kwh == pytest.approx(0.04)


def test_energy_that_nobody_metered_and_nobody_stated_is_not_made_up():
    assert lighting(ROOM, [_lived([1, 0])]) is None
    assert climate(ROOM, [_lived([1, 0])]) is None


def test_climate_is_saved_only_while_all_of_it_is_off():
    lived = _lived([1, 0], hvac_kwh=[2.0, 2.0], fan=[(0.0, 1), (900.0, 0)])

    ledger = climate(ROOM, [lived])

    assert ledger is not None
    assert ledger.controlled_kwh == pytest.approx(3.0)


def test_time_is_cut_where_truth_belief_or_a_device_changes():
    seen = _lived([0, 3], ((0, UNKNOWN), (50, VACANT)), lights=[(0.0, None), (75.0, 2)]).seen

    assert seen.edges_s.tolist() == [0, 50, 75, 600, 1200]
    assert seconds(seen, seen.is_state(UNKNOWN)) == 50
    assert seen.needed["lights"].tolist() == [0, 0, 0, 2]
