from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headcount.errors import ManifestError
from tests.frozen_world import BRIGHT, Scene, painted
from training.evaluation.frozen import frozen_sets, group_of
from training.manifest import Frame, Manifest, Origin, Split, read_manifest, write_manifest

SCENES = [
    Scene(Split.GOLDEN, [BRIGHT], group="monday"),
    Scene(Split.DRIFTED, [BRIGHT], group="tuesday"),
    Scene(Split.TRAIN, [BRIGHT], group="wednesday"),
]


def test_a_set_has_the_same_hash_in_another_order_and_another_manifest(tmp_path: Path) -> None:
    manifest = painted(tmp_path, [*SCENES, Scene(Split.GOLDEN, [BRIGHT, BRIGHT])])

    turned = write_manifest(tmp_path / "turned.jsonl", reversed(manifest.frames))

    assert turned.sha256 != manifest.sha256
    assert frozen_sets(turned).hashes() == frozen_sets(manifest).hashes()


def test_a_set_has_another_hash_when_a_label_moves(tmp_path: Path) -> None:
    manifest = painted(tmp_path, SCENES)

    moved = _changed(manifest, 0, lambda frame: replace(frame, faces=frame.faces + 1))

    before, after = frozen_sets(manifest).hashes(), frozen_sets(moved).hashes()
    assert before["golden"] != after["golden"]
    assert before["drifted"] == after["drifted"]


def test_a_model_is_not_compared_on_another_set_than_the_champion_was(tmp_path: Path) -> None:
    manifest = painted(tmp_path, SCENES)
    earlier = frozen_sets(manifest).hashes()
    moved = _changed(manifest, 0, lambda frame: replace(frame, faces=frame.faces + 1))

    frozen_sets(manifest, expected=earlier)
    with pytest.raises(ManifestError, match=r"the golden set has sha256 .* was judged by"):
        frozen_sets(moved, expected=earlier)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda train, golden: replace(train, group=golden.group), "the same group"),
        (lambda train, golden: replace(train, sha256=golden.sha256), "the same picture"),
        (lambda train, golden: replace(golden, split=Split.TRAIN), "the same"),
        (lambda train, golden: replace(golden, split=Split.VALIDATION), "the same"),
    ],
)
def test_what_was_learnt_from_is_no_judge(
    tmp_path: Path, change: Callable[[Frame, Frame], Frame], message: str
) -> None:
    manifest = painted(tmp_path, SCENES)
    golden = manifest.frames[0]

    leaking = _changed(manifest, 2, lambda train: change(train, golden))

    with pytest.raises(ManifestError, match=rf"of the golden set is also trained on.*{message}"):
        frozen_sets(leaking)


def test_what_was_learnt_from_in_another_manifest_is_no_judge_either(tmp_path: Path) -> None:
    manifest = painted(tmp_path / "here", SCENES)
    golden = replace(manifest.frames[0], split=Split.TRAIN, source="renamed.png", group="")
    elsewhere = write_manifest(tmp_path / "there/manifest.jsonl", [golden])

    with pytest.raises(ManifestError, match=r"there/manifest\.jsonl: 0000\.png of the golden set"):
        frozen_sets(manifest, learnt_from=[elsewhere])


def test_names_of_another_manifest_say_nothing(tmp_path: Path) -> None:
    manifest = painted(tmp_path / "here", SCENES)
    namesake = replace(manifest.frames[0], split=Split.TRAIN, sha256="f" * 64, group="friday")
    elsewhere = write_manifest(tmp_path / "there/manifest.jsonl", [namesake])

    assert frozen_sets(manifest, learnt_from=[elsewhere]).golden.frames == manifest.frames[:1]


@pytest.mark.parametrize("missing", [Split.GOLDEN, Split.DRIFTED])
def test_a_set_without_a_frame_judges_nothing(tmp_path: Path, missing: Split) -> None:
    manifest = painted(tmp_path, [scene for scene in SCENES if scene.split is not missing])

    with pytest.raises(ManifestError, match=f"no frame of the split {missing.value}"):
        frozen_sets(manifest)


@pytest.mark.parametrize(("origin", "said"), [(Origin.MODEL, "a model"), (Origin.NOBODY, "nobody")])
def test_a_model_does_not_say_what_a_model_is_judged_by(
    tmp_path: Path, origin: Origin, said: str
) -> None:
    manifest = painted(tmp_path, SCENES)
    doubtful = _changed(manifest, 1, lambda frame: replace(frame, origin=origin))

    with pytest.raises(ManifestError, match=f"in the drifted set, but was labelled by {said}"):
        frozen_sets(doubtful)


def test_a_picture_that_was_changed_since_it_was_labelled_is_refused(tmp_path: Path) -> None:
    manifest = painted(tmp_path, SCENES)
    (tmp_path / "0001.png").write_bytes((tmp_path / "0002.png").read_bytes())

    with pytest.raises(ManifestError, match=r"0001\.png is not the picture that was labelled"):
        frozen_sets(manifest)


def test_a_frame_is_drawn_with_its_group_or_its_cameras_hour_or_alone() -> None:
    at = datetime(2026, 3, 2, 9, 59, tzinfo=UTC)
    frame = Frame("a.jpg", 8, 8, camera_id="hall", captured_at=at, group="meeting")

    assert group_of(frame) == group_of(replace(frame, source="b.jpg", captured_at=None))
    ungrouped = replace(frame, group="")
    assert group_of(ungrouped) == group_of(replace(ungrouped, captured_at=at.replace(minute=0)))
    assert group_of(ungrouped) != group_of(replace(ungrouped, captured_at=at.replace(hour=10)))
    assert group_of(ungrouped) != group_of(replace(ungrouped, camera_id="lobby"))
    assert group_of(Frame("a.jpg", 8, 8)) != group_of(Frame("b.jpg", 8, 8))


def _changed(manifest: Manifest, index: int, change: Callable[[Frame], Frame]) -> Manifest:
    """Return the manifest as it is read again with one frame changed."""
    frames = list(manifest.frames)
    frames[index] = change(frames[index])
    path = manifest.path.with_name("changed.jsonl")
    write_manifest(path, frames)
    return read_manifest(path)
