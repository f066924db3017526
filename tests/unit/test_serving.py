import base64
import json
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from training.serving.detector import Detections, InputSize, suppress_overlaps
from training.serving.endpoint import ModelCard, ServedModel, input_fn, output_fn, predict_fn
from training.serving.quality import MEASURED_WIDTH_PX, measure_quality
from training.serving.request import MAX_BODY_BYTES, MAX_FRAMES, RequestError

Picture = npt.NDArray[np.uint8]


class FakeNetwork:
    """Sees a strong and a weak face in every picture."""

    def detect(self, picture: Picture, min_score: float) -> Detections:
        boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.2, 0.1, 0.1]], dtype=np.float32)
        scores = np.array([0.9, 0.1], dtype=np.float32)
        return Detections(boxes[scores >= min_score], scores[scores >= min_score])


@pytest.fixture
def served() -> ServedModel:
    size = InputSize(min_long_side_px=640, max_long_side_px=1280)
    card = ModelCard("centerface", "1.0.0", "0" * 64, 0.5, size, 1)
    return ServedModel(card, FakeNetwork())


def test_a_jpeg_is_answered_with_faces_quality_and_the_model(served: ServedModel) -> None:
    answer = predict_fn(input_fn(_jpeg(_noise(60, 80)), "image/jpeg"), served)

    (seen,) = answer["predictions"]
    assert (seen["width"], seen["height"], seen["count"]) == (80, 60, 1)
    assert seen["faces"] == [{"box": pytest.approx([0.1, 0.2, 0.3, 0.4]), "score": 0.9}]
    assert set(seen["quality"]) == {"brightness", "contrast", "blur"}
    assert answer["model"]["sha256"] == "0" * 64
    assert answer["model"]["threshold"] == 0.5


def test_a_batch_is_answered_frame_by_frame_in_order(served: ServedModel) -> None:
    body = _batch({"a": _jpeg(_noise(60, 80)), "b": _png(_noise(40, 50))})

    answer = predict_fn(input_fn(body, "application/json; charset=utf-8"), served)

    assert [(seen["frame_id"], seen["width"]) for seen in answer["predictions"]] == [
        ("a", 80),
        ("b", 50),
    ]


def test_a_lower_min_score_lists_more_faces_and_counts_the_same(served: ServedModel) -> None:
    body = _batch({"a": _jpeg(_noise(60, 80))}, min_score=0.05)

    (seen,) = predict_fn(input_fn(body, "application/json"), served)["predictions"]

    assert len(seen["faces"]) == 2
    assert seen["count"] == 1


def test_the_toolkit_may_hand_json_over_as_text(served: ServedModel) -> None:
    body = _batch({"a": _jpeg(_noise(60, 80))}).decode()

    assert input_fn(body, "application/json").frames[0].frame_id == "a"


