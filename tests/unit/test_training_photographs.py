import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import ManifestError
from training.manifest import Manifest, Origin, Split
from training.photographs import read_photographs
from training.train_demo import lay_out_job

SCENES = 24


def _photographs(folder: Path, scenes: int) -> Path:
    """COCO-labelled pictures of so many scenes, each of them twice: the second a little smaller."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for scene in range(scenes):
        coarse = np.random.default_rng(scene).integers(0, 256, (12, 16, 3)).astype(np.uint8)
        for copy, size in enumerate(((160, 120), (144, 108))):
            number = 2 * scene + copy
            picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / f"images/{number}.png"), picture)
            images.append(
                {"id": number, "file_name": f"{number}.png", "width": size[0], "height": size[1]}
            )
            annotations.append({"image_id": number, "category_id": 1, "bbox": [10, 10, 20, 24]})
    (folder / "annotations.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": []})
    )
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("photographs")
    return read_photographs(_photographs(folder / "faces", SCENES), folder / "set")


def test_copies_of_a_photograph_are_never_parted(photographs: Manifest) -> None:
    parts: dict[str, set[str]] = {}
    for frame in photographs.frames:
        role = "judges" if frame.split in (Split.GOLDEN, Split.DRIFTED) else frame.split.value
        parts.setdefault(frame.group, set()).add(role)

    assert len(parts) == SCENES
    assert all(len(roles) == 1 for roles in parts.values())


def test_every_photograph_that_judges_does_so_in_both_lights(photographs: Manifest) -> None:
    golden, drifted = (photographs.within(one) for one in (Split.GOLDEN, Split.DRIFTED))

    assert Counter(one.group for one in golden) == Counter(one.group for one in drifted)
    assert len(golden) == 2 * round(0.4 * SCENES)
    assert all("darkened" in one.slices for one in drifted)
    assert not any("darkened" in one.slices for one in golden)


def test_a_photograph_that_teaches_does_so_in_one_light(photographs: Manifest) -> None:
    taught = photographs.within(Split.TRAIN)
    dark = {one.group for one in taught if "darkened" in one.slices}
    light = {one.group for one in taught if "darkened" not in one.slices}

    assert dark
    assert light
    assert not dark & light


def test_labels_stay_where_people_put_them(photographs: Manifest) -> None:
    assert {one.origin for one in photographs.frames} == {Origin.PEOPLE}
    assert all(one.faces.tolist() == [[10, 10, 20, 24]] for one in photographs.frames)


def test_the_set_is_the_same_every_time(photographs: Manifest, tmp_path: Path) -> None:
    faces = photographs.path.parent.parent / "faces"

    assert read_photographs(faces, tmp_path).sha256 == photographs.sha256


def test_too_few_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="20 photographs show 10 scenes"):
        read_photographs(_photographs(tmp_path / "faces", 10), tmp_path / "set")


def test_a_job_learns_from_the_dark_and_rehearses_the_light(
    photographs: Manifest, tmp_path: Path
) -> None:
    champion = tmp_path / "champion.onnx"
    champion.write_bytes(b"weights")

    lay_out_job(tmp_path / "job", photographs, champion, {"steps": 3})

    slices = {
        name: {
            tuple(json.loads(line)["frame"].get("slices", []))
            for line in (tmp_path / f"job/input/data/{name}/manifest.jsonl")
            .read_text()
            .splitlines()
        }
        for name in ("train", "rehearsal", "validation")
    }
    assert slices == {"train": {("darkened",)}, "rehearsal": {()}, "validation": {("darkened",)}}
    assert (tmp_path / "job/input/data/model/model.onnx").read_bytes() == b"weights"
