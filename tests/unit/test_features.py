import base64
import json
import math
from typing import Any

import cv2
import numpy as np
import pytest

from headcount.domain.features import (
    BINS,
    EMBEDDING_COMPONENTS,
    FEATURE_NAMES,
    FEATURES,
    frame_features,
)
from headcount.domain.terms import LightMode
from training.monitor.capture import features_of
from training.serving.context import LIGHT_MODES
from training.serving.detector import Detections, InputSize
from training.serving.embedding import COMPONENTS, embed
from training.serving.endpoint import ModelCard, ServedModel, input_fn, predict_fn
from training.serving.request import RequestError


def features(**changes):
    given: dict[str, Any] = {
        "brightness": 0.5,
        "contrast": 0.2,
        "blur": 120.0,
        "count": 2,
        "scores": [0.9, 0.5],
        "boxes": [[0, 0, 0.1, 0.4], [0.5, 0.5, 0.02, 0.02]],
        "size_px": (640, 360),
        "motion": 0.25,
        "embedding": [0.1] * EMBEDDING_COMPONENTS,
    }
    return dict(zip(FEATURE_NAMES, frame_features(**given | changes), strict=True))


def test_faces_give_scores_and_sizes():
    found = features()

    assert found["score_mean"] == pytest.approx(0.7)
    assert found["score_lowest"] == 0.5
    assert found["box_size"] == pytest.approx((0.2 + 0.02) / 2)
    assert found["small_share"] == 0.5


def test_an_empty_room_has_no_score_rather_than_a_bad_one():
    found = features(count=0, scores=[], boxes=[])

    assert found["faces"] == 0
    assert all(
        math.isnan(found[name])
        for name in ("score_mean", "score_lowest", "box_size", "small_share")
    )


def test_what_an_endpoint_did_not_say_is_missing():
    found = features(motion=None, embedding=None)

    assert math.isnan(found["motion"])
    assert math.isnan(found["embedding_8"])


def test_scores_without_their_boxes_are_refused():
    with pytest.raises(ValueError, match="2 scores do not fit 1 boxes"):
        features(boxes=[[0, 0, 1, 1]])
    with pytest.raises(ValueError, match="3 components, not 8"):
        features(embedding=[0.0, 0.0, 0.0])


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_value_has_a_bin_and_what_is_missing_has_none(feature):
    values = np.array([feature.low - 1, feature.low, feature.high, feature.high * 9 + 1, np.nan])

    assert feature.bins(values).tolist() == [0, 0, BINS - 1, BINS - 1, -1]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_bin_leads_back_to_its_values(feature):
    values = np.linspace(feature.low, feature.high, 50)

    back = feature.off_grid(feature.on_grid(values))

    assert back == pytest.approx(values, abs=1e-9)


def test_twice_the_people_are_as_far_apart_in_a_small_room_as_in_a_hall():
    faces = FEATURES[FEATURE_NAMES.index("faces")]
    one, two, twenty, forty = faces.on_grid(np.array([1.0, 2, 20, 40]))

    assert (two - one) == pytest.approx(forty - twenty, rel=0.7)


def test_the_endpoint_and_the_features_agree_on_components_and_lights():
    assert COMPONENTS == EMBEDDING_COMPONENTS
    assert {mode.value for mode in LightMode} == LIGHT_MODES


def test_an_embedding_tells_a_turned_camera_and_not_a_switched_lamp():
    room = _room()
    turned = np.roll(room, 40, axis=1)
    darker = (room // 2).astype(np.uint8)

    assert np.abs(np.subtract(embed(room), embed(turned))).max() > 0.1
    assert np.abs(np.subtract(embed(room), embed(darker))).max() < 0.01


def test_a_picture_without_anything_in_it_has_no_layout_and_no_colour():
    assert embed(np.zeros((36, 64, 3), np.uint8)) == [0.0] * COMPONENTS
    assert embed(np.full((36, 64, 3), 90, np.uint8)) == [0.0] * COMPONENTS


def test_a_red_light_is_a_tint():
    red = np.zeros((36, 64, 3), np.uint8)
    red[:, :, 2] = 200

    assert embed(red)[6:] == pytest.approx([-1 / 3, 2 / 3], abs=1e-3)


class FakeNetwork:
    """Sees a strong and a weak face in every picture."""

    def detect(self, picture, min_score):
        boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.2, 0.1, 0.1]], np.float32)
        scores = np.array([0.9, 0.45], np.float32)
        return Detections(boxes[scores >= min_score], scores[scores >= min_score])


@pytest.fixture
def served():
    card = ModelCard("centerface", "1.0.0", "0" * 64, 0.5, InputSize(64, 640), 1)
    return ServedModel(card, FakeNetwork())


def ask(served, picture, **instance):
    encoded = base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()
    body = {"instances": [{"frame_id": "a", "image_b64": encoded, **instance}], "min_score": 0.3}
    return predict_fn(input_fn(json.dumps(body), "application/json"), served)


def test_the_endpoints_own_answer_has_all_features(served):
    context = {"site_id": "hq", "camera_id": "lobby-1", "light_mode": "infrared", "motion": 0.2}

    answer = ask(served, _room(), context=context)
    (prediction,) = answer["predictions"]
    values, said = features_of(prediction, answer["model"]["threshold"])

    found = dict(zip(FEATURE_NAMES, values, strict=True))
    assert said == context
    assert found["faces"] == 1
    assert found["score_lowest"] == pytest.approx(0.9), "a weaker face is listed, and not counted"
    assert found["brightness"] == prediction["quality"]["brightness"]
    assert found["embedding_1"] == prediction["embedding"][0]
    assert found["motion"] == 0.2
    assert not np.isnan(values).any()


def test_an_endpoint_that_was_told_nothing_answers_an_empty_context(served):
    (prediction,) = ask(served, _room())["predictions"]

    assert prediction["context"] == {}


def test_a_newer_clients_context_is_understood_as_far_as_it_is_known(served):
    context = {"camera_id": "lobby-1", "mood": "festive"}

    (prediction,) = ask(served, _room(), context=context)["predictions"]

    assert prediction["context"] == {"camera_id": "lobby-1"}


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ("lobby", "context is an object"),
        ({"camera_id": "x" * 257}, "context.camera_id is 1 to 256 letters"),
        ({"site_id": "<script>"}, "context.site_id is 1 to 256 letters"),
        ({"light_mode": "dusk"}, "context.light_mode is one of dark, day, infrared"),
        ({"light_mode": ["day"]}, "context.light_mode is one of dark, day, infrared"),
        ({"motion": 1.5}, "context.motion is a number from 0 to 1"),
        ({"motion": True}, "context.motion is a number from 0 to 1"),
        ({"motion": float("nan")}, "context.motion is a number from 0 to 1"),
    ],
)
def test_a_wrong_context_is_the_clients_fault_and_the_frame_is_named(served, context, says):
    with pytest.raises(RequestError, match=f"Frame 'a': {says}") as fault:
        ask(served, _room(), context=context)

    assert fault.value.status_code == 400


def _room():
    room = np.full((180, 320, 3), 150, np.uint8)
    room[20:90, 30:120] = 240
    room[120:, :] = 60
    return room
