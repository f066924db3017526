"""`headcount data`, and the same steps as a Processing job."""

import json
import shutil
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from headcount.errors import ManifestError, SettingsError
from ops import cli
from tests.data_pool import framed, labelled, pooled, room, store
from tests.graphs import centerface_graph, yolox_graph
from training.data.coco import as_coco, frames_from_coco
from training.data.job import Container, JobSettings, main
from training.data.job import run as run_job
from training.manifest import Frame, Manifest, Origin, Split, read_manifest, write_manifest
from training.serving.endpoint import CARD_FILE, MODEL_FILE
from training.weights import sha256_of

pytestmark = pytest.mark.slow

FACE = (40, 60, 24, 30, 0.9)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def pool_of(folder: Path, count: int = 12, **known: object) -> Manifest:
    frames = [
        labelled(
            folder,
            f"{number}.png",
            number,
            [FACE],
            camera_id=("hall", "loft")[number % 2],
            captured_at=START + timedelta(hours=number // 2),
        )
        for number in range(count)
    ]
    return pooled(folder, [replace(one, **known) for one in frames])  # type: ignore[arg-type]


def coco_of(folder: Path) -> Path:
    store(room(1, [FACE]), folder / "images/a.png")
    store(room(2), folder / "images/b.png")
    annotations = folder / "coco.json"
    annotations.write_text(
        json.dumps(
            {
                "images": [
                    {"id": 7, "file_name": "a.png", "width": 320, "height": 180},
                    {"id": 8, "file_name": "b.png"},
                ],
                "annotations": [
                    {"id": 1, "image_id": 7, "category_id": 1, "bbox": [40, 60, 24, 30]},
                    {
                        "id": 2,
                        "image_id": 7,
                        "category_id": 1,
                        "bbox": [0, 0, 50, 50],
                        "iscrowd": 1,
                    },
                ],
                "categories": [{"id": 1, "name": "face"}],
            }
        )
    )
    return annotations


def test_a_coco_file_becomes_a_manifest_and_comes_back_the_same(tmp_path: Path) -> None:
    frames = frames_from_coco(
        coco_of(tmp_path),
        tmp_path / "images",
        tmp_path / "manifest.jsonl",
        camera_id="hall",
        labelled_by="ada",
    )
    manifest = pooled(tmp_path, frames)

    known = read_manifest(manifest.path)
    document = as_coco(known)

    assert [(one.source, one.origin, len(one.faces)) for one in known.frames] == [
        ("images/a.png", Origin.PEOPLE, 1),
        ("images/b.png", Origin.PEOPLE, 0),
    ]
    assert all(len(one.sha256) == 64 for one in known.frames)
    assert [(one["bbox"], one["iscrowd"]) for one in document["annotations"]] == [
        ([40.0, 60.0, 24.0, 30.0], 0),
        ([0.0, 0.0, 50.0, 50.0], 1),
    ]
    assert [one["file_name"] for one in document["images"]] == ["images/a.png", "images/b.png"]


def test_pictures_that_are_not_below_the_manifest_are_refused(tmp_path: Path) -> None:
    annotations = coco_of(tmp_path)

    with pytest.raises(ManifestError, match="is not below"):
        frames_from_coco(annotations, tmp_path / "images", tmp_path / "elsewhere/m.jsonl")


def test_a_picture_of_another_size_than_annotated_is_refused(tmp_path: Path) -> None:
    annotations = coco_of(tmp_path)
    annotations.write_text(annotations.read_text().replace("320", "180"))

    with pytest.raises(ManifestError, match="is 320x180, but was annotated as 180x180"):
        frames_from_coco(annotations, tmp_path / "images", tmp_path / "m.jsonl")


def test_a_manifest_without_labels_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no labelled frame"):
        as_coco(pooled(tmp_path, [framed(tmp_path, "a.png", room(1))]))


def test_import_split_and_export_work_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, split, back = (tmp_path / name for name in ("m.jsonl", "s.jsonl", "back.json"))
    coco = coco_of(tmp_path)
    images = str(tmp_path / "images")

    imported = run("data", "import", "--images", images, "--annotations", str(coco),
                   "--out", str(made), "--labelled-at", "2026-03-02")  # fmt: skip
    divided = run("data", "split", str(made), "--out", str(split), "--by", "group",
                  "--validation", "0", "--golden", "0.5")  # fmt: skip
    exported = run("data", "export", str(split), "--out", str(back))

    assert (imported, divided, exported) == (0, 0, 0)
    known = read_manifest(split)
    assert {one.split for one in known.frames} == {Split.TRAIN, Split.GOLDEN}
    assert all(one.group for one in known.frames)
    assert known.frames[0].labelled_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert known.sha256 in capsys.readouterr().out.replace("\n", "").replace(" ", "")
    assert len(json.loads(back.read_text())["images"]) == 2


def test_a_split_that_would_lose_its_pictures_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = pool_of(tmp_path / "pool")

    code = run("data", "split", str(manifest.path), "--out", str(tmp_path / "m.jsonl"))

    assert code == 2
    assert "is not in the folder of" in capsys.readouterr().err


def test_near_duplicates_without_a_group_are_grouped_before_they_are_split(tmp_path: Path) -> None:
    frames = [
        framed(tmp_path, f"{number}.png", (room(number // 2) * gain).astype(np.uint8))
        for number, gain in zip(range(12), (1.0, 0.9) * 6, strict=True)
    ]
    manifest = pooled(tmp_path, frames)
    out = tmp_path / "split.jsonl"

    code = run("data", "split", str(manifest.path), "--out", str(out), "--by", "group")

    parts: dict[str, set[Split]] = {}
    for one in read_manifest(out).frames:
        parts.setdefault(one.group, set()).add(one.split)
    assert code == 0
    assert len(parts) == 6
    assert all(len(each) == 1 for each in parts.values())


def test_a_poisoned_manifest_is_refused_with_its_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = pool_of(tmp_path)
    store(room(99), tmp_path / "3.png")
    page, figures = tmp_path / "report.html", tmp_path / "report.json"

    code = run("data", "validate", str(manifest.path), "--no-label-noise", "--least", "1",
               "--html", str(page), "--json", str(figures))  # fmt: skip

    said = capsys.readouterr().out
    assert code == 1
    assert "refused: other-picture 1." in said
    assert json.loads(figures.read_text())["findings"][0]["line"] == 4
    assert "other-picture" in page.read_text()


def test_a_fit_manifest_is_valid_and_a_line_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = pool_of(tmp_path)
    fit = run("data", "validate", str(manifest.path), "--no-label-noise", "--least", "1")
    manifest.path.write_text(manifest.path.read_text() + "{\n")

    broken = run("data", "validate", str(manifest.path), "--no-label-noise")

    assert (fit, broken) == (0, 2)
    said = capsys.readouterr()
    assert "valid" in said.out
    assert "manifest.jsonl:13: not JSON" in said.err


class TestJob:
    def test_a_split_is_written_beside_no_picture(self, tmp_path: Path) -> None:
        container = Container(tmp_path)
        pool_of(container.pool)

        code = main(["split", "--root", str(tmp_path)])

        assert code == 0
        parts = {one.split for one in read_manifest(container.output / "manifest.jsonl").frames}
        assert parts == {Split.TRAIN, Split.VALIDATION, Split.GOLDEN}
        assert not container.message.exists()

    def test_what_is_refused_is_said_in_the_message(self, tmp_path: Path) -> None:
        container = Container(tmp_path)
        pool_of(container.pool, camera_id="hall")
        settings = JobSettings(data_label_noise=False, data_least=1)

        code = run_job("validate", container, settings)

        assert code == 1
        assert container.message.read_text().startswith("Refused: 1 findings (one-camera). ")
        assert not json.loads((container.output / "report.json").read_text())["valid"]
        assert (container.output / "report.html").is_file()

    def test_a_rule_may_be_waived_but_must_exist(self, tmp_path: Path) -> None:
        container = Container(tmp_path)
        pool_of(container.pool, camera_id="hall")
        waived, unknown = (
            JobSettings(data_label_noise=False, data_least=1, data_allow=rule)
            for rule in ("one-camera", "gravity")
        )

        assert run_job("validate", container, waived) == 0
        assert run_job("validate", container, unknown) == 1
        assert "DATA_ALLOW names gravity" in container.message.read_text()

    def test_frozen_frames_are_kept_out(self, tmp_path: Path) -> None:
        container = Container(tmp_path)
        manifest = pool_of(container.pool, split=Split.TRAIN)
        shutil.copytree(container.pool, container.frozen)
        frozen: list[Frame] = [replace(manifest.frames[2], split=Split.GOLDEN)]
        write_manifest(container.frozen / "manifest.jsonl", frozen)

        code = run_job("validate", container, JobSettings(data_label_noise=False, data_least=1))

        assert code == 1
        assert "frozen-leak" in container.message.read_text()

    def test_a_missing_pool_is_one_clear_message(self, tmp_path: Path) -> None:
        assert main(["curate", "--root", str(tmp_path)]) == 1
        message = (tmp_path / "opt/ml/output/message").read_text()
        assert "is not there" in message

    def test_settings_that_cannot_be_read_are_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATA_BUDGET", "many")

        assert main(["curate", "--root", str(tmp_path)]) == 1
        assert "DATA_BUDGET" in (tmp_path / "opt/ml/output/message").read_text()
        with pytest.raises(SettingsError):
            JobSettings.from_env()

    @pytest.mark.parametrize("name", ["champion.onnx", "model.tar.gz"])
    def test_curation_takes_the_champion_as_weights_or_as_a_package(
        self, tmp_path: Path, name: str
    ) -> None:
        container = Container(tmp_path)
        pool_of(container.pool, count=3)
        weights = _champion(container.model / name, tmp_path)

        code = run_job("curate", container, JobSettings(data_budget=2))

        written = read_manifest(container.output / "manifest.jsonl")
        assert code == 0
        assert len(written.frames) == 2
        assert (container.output / "picked.csv").is_file()
        with container.champion() as model:
            assert model.entry.sha256 == sha256_of(weights)
            assert model.entry.threshold == (0.7 if name == "model.tar.gz" else 0.4)

    def test_two_champions_a_broken_package_or_one_of_bodies_are_refused(
        self, tmp_path: Path
    ) -> None:
        container = Container(tmp_path)
        pool_of(container.pool, count=3)
        container.model.mkdir(parents=True)
        (container.model / "model.tar.gz").write_bytes(b"torn")
        torn = run_job("curate", container, JobSettings()), container.message.read_text()
        (container.model / "a.onnx").write_bytes(b"")
        two = run_job("curate", container, JobSettings()), container.message.read_text()
        (container.model / "model.tar.gz").unlink()
        yolox_graph(container.model / "a.onnx")
        bodies = run_job("curate", container, JobSettings()), container.message.read_text()

        assert [code for code, _ in (torn, two, bodies)] == [1, 1, 1]
        assert "is no model package" in torn[1]
        assert "holds 2 models" in two[1]
        assert "finds persons, and the labels are of faces" in bodies[1]


def _champion(path: Path, scratch: Path) -> Path:
    """Store a small network of CenterFace's form, alone or in a package, and return its weights."""
    path.parent.mkdir(parents=True)
    weights = centerface_graph(scratch / MODEL_FILE)
    if path.suffix == ".onnx":
        shutil.copy(weights, path)
        return weights
    card = {
        "name": "drawn",
        "version": "1.0.0",
        "sha256": sha256_of(weights),
        "threshold": 0.7,
        "input": {"min_long_side_px": 64, "max_long_side_px": 320},
        "threads": 1,
        "adapter": "centerface",
        "finds": "faces",
    }
    (scratch / CARD_FILE).write_text(json.dumps(card))
    with tarfile.open(path, "w:gz") as package:
        for name in (MODEL_FILE, CARD_FILE):
            package.add(scratch / name, name)
    return weights
