from datetime import date, timedelta

import numpy as np
import pytest

from headcount.domain.features import FEATURE_NAMES
from headcount.errors import MonitorError
from tests.monitored import HOUR, MONDAY, at, footage, hour_of, weeks_of
from training.monitor.baseline import make_baseline
from training.monitor.deciding import decide, level_of
from training.monitor.footage import Footage, days_from
from training.monitor.frames import LIGHTS, AnsweringModel, Frames, join

pytestmark = pytest.mark.slow

# The Wednesday of the second week after the baseline.
LATER = date(2026, 4, 8)


@pytest.fixture(scope="module")
def source():
    return footage()


@pytest.fixture(scope="module")
def month(source):
    return weeks_of(source)


@pytest.fixture(scope="module")
def usual(month):
    return make_baseline(month)


def test_a_quiet_week_raises_nothing(source, usual):
    decisions = [decide(usual, source.day(day)) for day in days_from(date(2026, 3, 30), 7)]

    assert sum(len(decision.tests) for decision in decisions) > 5000
    assert [test for decision in decisions for test in decision.drifts] == []


@pytest.mark.parametrize(
    ("condition", "features"),
    [
        ("darkened", {"brightness", "contrast"}),
        ("blurred", {"blur"}),
        ("moved", {"embedding_1", "embedding_4", "embedding_5"}),
    ],
)
@pytest.mark.parametrize("hour", [11, 2])
def test_a_mishap_is_found_within_the_hour_by_day_and_by_night(
    source, usual, condition, features, hour
):
    told = decide(usual, hour_of(source, LATER, hour, condition)).drifts

    assert {test.feature for test in told} & features


def test_masks_are_found_by_their_scores(source, usual):
    told = decide(usual, hour_of(source, LATER, 11, "masked")).drifts

    assert {test.feature for test in told} <= {"score_mean", "score_lowest"}
    assert told


def test_one_camera_that_was_moved_is_the_only_one_named(source, usual):
    quiet, moved = (hour_of(source, LATER, 11, what) for what in ("quiet", "moved"))
    mixed = join([quiet.where(quiet.camera == 0), moved.where(moved.camera == 1)])

    told = decide(usual, mixed).drifts

    named = {test.stream.camera for test in told if not test.is_of_model}
    assert named == {source.cameras[1].name}


def test_our_own_dark_at_noon_is_not_drift(source, usual):
    dark = hour_of(source, LATER, 2)
    dark = dark.where(dark.light == LIGHTS.index("dark"))
    at_noon = _at_other_hours(dark, 10)

    decision = decide(usual, at_noon)

    assert len(decision.tests) > 10
    assert decision.drifts == ()


def test_an_empty_room_that_is_dim_by_day_for_the_first_time_has_not_darkened(source, usual):
    empty = hour_of(source, date(2026, 4, 12), 11, "darkened")
    assert not np.nansum(empty.values[:, FEATURE_NAMES.index("faces")])

    decision = decide(usual, empty)

    assert len(decision.tests) > 10
    assert decision.drifts == ()


def test_a_room_that_nobody_used_on_a_working_day_is_not_drift(source, usual):
    sunday = hour_of(source, date(2026, 4, 12), 11)
    on_wednesday = _at_other_hours(sunday, -4 * 24)

    decision = decide(usual, on_wednesday)

    assert decision.tests[0].at == at(LATER, 11)
    assert decision.drifts == ()


def test_a_few_frames_raise_nothing_whatever_they_show(source, usual):
    few = hour_of(source, LATER, 11, "darkened").between(
        at(LATER, 11), at(LATER, 11) + timedelta(minutes=2)
    )

    decision = decide(usual, few)

    assert decision.tests == ()
    assert decision.too_few > 0


def test_less_is_believed_of_an_hour_with_fewer_frames(source, usual):
    whole = hour_of(source, LATER, 2, "darkened")
    seldom = whole.where(np.arange(len(whole)) % 12 == 0)

    surer, less_sure = (
        min(test.p_value for test in decide(usual, frames).tests) for frames in (whole, seldom)
    )

    assert surer < less_sure < 1


def test_a_camera_that_the_baseline_never_saw_is_named_and_not_judged(source, usual):
    hour = hour_of(source, LATER, 11, "darkened")
    renamed = Frames(
        hour.at_s, hour.camera, hour.light, hour.model, hour.values, ("a/new", "a/newer"),
        hour.models,
    )  # fmt: skip

    decision = decide(usual, renamed)

    assert decision.unknown_cameras == ("a/new", "a/newer")
    assert decision.tests == ()


def test_a_camera_that_is_away_moves_nothing(source, usual):
    hour = hour_of(source, LATER, 11)

    assert decide(usual, hour.where(hour.camera == 1)).drifts == ()


def test_the_allowance_is_a_share_of_a_year_of_hours():
    assert level_of(1.0) == pytest.approx(1 / 8760)
    assert level_of(1e9) == 1.0


def test_clocks_are_those_of_the_people_in_the_pictures(month):
    there = make_baseline(month.between(at(MONDAY, 0), at(date(2026, 3, 7), 0)), "Asia/Tokyo")

    hours = {
        hour
        for stream, one in there.streams.items()
        if stream.scene.occupied
        for kind, hour in np.argwhere(one.usual.counts.sum(axis=(2, 3)) > 0).tolist()
        if kind == 0
    }

    # Eight in the morning by UTC is five in the afternoon there.
    assert {17, 18, 19} <= hours
    assert not {8, 9, 10, 11, 12} & hours


def test_one_camera_alone_can_have_a_baseline(source):
    alone = Footage(source.bank, 2, source.cameras[:1])

    usual = make_baseline(weeks_of(alone, 10))

    assert decide(usual, hour_of(alone, date(2026, 3, 18), 11)).drifts == ()
    assert decide(usual, hour_of(alone, date(2026, 3, 18), 11, "blurred")).drifts


def _of_two_models(frames: Frames) -> Frames:
    model = frames.model.copy()
    model[-1] = 1
    return Frames(
        frames.at_s,
        frames.camera,
        frames.light,
        model,
        frames.values,
        frames.cameras,
        (*frames.models, AnsweringModel("other", "2", "cd" * 32)),
    )


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (lambda month: month.where(np.zeros(len(month), bool)), "There are no frames"),
        (lambda month: month.between(at(MONDAY, 0), at(MONDAY, 23)), "frames of 1 day"),
        (_of_two_models, "answers of 2 models"),
    ],
)
def test_what_cannot_be_a_baseline_is_refused_with_the_reason(month, frames, says):
    with pytest.raises(MonitorError, match=says):
        make_baseline(frames(month))


def test_a_time_zone_that_does_not_exist_is_refused(month):
    with pytest.raises(MonitorError, match="no time zone 'Mars/Olympus'"):
        make_baseline(month, "Mars/Olympus")


def test_brightness_alone_does_not_hide_among_many_figures(source, usual):
    hour = hour_of(source, LATER, 11)
    values = hour.values.copy()
    values[:, FEATURE_NAMES.index("brightness")] *= 0.5
    changed = Frames(
        hour.at_s, hour.camera, hour.light, hour.model, values, hour.cameras, hour.models
    )

    assert {test.feature for test in decide(usual, changed).drifts} == {"brightness"}


def _at_other_hours(frames: Frames, hours: int) -> Frames:
    return Frames(
        frames.at_s + hours * HOUR.total_seconds(),
        frames.camera,
        frames.light,
        frames.model,
        frames.values,
        frames.cameras,
        frames.models,
    )
