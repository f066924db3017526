import json
import subprocess
import sys
from datetime import date

import cv2
import numpy as np
import pytest

from headcount.aws.frames import light_mode
from headcount.domain.features import FEATURE_NAMES
from headcount.domain.terms import LightMode
from tests.monitored import at, footage, made_up_bank, weeks_of
from training.monitor import conditions
from training.monitor.baseline import make_baseline
from training.monitor.capture import Reading
from training.monitor.footage import FRAMES_A_DAY
from training.monitor.frames import LIGHTS
from training.monitor.job import write_baseline
from training.monitor.pictures import VIEWS, kept_bank
from training.monitor.rehearsal import mishap, quiet_weeks, through_files
from training.serving.quality import measure_quality

pytestmark = pytest.mark.slow

LATER = date(2026, 4, 8)
NO_FACES = np.zeros((0, 4), np.float32)
_AT = {name: number for number, name in enumerate(FEATURE_NAMES)}


@pytest.fixture(scope="module")
def source():
    return footage(cameras=1)


@pytest.fixture(scope="module")
def month(source):
    return weeks_of(source)


def test_a_rehearsal_finds_a_mishap_and_leaves_a_quiet_week_alone(source, month):
    usual = make_baseline(month)

    quiet = quiet_weeks(source, usual, 1)
    found = mishap(source, usual, "blurred", at(LATER, 11))

    assert (quiet.hours, quiet.false_hours) == (168, 0)
    assert quiet.expected == pytest.approx(168 / 8760)
    assert found.features[0] == "blur"
    assert found.after_s is not None
    assert 300 <= found.after_s <= 3600


def test_a_mishap_goes_through_files_and_the_job_as_well(source, month, tmp_path):
    folder = tmp_path / "baseline"
    write_baseline(folder, make_baseline(month), month, Reading())

    quiet = through_files(source, folder, tmp_path / "quiet", "quiet", at(LATER, 11))
    moved = through_files(source, folder, tmp_path / "moved", "moved", at(LATER, 11))

    assert (quiet.status, quiet.frames) == ("Completed", 720)
    assert moved.status == "CompletedWithViolations"
    assert any("embedding" in one["feature_name"] for one in moved.violations)


def test_made_up_days_have_the_rhythm_of_days(source):
    wednesday, sunday = source.day(LATER), source.day(date(2026, 4, 12))
    hour = (wednesday.at_s % 86_400 / 3600).astype(int)
    faces = wednesday.values[:, _AT["faces"]]

    assert len(wednesday) == FRAMES_A_DAY
    assert faces[(hour >= 9) & (hour < 17)].mean() > 0.5
    assert faces[hour < 6].sum() == 0
    assert {LIGHTS[int(one)] for one in np.unique(wednesday.light[hour < 4])} == {"infrared"}
    assert sunday.values[:, _AT["faces"]].mean() < faces.mean() / 2


def test_a_condition_changes_a_day_by_itself_alone(source):
    quiet, darkened = source.day(LATER), source.day(LATER, "darkened")

    halved = darkened.values[:, _AT["brightness"]] / quiet.values[:, _AT["brightness"]]
    assert halved == pytest.approx(0.5, abs=0.02)
    for name in ("faces", "motion", "embedding_1"):
        assert darkened.values[:, _AT[name]] == pytest.approx(quiet.values[:, _AT[name]])


def test_the_same_seed_makes_the_same_days():
    one, other = footage(7, cameras=1).day(LATER), footage(7, cameras=1).day(LATER)

    assert np.array_equal(one.values, other.values, equal_nan=True)


def test_the_job_needs_nothing_that_a_bare_container_lacks():
    heavy = ("cv2", "boto3", "pydantic", "onnxruntime", "pandas", "local", "ops")
    listing = f"import sys, training.monitor.job; print([m for m in {heavy!r} if m in sys.modules])"

    said = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


def test_a_bank_is_measured_once_and_again_for_another_recipe(tmp_path):
    path, bank = tmp_path / "bank.json", made_up_bank()
    measured = []

    def measure():
        measured.append(1)
        return bank

    kept_bank(path, "a", measure)
    again = kept_bank(path, "a", measure)
    kept_bank(path, "b", measure)

    assert len(measured) == 2
    key = ("wide", "day", "masked", 2)
    assert again.rows[key] == pytest.approx(bank.rows[key], nan_ok=True)


def test_a_kept_bank_that_is_broken_is_measured_again(tmp_path):
    path = tmp_path / "bank.json"
    path.write_text('{"recipe": "a", ')

    assert kept_bank(path, "a", made_up_bank).model == made_up_bank().model
    assert json.loads(path.read_text())["recipe"] == "a"


def test_darkening_and_blurring_do_what_they_say():
    room = _room()

    before = measure_quality(room)
    dark = measure_quality(conditions.darkened(room, NO_FACES))
    soft = measure_quality(conditions.blurred(room, NO_FACES))

    assert dark.brightness == pytest.approx(before.brightness / 2, abs=0.01)
    assert soft.brightness == pytest.approx(before.brightness, abs=0.01)
    assert soft.blur < before.blur / 2


def test_a_mask_changes_the_lower_face_and_nothing_else():
    room = _room()
    face = np.array([[0.25, 0.25, 0.25, 0.5]], np.float32)

    changed = np.argwhere((conditions.masked(room, face) != room).any(axis=2))

    top, left = changed.min(axis=0) / room.shape[:2]
    bottom, right = changed.max(axis=0) / room.shape[:2]
    assert 0.25 + 0.15 < top < bottom < 0.77
    assert 0.24 < left < right < 0.51
    assert np.array_equal(conditions.masked(room, NO_FACES), room)


def test_infrared_is_taken_for_infrared():
    assert light_mode(_room()) is LightMode.DAY
    assert light_mode(conditions.in_infrared(_room())) is LightMode.INFRARED


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_has_the_size_of_a_second_stream(view):
    assert view.of(cv2.resize(_room(), (960, 540))).shape == (360, 640, 3)


def _room():
    across = np.linspace(60, 220, 320)
    room = np.repeat(np.tile(across, (180, 1))[:, :, None], 3, axis=2) * [0.6, 0.9, 1.0]
    room[40:100, 60:140] = (200, 60, 40)
    return room.astype(np.uint8)