def test_a_jpeg_that_breaks_off_is_the_clients_fault_and_the_frame_is_named() -> None:
    whole = _jpeg(_noise(60, 80))

    with pytest.raises(RequestError, match="Frame 'b' is a JPEG that breaks off") as fault:
        input_fn(_batch({"a": whole, "b": whole[: len(whole) // 2]}), "application/json")

    assert fault.value.status_code == 400


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"no picture", "image/jpeg", 400, "not a picture"),
        (b"", "image/jpeg", 400, "picture"),
        (b"<xml/>", "application/xml", 415, "is not understood"),
        (b"{", "application/json", 400, "not JSON"),
        (b"[]", "application/json", 400, "needs"),
        (b'{"instances": [{"frame_id": "a"}]}', "application/json", 400, "Instance 0"),
        (
            b'{"instances": [{"frame_id": "a", "image_b64": "?"}]}',
            "application/json",
            400,
            "Frame 'a': image_b64 is not base64",
        ),
        (
            '{"instances": [{"frame_id": "a", "image_b64": "é"}]}'.encode(),
            "application/json",
            400,
            "Frame 'a': image_b64 is not base64",
        ),
        (b"[" * 200_000, "application/json", 400, "not JSON"),
        (b"\xff{}", "application/json", 400, "not JSON"),
        (b'{"instances": []}', "application/json", 400, "needs"),
        (b"0" * (MAX_BODY_BYTES + 1), "image/jpeg", 413, "at most"),
    ],
)
def test_a_request_at_fault_is_refused_with_its_reason(
    body: bytes, content_type: str, status: int, message: str
) -> None:
    with pytest.raises(RequestError, match=message) as fault:
        input_fn(body, content_type)

    assert fault.value.status_code == status


def test_a_batch_has_an_upper_limit() -> None:
    frames = {str(number): b"" for number in range(MAX_FRAMES + 1)}

    with pytest.raises(RequestError, match="at most 16"):
        input_fn(_batch(frames), "application/json")


@pytest.mark.parametrize("min_score", [0, 1.5, "much", True, float("nan"), -1])
def test_a_min_score_out_of_range_is_refused(min_score: Any) -> None:
    with pytest.raises(RequestError, match="min_score"):
        input_fn(_batch({"a": _jpeg(_noise(60, 80))}, min_score=min_score), "application/json")


def test_an_answer_is_json_and_nothing_else() -> None:
    assert output_fn({"a": 1}, "application/json") == ('{"a":1}', "application/json")
    assert output_fn({}, "text/html, */*;q=0.1")[1] == "application/json"
    with pytest.raises(RequestError, match="text/csv"):
        output_fn({}, "text/csv")


def test_of_overlapping_boxes_the_best_one_stays() -> None:
    corners = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10]], dtype=np.float32)
    scores = np.array([0.6, 0.9, 0.5], dtype=np.float32)

    assert suppress_overlaps(corners, scores, 0.3).tolist() == [1, 2]


def test_no_boxes_leave_none() -> None:
    assert suppress_overlaps(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.3).size == 0


def test_small_pictures_are_enlarged_and_large_ones_reduced() -> None:
    size = InputSize(min_long_side_px=640, max_long_side_px=1280)

    assert size.scale(320, 240) == 2.0
    assert size.scale(960, 540) == 1.0
    assert size.scale(1080, 2560) == 0.5


def test_input_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="min <= max"):
        InputSize(min_long_side_px=1280, max_long_side_px=640)


def test_quality_of_a_flat_picture_is_its_brightness_alone() -> None:
    quality = measure_quality(np.full((90, 160, 3), 51, np.uint8))

    assert quality.brightness == pytest.approx(0.2, abs=0.001)
    assert quality.contrast == 0
    assert quality.blur == 0


def test_a_blurred_picture_measures_less_sharp() -> None:
    sharp = _noise(360, 640)

    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 3), dtype=np.uint8)

    assert measure_quality(blurred).blur < measure_quality(sharp).blur / 10


def test_blur_of_one_scene_is_comparable_between_resolutions() -> None:
    scene = _noise(180, MEASURED_WIDTH_PX)
    larger = cv2.resize(scene, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)

    same = measure_quality(np.asarray(larger, dtype=np.uint8)).blur

    assert same == pytest.approx(measure_quality(scene).blur, rel=0.02)


def _noise(height: int, width: int) -> Picture:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def _png(picture: Picture) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def _batch(frames: dict[str, bytes], **options: Any) -> bytes:
    instances = [
        {"frame_id": frame_id, "image_b64": base64.b64encode(encoded).decode()}
        for frame_id, encoded in frames.items()
    ]
    return json.dumps({"instances": instances, **options}).encode()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20_000, 1), (10, 20_000), (1, 20_000)])
def test_a_picture_of_any_shape_is_answered(served: ServedModel, height: int, width: int) -> None:
    picture = np.full((height, width, 3), 51, np.uint8)

    (seen,) = predict_fn(input_fn(_png(picture), "image/png"), served)["predictions"]

    assert (seen["width"], seen["height"]) == (width, height)
    assert seen["quality"]["brightness"] == pytest.approx(0.2, abs=0.001)


def test_a_strip_is_not_enlarged_beyond_what_memory_holds() -> None:
    strip = np.full((60_000, 1, 3), 51, np.uint8)

    assert measure_quality(strip).brightness == pytest.approx(0.2, abs=0.001)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_pictures_and_transparent_ones_are_seen_in_colour(channels: int) -> None:
    picture = np.full((20, 30, channels), 90, np.uint8)

    (frame,) = input_fn(_png(picture), "image/png").frames

    assert frame.picture.shape == (20, 30, 3)
