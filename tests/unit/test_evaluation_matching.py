from pathlib import Path

import numpy as np
import pytest

from training.evaluate import EVERY_AREA_PX2, Prediction, average_precision
from training.evaluation.matching import average_precisions, match, sights
from training.labels import Boxes, LabelledImage

NO_BOXES = np.empty((0, 4))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    images, predictions = _world(seed)
    (matches,) = match(images, predictions, [EVERY_AREA_PX2])

    (ours,) = average_precisions(matches, np.ones((1, len(images))))

    assert ours == pytest.approx(average_precision(images, predictions), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_resample_scores_as_pycocotools_scores_its_images_one_by_one(seed: int) -> None:
    images, predictions = _world(seed, count=12, score_digits=6)
    (matches,) = match(images, predictions, [EVERY_AREA_PX2])
    drawn = np.random.default_rng(seed).integers(0, len(images), (4, len(images)))
    weights = np.array([np.bincount(one, minlength=len(images)) for one in drawn], float)

    ours = average_precisions(matches, weights)

    expected = [
        average_precision([images[i] for i in one], [predictions[i] for i in one]) for one in drawn
    ]
    assert ours == pytest.approx(expected, abs=1e-9)


def test_a_part_of_the_images_scores_as_if_it_were_all() -> None:
    images, predictions = _world(7)
    (matches,) = match(images, predictions, [EVERY_AREA_PX2])
    part = np.arange(len(images)) % 3 == 1

    (ours,) = average_precisions(matches.within(part), np.ones((1, int(part.sum()))))

    kept = np.flatnonzero(part)
    expected = average_precision([images[i] for i in kept], [predictions[i] for i in kept])
    assert ours == pytest.approx(expected, abs=1e-9)


def test_faces_of_another_size_count_neither_for_nor_against() -> None:
    faces = np.array([[0.0, 0, 10, 10], [50, 50, 40, 40]])
    image = _image(faces)
    seen = Prediction(np.array([[50.0, 50, 40, 40], [200, 200, 50, 50]]), np.array([0.9, 0.8]), 1.0)

    small, large = match([image], [seen], [(0, 400), (401, float("inf"))])

    assert (small.faces.tolist(), small.hits.tolist()) == ([1.0], [])
    assert (large.faces.tolist(), large.hits.tolist()) == ([1.0], [True, False])


def test_without_a_labelled_face_there_is_no_precision() -> None:
    (matches,) = match(
        [_image(NO_BOXES)],
        [Prediction(np.array([[0.0, 0, 5, 5]]), np.array([0.9]), 1.0)],
        [EVERY_AREA_PX2],
    )

    assert np.isnan(average_precisions(matches, np.ones((1, 1)))).all()


def test_without_a_prediction_precision_is_zero() -> None:
    nothing = Prediction(NO_BOXES, np.empty(0), 1.0)

    (matches,) = match([_image(np.array([[0.0, 0, 5, 5]]))], [nothing], [EVERY_AREA_PX2])

    assert average_precisions(matches, np.ones((2, 1))).tolist() == [0.0, 0.0]


def test_at_a_threshold_each_face_is_found_or_not_and_each_prediction_false_or_not() -> None:
    faces = np.array([[0.0, 0, 20, 20], [100, 0, 20, 20], [200, 0, 20, 20]])
    image = LabelledImage(1, Path("unread.jpg"), None, faces, np.array([[300.0, 0, 99, 99]]))
    boxes = [[100.0, 0, 20, 20], [400, 400, 9, 9], [320, 20, 10, 10], [0, 0, 20, 20]]
    seen = Prediction(np.array(boxes), np.array([0.6, 0.9, 0.8, 0.1]), 1.0)

    (sight,) = sights([image], [seen], threshold=0.5)

    assert sight.found.tolist() == [False, True, False]
    assert sight.boxes[:, 0].tolist() == [400, 100]
    assert sight.is_false.tolist() == [True, False]


def _world(
    seed: int, count: int = 30, score_digits: int = 1
) -> tuple[list[LabelledImage], list[Prediction]]:
    """Return images with faces, crowds, empty ones, and predictions; with one digit, ties."""
    rng = np.random.default_rng(seed)
    images, predictions = [], []
    for index in range(count):
        faces = _boxes(rng, 0 if index % 7 == 0 else int(rng.integers(1, 9)))
        ignored = _boxes(rng, int(rng.integers(0, 2))) * [1, 1, 4, 4]
        near = faces[rng.random(len(faces)) < 0.8] + rng.normal(0, 3, 4)
        boxes = np.concatenate([near, _boxes(rng, int(rng.integers(0, 4)))])
        images.append(LabelledImage(index, Path("unread.jpg"), None, faces, ignored))
        predictions.append(Prediction(boxes, np.round(rng.random(len(boxes)), score_digits), 1.0))
    return images, predictions


def _image(faces: Boxes) -> LabelledImage:
    return LabelledImage(0, Path("unread.jpg"), None, faces, NO_BOXES)


def _boxes(rng: np.random.Generator, count: int) -> Boxes:
    return np.concatenate([rng.uniform(0, 400, (count, 2)), rng.uniform(15, 40, (count, 2))], 1)
