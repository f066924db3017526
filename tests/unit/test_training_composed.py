import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.domain.terms import LightMode
from local.portraits import PEOPLE, PORTRAITS
from training.composed import (
    DRIFT_BEGINS,
    JUDGING_CAMERAS,
    MOST_PEOPLE,
    TEACHING_CAMERAS,
    compose_frame,
    compose_set,
)
from training.manifest import Frame, Manifest, Origin, Split, read_manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((PORTRAITS / one.file).is_file() for one in PEOPLE),
        reason="The portraits are fetched by `make test` and `make demo`; unit tests fetch none.",
    ),
]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return compose_set(tmp_path_factory.mktemp("composed"), size=0.1)


def test_the_same_seed_gives_the_same_set(composed: Manifest, tmp_path: Path) -> None:
    assert compose_set(tmp_path, size=0.1).sha256 == composed.sha256


def test_another_seed_gives_other_scenes() -> None:
    one, other = (compose_frame("composed-lab", "scene-3", 0, seed) for seed in (0, 1))

    assert len(one[1].faces) == len(other[1].faces) == 3
    assert not np.array_equal(one[0], other[0])


def test_the_manifest_is_read_back_as_it_was_written(composed: Manifest) -> None:
    again = read_manifest(composed.path)

    assert again.sha256 == composed.sha256
    assert len(again.as_labelled(again.frames)) == len(composed.frames)


def test_every_frame_says_that_it_is_composed(composed: Manifest) -> None:
    for frame in composed.frames:
        picture = composed.picture(frame).read_bytes()
        assert frame.origin is Origin.COMPOSED
        assert "composed" in frame.slices
        assert hashlib.sha256(picture).hexdigest() == frame.sha256


def test_what_judges_was_taken_by_cameras_that_never_teach(composed: Manifest) -> None:
    teaching = {one.camera_id for one in composed.within(Split.TRAIN, Split.VALIDATION)}
    judging = {one.camera_id for one in composed.within(Split.GOLDEN, Split.DRIFTED)}

    assert teaching == set(TEACHING_CAMERAS)
    assert judging == set(JUDGING_CAMERAS)


def test_validation_comes_after_training_on_the_same_cameras(composed: Manifest) -> None:
    for is_dark in (False, True):
        taught, chosen_by = (
            [one.captured_at for one in composed.within(split) if _is_dark(one) == is_dark]
            for split in (Split.TRAIN, Split.VALIDATION)
        )
        assert max(moment for moment in taught if moment) < min(
            moment for moment in chosen_by if moment
        )


def test_frames_are_dark_from_the_day_of_the_drift(composed: Manifest) -> None:
    for frame in composed.frames:
        assert frame.captured_at is not None
        assert _is_dark(frame) == (frame.captured_at >= DRIFT_BEGINS)
        assert (frame.light_mode is LightMode.DARK) == _is_dark(frame)
    brightness = {
        split: np.mean([_picture(composed, one).mean() for one in composed.within(split)])
        for split in (Split.GOLDEN, Split.DRIFTED)
    }
    assert brightness[Split.DRIFTED] < 0.3 * brightness[Split.GOLDEN]


def test_no_scene_is_in_two_parts(composed: Manifest) -> None:
    part_of: dict[str, tuple[str, bool]] = {}
    for frame in composed.frames:
        part = (frame.split.value, _is_dark(frame))
        assert part_of.setdefault(frame.group, part) == part


def test_rooms_are_empty_and_full_and_all_between(tmp_path: Path) -> None:
    counts = {
        len(compose_frame("composed-lab", f"scene-{number}", 0, seed=0)[1].faces)
        for number in range(MOST_PEOPLE + 1)
    }

    assert counts == set(range(MOST_PEOPLE + 1))


def test_faces_are_inside_and_apart() -> None:
    for number in range(21):
        _, frame = compose_frame("composed-hall", f"scene-{number}", 1, seed=2)
        left, top = frame.faces[:, 0], frame.faces[:, 1]
        right, bottom = left + frame.faces[:, 2], top + frame.faces[:, 3]

        assert (left >= -2).all()
        assert (top >= 0).all()
        assert (right <= frame.width_px + 2).all()
        assert (bottom <= frame.height_px).all()
        order = np.argsort(left)
        assert (right[order][:-1] <= left[order][1:] + 8).all()


def test_a_person_is_where_the_box_says() -> None:
    """Whoever leaves a scene leaves the picture changed inside the box, and not far outside."""
    picture, frame = compose_frame("composed-studio", "scene-1", 0, seed=5)
    empty, _ = compose_frame("composed-studio", "scene-0", 0, seed=5)
    left, top, width, height = frame.faces[0]
    change = np.abs(cv2.blur(picture, (5, 5)).astype(int) - cv2.blur(empty, (5, 5))).max(axis=2)

    inside = change[round(top) : round(top + height), round(left) : round(left + width)]

    assert (inside > 12).mean() > 0.6
    assert (change[:, : max(0, round(left - 2 * width))] > 12).mean() < 0.01


def _is_dark(frame: Frame) -> bool:
    return "darkened" in frame.slices


def _picture(manifest: Manifest, frame: Frame) -> np.ndarray:
    return np.asarray(cv2.imread(str(manifest.picture(frame))))
