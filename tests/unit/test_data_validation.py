"""Every reason to refuse a manifest, each with the line and what to do."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.data_pool import PaintNetwork, framed, labelled, pooled, room, store, strong_reader
from training.data.findings import Finding, Report, Rule
from training.data.label_noise import estimate_label_noise
from training.data.stronger import StrongReader
from training.data.validation import Bounds, validate
from training.data.validation_page import pixelated, write_page
from training.manifest import Frame, Manifest, Origin, Split

pytestmark = pytest.mark.slow

FACE = (40, 60, 24, 30, 0.9)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
FEW = Bounds(least=1)


def healthy(folder: Path, count: int = 6) -> list[Frame]:
    """Return frames of two cameras, hours apart, that nothing speaks against."""
    return [
        labelled(
            folder,
            f"{number}.png",
            number,
            [FACE],
            camera_id=("hall", "loft")[number % 2],
            captured_at=START + timedelta(hours=number),
            group=f"g{number}",
            split=Split.TRAIN,
        )
        for number in range(count)
    ]


def found(
    frames: list[Frame],
    folder: Path,
    bounds: Bounds = FEW,
    reader: StrongReader | None = None,
    frozen: Manifest | None = None,
) -> list[Finding]:
    return list(validate(pooled(folder, frames), bounds, reader, frozen).findings)


def remade(frame: Frame, **known: object) -> Frame:
    """Return a frame with other facts; other faces are as sure as people are."""
    about = {"scores": np.zeros(0)} | known if "faces" in known else known
    return replace(frame, **about)  # type: ignore[arg-type]


def changed(**known: object) -> Callable[[list[Frame], Path], list[Frame]]:
    """Return what changes the third frame."""

    def change(frames: list[Frame], folder: Path) -> list[Frame]:
        return [*frames[:2], remade(frames[2], **known), *frames[3:]]

    return change


def other_picture(frames: list[Frame], folder: Path) -> list[Frame]:
    store(room(77, [FACE]), folder / frames[2].source)
    return frames


def broken_picture(frames: list[Frame], folder: Path) -> list[Frame]:
    (folder / frames[2].source).write_bytes(b"\x89PNG and no more")
    return frames


def lost_picture(frames: list[Frame], folder: Path) -> list[Frame]:
    (folder / frames[2].source).unlink()
    return frames


def near_one_in_golden(frames: list[Frame], folder: Path) -> list[Frame]:
    darker = (room(0, [FACE]) * 0.98).astype(np.uint8)
    golden = framed(folder, "2.png", darker, group="own", split=Split.GOLDEN, camera_id="loft")
    return [*frames[:2], golden, *frames[3:]]


def same_with(**known: object) -> Callable[[list[Frame], Path], list[Frame]]:
    """Return what makes the third frame the first one again, but for what is given."""

    def change(frames: list[Frame], folder: Path) -> list[Frame]:
        return [*frames[:2], remade(frames[0], **known), *frames[3:]]

    return change


def faces(*boxes: list[float]) -> np.ndarray:
    return np.array(boxes, float)


def test_a_healthy_manifest_is_valid(tmp_path: Path) -> None:
    report = validate(pooled(tmp_path, healthy(tmp_path)), FEW, strong_reader())

    assert report.is_valid
    assert report.noise is not None
    assert report.noise.unlabelled is not None
    assert report.noise.unlabelled.value == 0
    assert report.counts["camera"] == {"hall": 3, "loft": 3}


@pytest.mark.parametrize(
    ("change", "rule", "what"),
    [
        (changed(faces=faces([40, 60, 0, 30])), Rule.EMPTY_BOX, "face 1 of 1 (40, 60, 0, 30)"),
        (changed(faces=faces([40, 60, -5, 30])), Rule.EMPTY_BOX, "is empty"),
        (changed(faces=faces([float("nan"), 60, 5, 30])), Rule.EMPTY_BOX, "is empty"),
        (changed(faces=faces([310, 60, 24, 30])), Rule.OUTSIDE_BOX, "picture of 320x180"),
        (changed(ignored=faces([-9, 0, 24, 30])), Rule.OUTSIDE_BOX, "ignored region 1"),
        (changed(faces=faces([40, 60, 2, 2])), Rule.ABSURD_BOX, "under 3 pixels"),
        (changed(faces=faces([10, 60, 200, 30])), Rule.ABSURD_BOX, "4 times as long"),
        (changed(faces=faces([0, 0, 320, 180])), Rule.ABSURD_BOX, "covers 100%"),
        (
            changed(faces=faces([40, 60, 24, 30], [40, 61, 24, 30])),
            Rule.DOUBLE_BOX,
            "faces 1 and 2",
        ),
        (changed(sha256=""), Rule.NO_HASH, "no sha256"),
        (changed(width_px=640, height_px=360), Rule.OTHER_SIZE, "is 320x180, the manifest says"),
        (changed(group="g0", split=Split.GOLDEN), Rule.GROUP_ACROSS, "group g0 is in train"),
        (other_picture, Rule.OTHER_PICTURE, "the manifest says"),
        (broken_picture, Rule.BROKEN_PICTURE, "2.png is not a picture"),
        (lost_picture, Rule.MISSING_PICTURE, "cannot be read"),
        (near_one_in_golden, Rule.NEAR_ACROSS, "looks like line 1 (0.png)"),
        (same_with(split=Split.GOLDEN, group=""), Rule.DUPLICATE_ACROSS, "which is in train"),
        (same_with(faces=faces([90, 60, 24, 30])), Rule.TWO_LABELS, "with other labels"),
        (same_with(), Rule.REPEATED_PICTURE, "picture is that of line 1"),
    ],
)
def test_each_fault_is_found_at_its_line_with_a_remedy(tmp_path, change, rule, what) -> None:
    frames = change(healthy(tmp_path), tmp_path)

    findings = [one for one in found(frames, tmp_path) if one.line]

    assert rule in {one.rule for one in findings}
    (finding, *_) = [one for one in findings if one.rule is rule]
    assert finding.line == 3
    assert finding.source == frames[2].source
    assert what in finding.what
    assert finding.remedy.endswith(".")


def test_blank_lines_do_not_shift_the_line_numbers(tmp_path: Path) -> None:
    frames = changed(faces=faces([40, 60, 0, 30]))(healthy(tmp_path), tmp_path)
    manifest = pooled(tmp_path, frames)
    lines = manifest.path.read_text().splitlines()
    manifest.path.write_text("\n\n".join(lines))

    report = validate(manifest, FEW)

    assert {one.line for one in report.findings} == {5}


def test_one_camera_only_is_refused_unless_allowed(tmp_path: Path) -> None:
    frames = [replace(one, camera_id="hall") for one in healthy(tmp_path)]
    manifest = pooled(tmp_path, frames)

    refused = validate(manifest, FEW)
    allowed = validate(manifest, replace(FEW, allowed=frozenset({Rule.ONE_CAMERA})))

    assert [one.rule for one in refused.findings] == [Rule.ONE_CAMERA]
    assert allowed.is_valid
    assert [one.rule for one in allowed.allowed] == [Rule.ONE_CAMERA]


def test_too_few_of_a_camera_a_slice_or_a_part_are_named(tmp_path: Path) -> None:
    frames = changed(slices=("darkened",), split=Split.VALIDATION)(healthy(tmp_path), tmp_path)

    findings = found(frames, tmp_path, Bounds(least=3))

    assert [one.what for one in findings] == [
        "part validation has 1 labelled frames, and 3 are needed",
        "slice darkened has 1 labelled frames, and 3 are needed",
    ]


def test_frozen_frames_must_not_be_learnt_from_nor_disappear(tmp_path: Path) -> None:
    judges = [
        labelled(tmp_path / "j", "a.png", 0, [FACE], split=Split.GOLDEN, group="x"),
        labelled(tmp_path / "j", "b.png", 50, [FACE], split=Split.GOLDEN, group="g4"),
    ]
    frames = healthy(tmp_path)
    frames[3] = replace(frames[3], split=Split.GOLDEN)

    findings = found(frames, tmp_path, frozen=pooled(tmp_path / "j", judges))

    assert [(one.rule, one.line) for one in findings] == [
        (Rule.FROZEN_CHANGED, 0),
        (Rule.FROZEN_LEAK, 1),
        (Rule.FROZEN_LEAK, 5),
    ]


def test_what_looks_like_a_frozen_frame_must_not_be_learnt_from(tmp_path: Path) -> None:
    darker = (room(2, [FACE]) * 0.9).astype(np.uint8)
    judge = framed(tmp_path / "j", "a.png", darker, split=Split.GOLDEN, group="x")

    findings = found(healthy(tmp_path), tmp_path, frozen=pooled(tmp_path / "j", [judge]))

    assert [(one.rule, one.line) for one in findings] == [(Rule.FROZEN_LEAK, 3)]
    assert "looks like a.png of the frozen set" in findings[0].what


def test_forgotten_labels_are_estimated_with_an_interval_and_refused_beyond_the_bound(
    tmp_path: Path,
) -> None:
    frames = healthy(tmp_path, count=24)
    frames = [
        remade(one, faces=np.zeros((0, 4))) if index % 4 == 0 else one
        for index, one in enumerate(frames)
    ]

    report = validate(pooled(tmp_path, frames), FEW, strong_reader())

    assert report.noise is not None
    assert report.noise.unlabelled is not None
    assert report.noise.unlabelled.value == pytest.approx(0.25)
    assert report.noise.unlabelled.low < 0.25 < report.noise.unlabelled.high
    (finding,) = report.findings
    assert finding.rule is Rule.LABEL_NOISE
    assert re.search(r"at most 0.1 is borne; look first at line \d+", finding.what)


def test_labels_that_mark_nothing_are_estimated_as_well(tmp_path: Path) -> None:
    frames = [remade(one, faces=faces([200, 100, 30, 30])) for one in healthy(tmp_path, 20)]
    readings = [strong_reader().read(room(number, [FACE])) for number in range(20)]

    noise = estimate_label_noise(frames, readings)

    assert noise.unseen is not None
    assert noise.unlabelled is not None
    assert (noise.unseen.value, noise.unlabelled.value) == (1, 1)


def test_an_ignored_region_is_no_forgotten_label(tmp_path: Path) -> None:
    frames = [
        remade(one, faces=np.zeros((0, 4)), ignored=faces([30, 50, 50, 50]))
        for one in healthy(tmp_path)
    ]
    readings = [strong_reader().read(room(number, [FACE])) for number in range(6)]

    noise = estimate_label_noise(frames, readings)

    assert noise.unlabelled is not None
    assert noise.unlabelled.value == 0
    assert noise.unseen is None


def test_only_people_s_labels_are_doubted(tmp_path: Path) -> None:
    frames = [remade(one, origin=Origin.MODEL, faces=np.zeros((0, 4))) for one in healthy(tmp_path)]

    report = validate(pooled(tmp_path, frames), FEW, strong_reader())

    assert report.noise is not None
    assert report.noise.frames == 0
    assert report.is_valid


def test_the_report_is_for_people_and_for_machines(tmp_path: Path) -> None:
    frames = changed(faces=faces([310, 60, 24, 30]))(healthy(tmp_path), tmp_path)
    frames[2] = replace(frames[2], source="2.png", camera_id="<b>hall</b>")
    report = validate(pooled(tmp_path, frames), FEW)

    write_page(report, tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text()
    assert "Refused: 1 finding" in page
    assert "outside-box" in page
    assert "<b>hall</b>" not in page
    assert page.count("data:image/png;base64,") == 1
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    machine = json.loads(json.dumps(report.as_json()))
    assert machine["valid"] is False
    assert machine["findings"][0]["rule"] == "outside-box"
    assert machine["sha256"] == report.manifest.sha256


def test_what_people_look_at_is_pixelated_and_boxes_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 255, (180, 320, 3), dtype=np.uint8)
    frame = framed(tmp_path, "a.png", picture, origin=Origin.PEOPLE)
    marked = replace(frame, faces=faces([-1e9, 10, 1e10, 30], [np.nan, 1, 2, 3], [9, 9, 99, 99]))

    shown = pixelated(picture, frame)
    drawn = pixelated(picture, marked)

    cells = {tuple(colour) for colour in shown.reshape(-1, 3).tolist()}
    assert len(cells) <= 48 * 27
    assert ((drawn == (60, 200, 60)).all(axis=2)).any()


def test_a_network_that_sees_nothing_says_nothing_of_forgotten_labels(tmp_path: Path) -> None:
    class Blind(PaintNetwork):
        def detect(self, picture, min_score):
            return super().detect(picture, 2.0)

    report: Report = validate(
        pooled(tmp_path, healthy(tmp_path)), replace(FEW, unseen=1.0), strong_reader(Blind())
    )

    assert report.is_valid
    assert report.noise is not None
    assert report.noise.unlabelled is None
    assert report.noise.unseen is not None
    assert report.noise.unseen.value == 1
