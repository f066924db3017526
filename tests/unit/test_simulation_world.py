"""What simulated cameras see of true people."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ops.simulation.observing import FilmedCamera, Frames, film
from ops.simulation.people import Segment
from ops.simulation.settings import SimulationSettings, described_settings

ALL_SEEN = SimulationSettings(
    detection_rate=1.0,
    false_alarms_per_frame=0.0,
    visible_min_s=1e6,
    visible_max_s=1e6,
    turned_min_s=1e-3,
    turned_max_s=1e-3,
    outages_per_day=0.0,
    late_share=0.0,
    motion_false_rate=0.0,
)


def _segment(*people: int, row_s: float = 1800.0) -> Segment:
    rows = len(people)
    unknown = np.full(rows, np.nan)
    return Segment(
        start=datetime(2026, 3, 2, 8, tzinfo=UTC),
        at_s=np.array([row_s * row for row in range(rows)]),
        length_s=rows * row_s,
        people=np.array(people),
        lighting_kwh=unknown,
        hvac_kwh=unknown,
    )


def _camera(name: str = "door", view: str = "", overlap: float = 0.0) -> FilmedCamera:
    return FilmedCamera(name, view or name, overlap, sample_every_s=5.0, motion_threshold=0.05)


def _film(
    segment: Segment, *cameras: FilmedCamera, settings: SimulationSettings = ALL_SEEN, seed: int = 1
) -> tuple[Frames, ...]:
    return film(segment, cameras or (_camera(),), settings, np.random.default_rng(seed))


def _truth(segment: Segment, frames: Frames) -> np.ndarray:
    return segment.people[np.searchsorted(segment.at_s, frames.captured_s, side="right") - 1]


def test_when_everybody_faces_a_perfect_camera_its_counts_are_the_truth():
    segment = _segment(0, 3, 7, 2, 0, 1)

    (frames,) = _film(segment)

    assert frames.faces.tolist() == _truth(segment, frames).tolist()


def test_a_camera_takes_a_frame_every_five_seconds():
    (frames,) = _film(_segment(0, 0))

    assert frames.captured_s.size == 720
    assert np.all(np.diff(frames.captured_s) > 0)
    assert np.diff(frames.captured_s).mean() == pytest.approx(5, abs=0.01)


def test_a_back_stays_turned_for_minutes_and_half_of_the_people_face_the_camera():
    settings = replace(SimulationSettings(), detection_rate=1.0, false_alarms_per_frame=0.0)
    (frames,) = _film(_segment(*[1] * 200), settings=settings)

    turns = np.flatnonzero(np.diff(frames.faces))
    spells_s = np.diff(frames.captured_s[turns])

    assert frames.faces.mean() == pytest.approx(0.5, abs=0.08)
    assert np.min(spells_s) > 50
    assert np.max(spells_s) < 610 + settings.outage_s


def test_the_detection_rate_is_the_share_of_visible_faces_that_are_found():
    (frames,) = _film(_segment(*[10] * 10), settings=replace(ALL_SEEN, detection_rate=0.7))

    assert frames.faces.mean() == pytest.approx(7, abs=0.1)


def test_false_alarms_show_faces_in_an_empty_room():
    settings = replace(ALL_SEEN, false_alarms_per_frame=0.02)

    (frames,) = _film(_segment(*[0] * 48), settings=settings)

    assert 0.01 < frames.faces.mean() < 0.03


def test_a_still_sitter_moves_only_on_coming_and_going():
    settings = replace(ALL_SEEN, still_sitter_share=1.0, motion_rate=1.0)
    segment = _segment(0, 1, 0)

    (frames,) = _film(segment, settings=settings)

    moved_s = frames.captured_s[frames.motion > 0.05]
    assert moved_s.size
    assert set(np.round((moved_s - 1800) // 60)) <= {0.0, 29.0}


def test_others_move_now_and_then_while_they_sit():
    settings = replace(ALL_SEEN, still_sitter_share=0.0, motion_rate=1.0)

    (frames,) = _film(_segment(*[1] * 20), settings=settings)

    assert 0.03 < (frames.motion > 0.05).mean() < 0.3


def test_nobody_moves_in_an_empty_room():
    (frames,) = _film(_segment(0, 0, 0))

    assert not (frames.motion > 0.05).any()


def test_motion_is_hardly_seen_in_the_dark():
    settings = replace(ALL_SEEN, still_sitter_share=0.0)

    (frames,) = _film(_segment(*[4] * 20), settings=settings)

    assert (frames.dark_motion > 0.05).sum() < 0.25 * (frames.motion > 0.05).sum()


def test_a_camera_that_is_out_delivers_nothing():
    settings = replace(ALL_SEEN, outages_per_day=24.0, outage_s=600.0)

    (frames,) = _film(_segment(*[0] * 24), settings=settings)

    assert np.max(np.diff(frames.captured_s)) > 500


def test_late_frames_come_out_of_order_and_within_their_bound():
    settings = replace(ALL_SEEN, late_share=0.2)

    (frames,) = _film(_segment(0, 0), settings=settings)

    waited_s = frames.delivered_s - frames.captured_s
    assert (np.diff(frames.delivered_s) < 0).any()
    assert np.min(waited_s) == pytest.approx(settings.delivery_s)
    assert np.max(waited_s) <= settings.delivery_s + settings.late_max_s


def test_cameras_of_one_view_see_the_same_people():
    segment = _segment(0, 4, 2)

    left, right = _film(segment, _camera("left", view="hall"), _camera("right", view="hall"))

    assert np.max(left.faces) == np.max(right.faces) == 4


def test_people_in_separate_views_add_up_to_the_truth():
    segment = _segment(*[20] * 4)

    north, south = _film(segment, _camera("north"), _camera("south"))

    assert set(north.faces) | set(south.faces) < set(range(20))
    assert north.faces[0] + south.faces[0] == 20


def test_overlap_is_the_share_of_a_view_that_is_in_another_one_too():
    segment = _segment(*[600] * 2)

    north, south = _film(segment, _camera("north", overlap=0.3), _camera("south", overlap=0.3))

    seen_twice = north.faces[0] + south.faces[0] - 600
    assert seen_twice / north.faces[0] == pytest.approx(0.3, abs=0.06)


def test_the_same_seed_makes_the_same_world_and_another_seed_another():
    settings = SimulationSettings()
    segment = _segment(0, 3, 5)

    (one,), (again,), (other,) = (
        _film(segment, settings=settings, seed=seed) for seed in (7, 7, 8)
    )

    assert one.faces.tolist() == again.faces.tolist()
    assert one.delivered_s.tolist() == again.delivered_s.tolist()
    assert one.faces.tolist() != other.faces.tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"detection_rate": 1.2}, "detection_rate is 1.2; it is a share"),
        ({"outage_s": -1}, "outage_s is -1; it is a number of 0 or more"),
        ({"delivery_s": float("nan")}, "delivery_s is nan"),
        ({"infrared": 2}, "infrared is 2; write 1 for yes"),
        ({"turned_min_s": 700}, r"turned_min_s \(700\) is above turned_max_s \(600\)"),
        ({"still_min_s": 0}, "still_min_s is 0; it is above 0"),
    ],
)
def test_a_setting_that_makes_no_world_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        SimulationSettings(**changed)


def test_every_setting_is_described():
    assert all(meaning for _, meaning in described_settings().values())
    assert described_settings()["outage_s"] == (120.0, "For how long.")
