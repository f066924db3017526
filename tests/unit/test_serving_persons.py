"""A person model beside the face model: from the endpoint's answer to the room's state."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from functions.estimate_occupancy.handler import Adapters, estimate
from headcount.aws.detector import SageMakerDetector
from headcount.aws.estimates import OccupancyFormat
from headcount.counting import Sample, count
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode, OccupancyState
from headcount.events import FramesCounted
from headcount.ports import SampledFrame
from headcount.site import CameraBinding
from tests.fakes import FakeBus, FakeClock, FakeDirectory, FakeItems, FakeVacantViews
from tests.graphs import centerface_graph, yolox_graph
from training.catalogue import Catalogue
from training.package import model_folder
from training.serving.detector import Detections, InputSize
from training.serving.endpoint import (
    BESIDE_FOLDER,
    ModelCard,
    ServedModel,
    input_fn,
    model_fn,
    output_fn,
    predict_fn,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIZE = InputSize(64, 64)
SETTINGS = OccupancySettings(vacancy_confirm_s=10)
ROOM = Room("hq", "lab", (Camera("door"),), occupancy=SETTINGS)
CAMERA = CameraBinding(
    site_id="hq",
    room_id="lab",
    camera_id="door",
    stream_name="headcount-dev.hq.door",
    stream_arn="arn:aws:kinesisvideo:us-east-1:111122223333:stream/headcount-dev.hq.door/1",
    sample_every_s=5,
    fragment_s=2,
)


class FakeNetwork:
    """Finds a certain number in every picture, each with a score of 0.9, and one weaker."""

    def __init__(self, found: int) -> None:
        self.found = found

    def detect(self, picture: Any, min_score: float) -> Detections:
        scores = np.array([0.9] * self.found + [0.2], np.float32)
        boxes = np.tile(np.array([0.1, 0.1, 0.2, 0.5], np.float32), (len(scores), 1))
        return Detections(boxes[scores >= min_score], scores[scores >= min_score])


def served(faces: int, persons: int | None) -> ServedModel:
    beside = None
    if persons is not None:
        card = ModelCard("bodies", "2", "b" * 64, 0.3, SIZE, 1, "yolox", "persons")
        beside = ServedModel(card, FakeNetwork(persons))
    return ServedModel(ModelCard("faces", "1", "a" * 64, 0.5, SIZE, 1), FakeNetwork(faces), beside)


@dataclass
class FakeRuntime:
    """An endpoint in this process: what a request goes through in the container."""

    model: ServedModel

    def invoke_endpoint(self, **asked: Any) -> dict[str, Any]:
        request = input_fn(asked["Body"], asked["ContentType"])
        body, _ = output_fn(predict_fn(request, self.model), asked["Accept"])
        return {"Body": io.BytesIO(body.encode()), "InvokedProductionVariant": "champion"}


def told(model: ServedModel, jpegs: Sequence[bytes], every_s: float = 5) -> list[FramesCounted]:
    """Return what is told of frames one after another, as the sampler tells it."""
    client: Any = FakeRuntime(model)
    samples = {
        str(number): Sample(
            CAMERA,
            f"{number:047d}",
            SampledFrame(
                captured_at=NOON + timedelta(seconds=number * every_s),
                persisted_at=NOON + timedelta(seconds=number * every_s + 1),
                jpeg=jpeg,
                thumbnail=b"",
                motion=0.0,
                light_mode=LightMode.DAY,
            ),
        )
        for number, jpeg in enumerate(jpegs)
    }
    counted = count(samples, SageMakerDetector(client, "faces"), FakeVacantViews())
    return [counted[name] for name in samples]


@pytest.fixture
def to() -> Adapters:
    return Adapters(
        directory=FakeDirectory([ROOM]),
        rooms=FakeItems(OccupancyFormat()),
        publish=FakeBus(),
        clock=FakeClock(NOON),
    )


def states(to: Adapters) -> list[tuple[OccupancyState, int]]:
    publish: Any = to.publish
    return [(event.state, event.people_estimate) for event in publish.sent]


def a_jpeg() -> bytes:
    picture = np.zeros((72, 128, 3), np.uint8)
    # A picture without any contrast would be a covered lens.
    picture[::8] = 200
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_without_a_person_model_the_answer_knows_no_persons() -> None:
    answer = predict_fn(input_fn(a_jpeg(), "image/jpeg"), served(faces=2, persons=None))

    assert "person_model" not in answer
    assert "persons" not in answer["predictions"][0]


def test_persons_are_listed_beside_the_faces_by_a_threshold_of_their_own() -> None:
    answer = predict_fn(input_fn(a_jpeg(), "image/jpeg"), served(faces=1, persons=3))

    (seen,) = answer["predictions"]
    assert (seen["count"], len(seen["faces"]), len(seen["persons"])) == (1, 1, 3)
    assert seen["persons"][0]["box"] == pytest.approx([0.1, 0.1, 0.2, 0.5])
    assert answer["model"]["name"] == "faces"
    assert answer["person_model"] == {
        "name": "bodies",
        "version": "2",
        "sha256": "b" * 64,
        "threshold": 0.3,
    }


def test_a_model_that_finds_persons_can_serve_alone() -> None:
    card = ModelCard("bodies", "2", "b" * 64, 0.3, SIZE, 1, "yolox", "persons")

    answer = predict_fn(input_fn(a_jpeg(), "image/jpeg"), ServedModel(card, FakeNetwork(found=3)))

    (seen,) = answer["predictions"]
    assert (seen["count"], seen["faces"], len(seen["persons"])) == (3, [], 3)
    assert answer["person_model"] == answer["model"]


def test_what_is_told_of_a_frame_names_both_models() -> None:
    (event,) = told(served(faces=0, persons=1), [a_jpeg()])

    assert (len(event.faces), len(event.persons)) == (0, 1)
    assert event.model.name == "faces"
    assert event.person_model is not None
    assert (event.person_model.name, event.person_model.threshold) == ("bodies", 0.3)
    assert event.person_model.variant == "champion"


def test_a_person_seen_from_behind_keeps_a_room_occupied(to: Adapters) -> None:
    for event in told(served(faces=0, persons=1), [a_jpeg()] * 120):
        estimate(event, to)

    # One sign alone may be a false alarm; from the second frame on somebody is there.
    assert {state for state, _ in states(to)[1:]} == {OccupancyState.OCCUPIED}
    assert states(to)[-1] == (OccupancyState.OCCUPIED, 1)


def test_the_same_room_is_vacant_to_faces_alone(to: Adapters) -> None:
    for event in told(served(faces=0, persons=None), [a_jpeg()] * 12):
        estimate(event, to)

    assert states(to)[-1] == (OccupancyState.VACANT, 0)


@pytest.mark.parametrize(("faces", "persons", "people"), [(2, 2, 2), (1, 3, 3), (4, 2, 4)])
def test_faces_and_bodies_are_the_same_people(
    to: Adapters, faces: int, persons: int, people: int
) -> None:
    for event in told(served(faces, persons), [a_jpeg()] * 12):
        estimate(event, to)

    assert states(to)[-1] == (OccupancyState.OCCUPIED, people)


def test_a_package_with_two_networks_is_loaded_as_both(tmp_path: Path) -> None:
    catalogue = Catalogue.read(tmp_path / "models")
    (tmp_path / "package" / BESIDE_FOLDER).mkdir(parents=True)
    faces = catalogue.describe(centerface_graph(tmp_path / "faces.onnx"))
    persons = catalogue.describe(yolox_graph(tmp_path / "persons.onnx"), version="9")
    model_folder(faces, tmp_path / "package")
    model_folder(persons, tmp_path / "package" / BESIDE_FOLDER)
    # A blue square where the person is, which the face model does not look for.
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[24:40, 24:40, 0] = 255

    model = model_fn(str(tmp_path / "package"))
    request = input_fn(cv2.imencode(".png", picture)[1].tobytes(), "image/png")
    answer = predict_fn(request, model)

    assert answer["predictions"][0]["faces"] == []
    assert len(answer["predictions"][0]["persons"]) > 0
    assert (answer["person_model"]["name"], answer["person_model"]["version"]) == ("persons", "9")


def test_a_card_from_before_there_was_a_choice_is_of_a_face_model(tmp_path: Path) -> None:
    card = {
        "name": "centerface",
        "version": "1.0.0",
        "sha256": "a" * 64,
        "threshold": 0.4,
        "input": {"min_long_side_px": 640, "max_long_side_px": 960},
        "threads": 1,
    }
    (tmp_path / "model.json").write_text(json.dumps(card))

    read = ModelCard.read(tmp_path / "model.json")

    assert (read.adapter, read.finds) == ("centerface", "faces")
