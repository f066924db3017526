"""Frames out of the archive, and what the endpoint says of them."""

import base64
import io
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from headcount.aws.archives import Archives
from headcount.aws.detector import SageMakerDetector
from headcount.aws.frames import KinesisVideoFragments
from headcount.domain.terms import LightMode
from headcount.errors import FragmentNotFoundError, ModelError, StreamError
from headcount.media.fragments import read_fragments
from headcount.ports import FrameContext
from tests.clips import archived, captured, encoded, walking
from training.serving.context import read_context


@dataclass
class Archive:
    """Kinesis Video with one stored fragment; counts how often it is asked for its address."""

    stored: bytes = b""
    refuses: str = ""
    addresses_asked: int = 0

    def get_data_endpoint(self, **_asked: str) -> dict[str, str]:
        self.addresses_asked += 1
        return {"DataEndpoint": "https://s-1.kinesisvideo.example.com"}

    def get_media_for_fragment_list(self, **_asked: Any) -> dict[str, Any]:
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": ""}}, "GetMedia")
        return {"Payload": Payload(self.stored)}


@dataclass
class Payload:
    data: bytes

    def iter_chunks(self, size: int) -> Any:
        return (self.data[at : at + size] for at in range(0, len(self.data), size))


def fragments(archive: Archive) -> KinesisVideoFragments:
    control: Any = archive
    return KinesisVideoFragments(Archives(control, lambda _address: control))


@pytest.fixture(scope="module")
def stored() -> bytes:
    (cluster,) = encoded(captured(walking(5)))
    return archived(cluster)


def test_a_stored_fragment_becomes_a_frame(stored):
    (fragment,) = read_fragments([stored])

    frame = fragments(Archive(stored))("stream", fragment.number)

    assert (frame.captured_at, frame.persisted_at) == (fragment.producer_at, fragment.server_at)
    assert frame.jpeg.startswith(b"\xff\xd8")
    assert len(frame.thumbnail) == 64 * 36
    assert frame.motion > 0
    assert frame.light_mode is not LightMode.DARK


def test_a_stream_s_address_is_asked_for_once(stored):
    archive = Archive(stored)
    (fragment,) = read_fragments([stored])
    source = fragments(archive)

    for _ in range(3):
        source("stream", fragment.number)

    assert archive.addresses_asked == 1


def test_a_fragment_that_is_not_in_the_answer_is_not_found(stored):
    with pytest.raises(FragmentNotFoundError, match="has no fragment 7"):
        fragments(Archive(stored))("stream", "7")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ResourceNotFoundException", FragmentNotFoundError),
        ("ClientLimitExceededException", StreamError),
    ],
)
def test_a_refusal_is_told_and_the_address_asked_for_anew(code, kind):
    archive = Archive(refuses=code)
    source = fragments(archive)

    for _ in range(2):
        with pytest.raises(kind, match=code):
            source("stream", "1")

    assert archive.addresses_asked == 2


def test_a_service_that_hangs_is_a_stream_error_of_that_camera_alone(stored):
    class Hanging(Archive):
        def get_media_for_fragment_list(self, **_asked: Any) -> dict[str, Any]:
            raise ReadTimeoutError(endpoint_url="https://s-1.kinesisvideo.example.com")

    with pytest.raises(StreamError, match="Fragment 1 is asked for again"):
        fragments(Hanging(stored))("stream", "1")


def test_a_camera_whose_clock_is_ahead_captures_nothing_in_the_future(stored):
    (fragment,) = read_fragments([stored])
    tomorrow = fragment.server_at + timedelta(days=1)
    ahead = stored.replace(
        f"{fragment.producer_at.timestamp():.3f}".encode(), f"{tomorrow.timestamp():.3f}".encode()
    )

    frame = fragments(Archive(ahead))("stream", fragment.number)

    assert ahead != stored
    assert frame.captured_at == frame.persisted_at == fragment.server_at


@dataclass
class Endpoint:
    """Answers every instance with as many faces as its image has bytes."""

    bodies: list[bytes] = field(default_factory=list)
    forgets: bool = False
    answers: bytes | None = None
    refuses: str = ""

    def invoke_endpoint(self, **asked: Any) -> dict[str, Any]:
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": ""}}, "InvokeEndpoint")
        self.bodies.append(asked["Body"])
        instances = json.loads(asked["Body"])["instances"][: -1 if self.forgets else None]
        answer = {
            "predictions": [self._prediction(**instance) for instance in instances],
            "model": {"name": "m", "version": "1", "sha256": "ab", "threshold": 0.4},
        }
        body = json.dumps(answer).encode() if self.answers is None else self.answers
        return {"Body": io.BytesIO(body), "InvokedProductionVariant": "champion"}

    def _prediction(self, frame_id: str, image_b64: str, **_about: Any) -> dict[str, Any]:
        faces = min(3, len(base64.b64decode(image_b64)))
        return {
            "frame_id": frame_id,
            "width": 640,
            "height": 360,
            "count": faces,
            "faces": [{"box": [0.1, 0.1, 0.1, 0.1], "score": 0.9}] * faces,
            "quality": {"brightness": 0.5, "contrast": 0.2, "blur": 100.0},
        }


def detector(endpoint: Endpoint) -> SageMakerDetector:
    client: Any = endpoint
    return SageMakerDetector(client, "faces")


def test_many_frames_are_one_call():
    endpoint = Endpoint()

    counted = detector(endpoint)({"a": b"1", "b": b"12"}, {})

    assert {name: len(one.faces) for name, one in counted.items()} == {"a": 1, "b": 2}
    assert len(endpoint.bodies) == 1
    assert counted["a"].model.variant == "champion"


def test_the_context_of_a_frame_goes_with_its_picture():
    endpoint = Endpoint()
    context = FrameContext("hq", "door", LightMode.INFRARED, 0.25)

    detector(endpoint)({"a": b"1", "b": b"12"}, {"a": context})

    asked, without = json.loads(endpoint.bodies[0])["instances"]
    assert read_context(asked["context"]) == {
        "site_id": "hq",
        "camera_id": "door",
        "light_mode": "infrared",
        "motion": 0.25,
    }
    assert "context" not in without


def test_frames_that_one_request_cannot_hold_are_several():
    endpoint = Endpoint()

    counted = detector(endpoint)({name: bytes(2_000_000) for name in "abc"}, {})

    assert sorted(counted) == ["a", "b", "c"]
    assert len(endpoint.bodies) == 2
    assert all(len(body) <= 6_291_456 for body in endpoint.bodies)


def test_more_frames_than_the_endpoint_takes_are_several_requests():
    endpoint = Endpoint()

    counted = detector(endpoint)({str(number): b"1" for number in range(33)}, {})

    assert len(counted) == 33
    assert [len(json.loads(body)["instances"]) for body in endpoint.bodies] == [16, 16, 1]


def test_an_endpoint_that_hangs_is_a_model_error():
    class Hanging(Endpoint):
        def invoke_endpoint(self, **_asked: Any) -> dict[str, Any]:
            raise ReadTimeoutError(endpoint_url="https://runtime.example.com")

    with pytest.raises(ModelError, match="asked about again"):
        detector(Hanging())({"a": b"1"}, {})


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        (Endpoint(refuses="ModelError"), "ModelError for 1 frames"),
        (Endpoint(answers=b'{"predictions": []}'), "not as agreed"),
        (Endpoint(forgets=True), "1 of 1 frames are not in its answer"),
    ],
)
def test_an_endpoint_that_fails_is_a_model_error(endpoint, says):
    with pytest.raises(ModelError, match=says):
        detector(endpoint)({"a": b"1"}, {})
