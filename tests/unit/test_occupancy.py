"""A room with a person in it is never VACANT, and who cannot see does not say so."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.aws.estimates import OccupancyFormat
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.interval import people_interval
from headcount.domain.occupancy import (
    Observation,
    announce,
    is_new_empty_view,
    is_news,
    observe,
)
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTINGS = OccupancySettings(vacancy_confirm_s=20, observation_gap_s=15, late_window_s=10)
ROOM = Room("hq", "lab", (Camera("door"),), occupancy=SETTINGS)
TWO_CAMERAS = Room("hq", "lab", (Camera("door"), Camera("window")), occupancy=SETTINGS)
ONE_VIEW = Room(
    "hq", "lab", (Camera("door", view="all"), Camera("window", view="all")), occupancy=SETTINGS
)


def seen(at_s, faces=0, camera_id="door", **evidence):
    return Observation(
        id=f"{camera_id}@{at_s}",
        camera_id=camera_id,
        captured_at=NOON + timedelta(seconds=at_s),
        faces=faces,
        **evidence,
    )


def after(observations, room=ROOM, state=None):
    for one in observations:
        state = observe(state, one, room)
    return state


def counts(*faces, start_s=0, every_s=5, **evidence):
    return [seen(start_s + i * every_s, count, **evidence) for i, count in enumerate(faces)]


def as_kept(state):
    return OccupancyFormat().write(state)


def test_a_room_is_unknown_at_first():
    assert after(counts(0)).estimate.state is OccupancyState.UNKNOWN


def test_a_steady_scene_with_four_faces_is_four_people():
    estimate = after(counts(*[4] * 12)).estimate

    assert (estimate.state, estimate.people) == (OccupancyState.OCCUPIED, 4)


def test_one_missed_face_does_not_change_the_estimate():
    assert after(counts(4, 4, 4, 4, 3)).estimate.people == 4


def test_the_first_face_counts_at_once():
    before = after(counts(0, 0, 0, 0, 0, 0))

    estimate = observe(before, seen(30, 4), ROOM).estimate

    assert (estimate.state, estimate.people) == (OccupancyState.OCCUPIED, 4)


def test_a_room_is_vacant_when_nobody_was_seen_for_long_enough():
    states = [after(counts(*[0] * n)).estimate.state for n in (4, 5)]

    assert states == [OccupancyState.UNKNOWN, OccupancyState.VACANT]


def test_a_turned_back_is_not_an_empty_room():
    turned = counts(*[0] * 200, start_s=10, motion=0.1)

    estimate = after([seen(0, 1), *turned]).estimate

    assert (estimate.state, estimate.people) == (OccupancyState.OCCUPIED, 1)


@pytest.mark.parametrize("evidence", [{"motion": 0.06}, {"scene_change": 0.1}, {"persons": 1}])
def test_zero_faces_with_other_evidence_is_not_vacant(evidence):
    estimate = after(counts(*[0] * 20, **evidence)).estimate

    assert (estimate.state, estimate.people) == (OccupancyState.OCCUPIED, 1)


def test_what_stands_there_for_long_without_face_or_movement_is_furniture():
    held_s = SETTINGS.moved_scene_held_s

    states = [
        after(counts(*[0] * int(seconds / 5), scene_change=0.1)).estimate.state
        for seconds in (held_s, 2 * held_s)
    ]

    assert states == [OccupancyState.OCCUPIED, OccupancyState.VACANT]


def test_a_change_of_the_light_is_nobody():
    estimate = after(counts(*[0] * 10, scene_change=0.9)).estimate

    assert estimate.state is OccupancyState.VACANT


def test_a_camera_may_have_its_own_motion_threshold():
    noisy = Room("hq", "lab", (Camera("door", motion_threshold=0.1),), occupancy=SETTINGS)

    assert after(counts(*[0] * 10, motion=0.05), noisy).estimate.state is OccupancyState.VACANT


def test_an_occupied_room_stays_so_until_its_vacancy_is_confirmed():
    states = [after([seen(0, 2), *counts(*[0] * n, start_s=5)]).estimate.state for n in range(1, 6)]

    assert states == [OccupancyState.OCCUPIED] * 4 + [OccupancyState.VACANT]


def test_one_frame_with_motion_starts_the_confirmation_again():
    moved = [*counts(0, 0, 0, 0), seen(20, motion=0.3), *counts(0, 0, 0, 0, start_s=25)]

    assert after(moved).estimate.state is OccupancyState.OCCUPIED


def test_a_gap_in_the_observations_is_not_an_empty_room():
    gap = [*counts(0, 0, 0), *counts(0, 0, 0, start_s=60)]

    assert after(gap).estimate.state is OccupancyState.UNKNOWN


def test_a_vacant_room_is_unknown_after_a_gap():
    vacant = after(counts(*[0] * 6))

    assert observe(vacant, seen(60), ROOM).estimate.state is OccupancyState.UNKNOWN


def test_an_occupied_room_is_unknown_after_a_gap():
    occupied = after(counts(3, 3))

    estimate = observe(occupied, seen(100), ROOM).estimate

    assert (estimate.state, estimate.people) == (OccupancyState.UNKNOWN, 3)


def test_dark_frames_never_confirm_a_vacancy():
    estimate = after([seen(0, 2), *counts(*[0] * 50, start_s=5, dark=True)]).estimate

    assert estimate.state is OccupancyState.UNKNOWN


def test_a_vacant_room_stays_vacant_when_its_lights_go_out():
    lit = counts(*[0] * 6)
    dark = counts(*[0] * 50, start_s=30, dark=True, scene_change=0.3)

    assert after([*lit, *dark]).estimate.state is OccupancyState.VACANT


def test_motion_in_the_dark_is_somebody_when_the_next_frame_confirms_it():
    vacant = after(counts(*[0] * 6))

    once = observe(vacant, seen(30, dark=True, motion=0.2), ROOM)
    twice = observe(once, seen(35, dark=True, motion=0.2), ROOM)

    assert [once.estimate.state, twice.estimate.state] == [
        OccupancyState.VACANT,
        OccupancyState.OCCUPIED,
    ]


def test_a_room_is_not_vacant_before_all_its_cameras_have_looked():
    assert after(counts(*[0] * 10), TWO_CAMERAS).estimate.state is OccupancyState.UNKNOWN


def test_a_room_is_not_vacant_while_one_of_its_cameras_is_silent():
    both = [*counts(*[0] * 10), *counts(*[0] * 10, camera_id="window")]
    vacant = after(sorted(both, key=lambda one: one.captured_at), TWO_CAMERAS)

    alone = after(counts(*[0] * 10, start_s=50), TWO_CAMERAS, vacant)

    assert vacant.estimate.state is OccupancyState.VACANT
    assert alone.estimate.state is OccupancyState.UNKNOWN


def test_a_crowd_mostly_turned_away_is_more_than_those_in_sight():
    room = Room("hq", "lab", (Camera("door"),), occupancy=OccupancySettings())
    # Forty-eight came in facing the camera; then half of them turn away, four a minute.
    shown = [48] * 6 + [48 - tick // 3 for tick in range(72)] + [24] * 120

    estimate = after(counts(*shown, motion=0.1), room).estimate

    assert estimate.people_low <= 48 <= estimate.people_high


def test_separate_views_add_up():
    both = [seen(0, 3), seen(1, 2, "window")]

    assert after(both, TWO_CAMERAS).estimate.people == 5


def test_cameras_of_one_view_see_the_same_people():
    both = [seen(0, 3), seen(1, 2, "window")]

    assert after(both, ONE_VIEW).estimate.people == 3


def test_a_silent_camera_keeps_its_count_while_others_see_somebody():
    both = [seen(0, 3), seen(1, 2, "window")]

    estimate = after([*both, *counts(*[2] * 10, start_s=5, camera_id="window")], TWO_CAMERAS)

    assert estimate.estimate.people == 5


def test_an_observation_told_twice_changes_nothing():
    state = after(counts(1, 2, 3))

    assert as_kept(observe(state, seen(5, 2), ROOM)) == as_kept(state)


def test_an_observation_older_than_the_window_is_counted_and_ignored():
    state = after(counts(0, 0, 0, 0, 0))

    late = observe(state, seen(1, 9), ROOM)

    assert (late.ignored, late.estimate) == (1, state.estimate)


@given(st.permutations(range(8)))
def test_orders_within_the_window_end_in_the_same_state(order):
    room = Room("hq", "lab", TWO_CAMERAS.cameras, occupancy=OccupancySettings(vacancy_confirm_s=4))
    told = [
        seen(i, i % 3, "door" if i % 2 else "window", motion=0.1 if i == 5 else 0.0)
        for i in range(8)
    ]

    assert as_kept(after([told[i] for i in order], room)) == as_kept(after(told, room))


observations = st.lists(
    st.tuples(st.floats(0.5, 40), st.integers(0, 3), st.sampled_from([0.0, 0.5]), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(observations)
def test_a_vacant_room_had_nobody_for_the_whole_confirmation(steps):
    at_s, last_presence_s, told, state = 0.0, 0.0, [], None
    for wait_s, faces, motion, dark in steps:
        at_s += wait_s
        if faces or motion:
            last_presence_s = at_s
        told.append(at_s)
        state = observe(state, seen(at_s, faces, motion=motion, dark=dark), ROOM)

        assert 0 <= state.estimate.p_vacant <= 1
        assert state.estimate.people_low <= state.estimate.people <= state.estimate.people_high
        if state.estimate.state is OccupancyState.VACANT:
            assert at_s - last_presence_s >= SETTINGS.vacancy_confirm_s
            assert all(
                later - earlier <= SETTINGS.observation_gap_s
                for earlier, later in pairwise(told)
                if later > at_s - SETTINGS.vacancy_confirm_s
            )


@pytest.mark.parametrize(
    ("counted", "rate", "interval"),
    [
        (4, 0.8, (4, 8)),
        (1, 0.8, (1, 3)),
        (4, 1.0, (4, 4)),
        # A full hall: the binomial coefficients in between are beyond any float.
        (1200, 0.5, (2321, 2482)),
    ],
)
def test_the_interval_allows_for_faces_that_were_missed(counted, rate, interval):
    assert people_interval(counted, rate) == interval


def test_the_evidence_is_told_in_words():
    occupied = after(counts(2, 2)).estimate
    vacant = after(counts(*[0] * 6)).estimate

    assert occupied.evidence == "2 seen by door (motion 0.000)"
    assert vacant.evidence == "no face and no motion for 25 s, seen by 1 camera"


def test_a_room_speaks_when_its_state_or_its_estimate_changes():
    said = announce(after(counts(2, 2)))

    assert not is_news(observe(said, seen(10, 2), ROOM), SETTINGS)
    assert is_news(after(counts(3, 3, 3, 3, start_s=10), state=said), SETTINGS)


def test_a_quiet_room_speaks_every_five_minutes():
    said = announce(after(counts(2)))

    quiet = [after(counts(*[2] * n, start_s=5), state=said) for n in (59, 60)]

    assert [is_news(state, SETTINGS) for state in quiet] == [False, True]


def test_an_empty_view_is_learnt_only_while_the_room_is_vacant():
    vacant, occupied = after(counts(*[0] * 6)), after(counts(1))

    assert is_new_empty_view(vacant, seen(30), ROOM)
    assert is_new_empty_view(vacant, seen(30, scene_change=0.01), ROOM)
    assert not is_new_empty_view(vacant, seen(30, scene_change=0.0), ROOM)
    assert not is_new_empty_view(vacant, seen(30, motion=0.1), ROOM)
    assert not is_new_empty_view(vacant, seen(300), ROOM)
    assert not is_new_empty_view(occupied, seen(30), ROOM)


def test_a_state_survives_json_and_stays_small():
    room = Room("hq", "lab", (Camera("door"),), occupancy=OccupancySettings())
    state = announce(after(counts(*[3] * 100, every_s=2), room))

    text = as_kept(state)

    assert as_kept(OccupancyFormat().read(text)) == text
    assert len(text) < 4096


def test_a_camera_that_the_room_gave_up_is_forgotten():
    both = after([seen(0, 3), seen(1, 2, "window")], TWO_CAMERAS)

    state = after([seen(5, 3)], ROOM, both)

    assert [track.camera_id for track in state.tracks] == ["door"]
    assert state.estimate.people == 3


def test_a_camera_of_another_room_says_nothing_of_this_one():
    state = after([*counts(*[0] * 5), seen(21, 9, "elsewhere")])

    assert state.estimate.people == 0
    assert [track.camera_id for track in state.tracks] == ["door"]
