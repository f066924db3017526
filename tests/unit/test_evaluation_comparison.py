import json
from dataclasses import replace
from pathlib import Path

import pytest

from headcount.domain.terms import LightMode
from headcount.errors import ModelError
from tests.frozen_world import (
    BRIGHT,
    DIM,
    SEES_BOTH,
    Scene,
    detector,
    painted,
    sees_both,
    sees_bright,
    usual_sets,
)
from training.evaluate import average_precision
from training.evaluation.changes import changed_frames
from training.evaluation.comparison import Comparison, compare, compare_files
from training.evaluation.frozen import frozen_sets
from training.evaluation.gate import gate
from training.manifest import Split
from training.weights import sha256_of

pytestmark = pytest.mark.slow

RESAMPLES = 200


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("compared")
    return compare(sees_bright(folder), sees_both(folder), usual_sets(folder), resamples=RESAMPLES)


def test_figures_are_those_of_evaluating_each_model_alone(compared: Comparison) -> None:
    for name in ("golden", "drifted"):
        frames = [one for one in compared.frames if one.part == name]
        figures = compared.named(name)

        assert figures is not None
        assert figures.ap50 is not None
        assert figures.ap50.champion == pytest.approx(
            average_precision([one.image for one in frames], [one.champion for one in frames])
        )
        assert figures.ap50.challenger == pytest.approx(
            average_precision([one.image for one in frames], [one.challenger for one in frames])
        )


def test_a_challenger_that_finds_what_drifted_gains_all_of_it(compared: Comparison) -> None:
    drifted = compared.named("drifted")

    assert drifted is not None
    assert drifted.ap50 is not None
    assert drifted.mae is not None
    assert drifted.bias is not None
    assert drifted.ap50.champion == 0.0
    assert drifted.ap50.challenger == pytest.approx(1.0)
    assert (drifted.mae.champion, drifted.mae.challenger) == (2.0, 0.0)
    assert drifted.mae.gain == 2.0
    assert drifted.bias.champion == -2.0


def test_the_champion_differs_from_itself_by_nothing_and_is_never_promoted(tmp_path: Path) -> None:
    champion = sees_bright(tmp_path)

    found = compare(champion, champion, usual_sets(tmp_path), resamples=RESAMPLES)

    for one in found.slices:
        for figure in (one.ap50, one.recall, one.mae, one.bias):
            assert figure is None or (figure.gain, figure.low, figure.high) == (0.0, 0.0, 0.0)
    assert not gate(found).promote


def test_the_same_seed_gives_the_same_figures(compared: Comparison, tmp_path: Path) -> None:
    again = compare(
        sees_bright(tmp_path), sees_both(tmp_path), usual_sets(tmp_path), resamples=RESAMPLES
    )

    assert again.slices == compared.slices
    assert again.sets == compared.sets


def test_a_slice_more_changes_no_other_interval(tmp_path: Path) -> None:
    scenes = [
        Scene(split, [BRIGHT, DIM if index % 2 else BRIGHT], camera_id=f"camera-{index % 2}")
        for split in (Split.GOLDEN, Split.DRIFTED)
        for index in range(24)
    ]
    named = [
        replace(scene, slices=("odd",) * (index % 3 == 0)) for index, scene in enumerate(scenes)
    ]
    models = sees_bright(tmp_path), sees_both(tmp_path)

    plain, more = (
        compare(*models, frozen_sets(painted(tmp_path / name, kept)), resamples=RESAMPLES)
        for name, kept in (("plain", scenes), ("more", named))
    )

    assert len(more.slices) > len(plain.slices)
    for one in plain.slices:
        assert more.named(one.name) == one


def test_each_light_and_each_camera_has_figures_of_its_own(tmp_path: Path) -> None:
    scenes = [
        Scene(split, [DIM if dark else BRIGHT], camera_id=camera, light_mode=mode)
        for split in (Split.GOLDEN, Split.DRIFTED)
        for camera in ("hall", "lobby")
        for dark, mode in ((False, LightMode.DAY), (True, LightMode.DARK))
        for _ in range(3)
    ]

    found = compare(
        sees_bright(tmp_path),
        sees_both(tmp_path),
        frozen_sets(painted(tmp_path, scenes)),
        resamples=RESAMPLES,
    )

    gains = {one.name: one.ap50.gain for one in found.slices if one.ap50}
    assert gains["golden/light/day"] == 0
    assert gains["golden/light/dark"] == pytest.approx(1)
    assert gains["golden/camera/hall"] == gains["golden/camera/lobby"]


def test_the_json_names_hashes_and_figures_and_nothing_that_shows_a_frame(tmp_path: Path) -> None:
    sets = usual_sets(tmp_path)
    files = detector(tmp_path / "one.onnx", SEES_BOTH), detector(tmp_path / "two.onnx", 0.1)

    text = json.dumps(compare_files(*files, sets, resamples=RESAMPLES).as_json())

    document = json.loads(text)
    assert document["manifest_sha256"] == sets.manifest_sha256
    assert document["sets"] == sets.hashes()
    assert [document[who]["sha256"] for who in ("champion", "challenger")] == [
        sha256_of(path) for path in files
    ]
    assert document["champion"]["size"]["bytes"] == files[0].stat().st_size
    assert document["champion"]["size"]["parameters"] > 0
    assert {one["name"] for one in document["slices"]} >= {"golden", "drifted"}
    assert ".png" not in text
    assert str(tmp_path) not in text


def test_both_are_timed_on_the_same_frames(compared: Comparison) -> None:
    assert compared.speed.frames == 42
    assert compared.speed.champion_ms > 0
    assert 0.2 < compared.speed.ratio < 5


def test_a_detector_of_persons_is_no_challenger_of_one_of_faces(tmp_path: Path) -> None:
    champion = sees_bright(tmp_path)
    of_persons = replace(champion, card=replace(champion.card, finds="persons"))

    with pytest.raises(ModelError, match="The champion finds faces, the challenger persons"):
        compare(champion, of_persons, usual_sets(tmp_path))


def test_the_frames_that_changed_are_those_where_one_finds_what_the_other_misses(
    compared: Comparison,
) -> None:
    changes = changed_frames(compared)

    assert len(changes) == 21
    assert {change.seen.part for change in changes} == {"drifted"}
    assert sum(change.won for change in changes) == 42
    assert all(change.lost == change.false_more == 0 for change in changes)
