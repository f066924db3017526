"""The known models, on real photographs and clips that are not part of the repository."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from training.catalogue import SHIPPED, Catalogue
from training.evaluate import evaluate_model, load_model
from training.labels import LabelledImage, read_labels
from training.model_entry import ModelFile
from training.package import model_folder
from training.serving.detector import InputSize
from training.serving.endpoint import (
    BESIDE_FOLDER,
    ServedModel,
    input_fn,
    model_fn,
    predict_fn,
)

# Of the slowest model one photograph of eight: they score within 0.05 of what all 320 do.
SHARE = 8


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue.read(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> list[LabelledImage]:
    return read_labels(shared_data / "faces/annotations.json", shared_data / "faces/images")


@pytest.fixture(scope="module")
def both(
    shared_data: Path, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> ServedModel:
    """Return CenterFace with YOLOX beside it, as they are packaged."""
    folder = tmp_path_factory.mktemp("package")
    (folder / BESIDE_FOLDER).mkdir()
    persons = catalogue.describe(shared_data / "weights/yolox_nano_416.onnx")
    model_folder(catalogue.find(SHIPPED), folder)
    model_folder(persons, folder / BESIDE_FOLDER)
    return model_fn(str(folder))


def test_the_known_files_are_the_ones_that_the_catalogue_names(
    shared_data: Path, catalogue: Catalogue
) -> None:
    for file, name in (("yunet_n_dynamic", "yunet-n"), ("yolox_nano_416", "yolox-nano")):
        described = catalogue.describe(shared_data / f"weights/{file}.onnx").entry

        assert described == catalogue.known[name]


@pytest.mark.slow
def test_centerface_scores_on_real_faces_what_is_known_of_it(
    catalogue: Catalogue, photographs: list[LabelledImage]
) -> None:
    some = [image for image in photographs if int(image.image_id) % SHARE == 0]

    scored, _ = evaluate_model(load_model(catalogue.find(SHIPPED)), some)

    # 0.754 at the photographs' own 400 pixels, 0.83 at 640.
    assert scored.ap50 is not None
    assert 0.78 < scored.ap50 < 0.90
    assert scored.mae < 1.15


@pytest.mark.slow
def test_yunet_scores_on_real_faces_what_is_known_of_it(
    shared_data: Path, catalogue: Catalogue, photographs: list[LabelledImage]
) -> None:
    weights = catalogue.describe(shared_data / "weights/yunet_n_dynamic.onnx")
    as_it_is = weights.entry.model_copy(update={"input": InputSize(32, 640)})

    enlarged, _ = evaluate_model(load_model(weights), photographs)
    own_size, _ = evaluate_model(load_model(ModelFile(weights.path, as_it_is)), photographs)

    # 0.721 was measured elsewhere, with another post-processing; 0.749 and 0.824 with ours.
    assert own_size.ap50 == pytest.approx(0.735, abs=0.03)
    assert enlarged.ap50 == pytest.approx(0.824, abs=0.01)
    assert enlarged.mae < 0.7


@pytest.mark.slow
def test_whoever_walks_away_from_a_camera_is_a_person_and_no_face(
    shared_data: Path, both: ServedModel
) -> None:
    frames = _frames(shared_data / "video/one-by-one.mp4", first=56, last=1362, step=80)

    seen = [_look(both, frame) for frame in frames]

    assert sum(len(one["persons"]) for one in seen) >= 0.74 * len(frames)
    assert sum(len(one["faces"]) for one in seen) <= 0.26 * len(frames)
    assert max(len(one["persons"]) for one in seen) == 1


def test_nobody_is_found_where_nobody_is(shared_data: Path, both: ServedModel) -> None:
    frames = _frames(shared_data / "video/one-by-one.mp4", first=0, last=50, step=10)

    assert [_look(both, frame)["persons"] for frame in frames] == [[]] * 5


def test_four_people_in_a_classroom_are_four_persons(shared_data: Path, both: ServedModel) -> None:
    frames = _frames(shared_data / "video/classroom.mp4", first=0, last=45, step=15)

    seen = [_look(both, frame) for frame in frames]

    assert [(one["count"], len(one["persons"])) for one in seen] == [(4, 4)] * 3


def _look(served: ServedModel, frame: bytes) -> dict[str, Any]:
    (seen,) = predict_fn(input_fn(frame, "image/jpeg"), served)["predictions"]
    found: dict[str, Any] = seen
    return found


def _frames(clip: Path, *, first: int, last: int, step: int) -> list[bytes]:
    video = cv2.VideoCapture(str(clip))
    frames = []
    for number in range(last):
        is_read, picture = video.read()
        if is_read and number >= first and (number - first) % step == 0:
            frames.append(cv2.imencode(".jpg", picture)[1].tobytes())
    video.release()
    return frames
