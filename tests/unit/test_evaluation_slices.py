from dataclasses import replace
from pathlib import Path

import numpy as np

from headcount.domain.terms import LightMode
from tests.frozen_world import BRIGHT, Scene, painted
from training.evaluation.frozen import FrozenSet, frozen_sets
from training.evaluation.slices import SIZES_PX, slice_names, slices_of
from training.manifest import Split

DRIFTED = Scene(Split.DRIFTED, [BRIGHT])


def test_a_set_is_sliced_by_camera_light_crowd_and_name(tmp_path: Path) -> None:
    part = _golden(
        tmp_path,
        Scene(Split.GOLDEN, [], camera_id="hall", slices=("empty",)),
        Scene(Split.GOLDEN, [BRIGHT] * 4, camera_id="hall", light_mode=LightMode.DARK),
        Scene(Split.GOLDEN, [BRIGHT] * 5, camera_id="lobby"),
        Scene(Split.GOLDEN, [BRIGHT] * 14, camera_id="lobby"),
        Scene(Split.GOLDEN, [BRIGHT] * 15, camera_id="lobby"),
    )

    found = {one.name: np.flatnonzero(one.images).tolist() for one in slices_of(part)}

    assert found == {
        "golden": [0, 1, 2, 3, 4],
        "golden/camera/hall": [0, 1],
        "golden/camera/lobby": [2, 3, 4],
        "golden/light/dark": [1],
        "golden/light/day": [0, 2, 3, 4],
        "golden/crowd/0": [0],
        "golden/crowd/1-4": [1],
        "golden/crowd/5-14": [2, 3],
        "golden/crowd/15+": [4],
        "golden/slice/empty": [0],
    }


def test_a_slice_that_is_all_of_the_set_is_not_told_twice(tmp_path: Path) -> None:
    part = _golden(tmp_path, *[Scene(Split.GOLDEN, [BRIGHT], slices=("bright",))] * 3)

    assert [one.name for one in slices_of(part)] == ["golden"]


def test_every_face_is_of_one_size(tmp_path: Path) -> None:
    part = _golden(tmp_path, Scene(Split.GOLDEN, [BRIGHT] * 4))
    sides = [low for low, _ in SIZES_PX[1:]]
    edges = np.array([[0.0, 0, side, side] for side in sides] + [[0.0, 0, 15.9, 15.9]])
    grown = replace(part, images=(replace(part.images[0], faces=edges),))

    by_size = [one for one in slices_of(grown) if one.is_by_size]

    areas = np.prod(edges[:, 2:], axis=1)
    counts = [
        int(((areas >= one.area_px2[0]) & (areas <= one.area_px2[1])).sum()) for one in by_size
    ]
    assert counts == [1, 1, 1, 1]


def test_the_names_of_both_sets_are_known_before_anything_is_measured(tmp_path: Path) -> None:
    sets = frozen_sets(painted(tmp_path, [Scene(Split.GOLDEN, [BRIGHT]), DRIFTED]))

    assert slice_names(sets) == ["golden", "drifted"]


def _golden(folder: Path, *scenes: Scene) -> FrozenSet:
    return frozen_sets(painted(folder, [*scenes, DRIFTED])).golden
