import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.detector.augment import Crop
from training.detector.centerface import CenterFaceLearning
from training.detector.losses import box_loss, heat_map_loss
from training.detector.targets import maps_of
from training.detector.yunet import YunetLearning, _Grid
from training.labels import Boxes
from training.serving import centerface, yunet

SIDE_PX = 96
NO_BOXES = np.zeros((0, 4))


def _crop(faces: Boxes, ignored: Boxes = NO_BOXES, scores: Boxes | None = None) -> Crop:
    blank = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    worth = np.ones(len(faces)) if scores is None else scores
    return Crop(blank, blank, faces, worth, ignored)


@given(st.floats(0, 60), st.floats(0, 60), st.floats(6, 36), st.floats(6, 36))
@settings(max_examples=60, deadline=None)
def test_serving_reads_from_the_targets_the_box_that_was_labelled(
    left: float, top: float, width: float, height: float
) -> None:
    maps = maps_of([_crop(np.array([[left, top, width, height]]))])

    corners, scores = centerface.decode(
        [maps.heat, maps.log_size[0], maps.offset[0]], SIDE_PX, SIDE_PX, 1.0
    )

    assert scores.tolist() == [1.0]
    np.testing.assert_allclose(
        corners[0], [left, top, left + width, top + height], rtol=0, atol=1e-3
    )


def test_every_cell_that_serving_may_read_says_the_same_box() -> None:
    maps = maps_of([_crop(np.array([[20.0, 20, 40, 48]]))])

    corners, scores = centerface.decode(
        [maps.heat, maps.log_size[0], maps.offset[0]], SIDE_PX, SIDE_PX, 0.61
    )

    assert len(scores) > 4
    np.testing.assert_allclose(corners, np.tile([20, 20, 60, 68], (len(corners), 1)), atol=1e-3)


def test_what_the_targets_say_has_no_loss_and_nothing_has_one() -> None:
    crops = [_crop(np.array([[20.0, 20, 40, 48]])), _crop(NO_BOXES)]
    maps = maps_of(crops)
    perfect = [
        torch.from_numpy(maps.heat[:, None].copy()),
        torch.from_numpy(maps.log_size),
        torch.from_numpy(maps.offset),
    ]
    # The cells around a centre are told to be less than sure of it, and count little.
    perfect[0][perfect[0] < 1] = 0
    learning = CenterFaceLearning()

    assert float(learning.label_loss(perfect, crops)) < 0.01
    assert float(learning.label_loss([torch.zeros_like(part) for part in perfect], crops)) > 5


def test_ignored_regions_give_no_loss() -> None:
    heat = torch.full((1, SIDE_PX // 4, SIDE_PX // 4), 0.001)
    heat[0, 2:6, 2:6] = 0.95
    seen = [heat[:, None], torch.zeros(1, 2, 24, 24), torch.zeros(1, 2, 24, 24)]
    learning = CenterFaceLearning()

    told_off = learning.label_loss(seen, [_crop(NO_BOXES)])
    let_be = learning.label_loss(seen, [_crop(NO_BOXES, np.array([[8.0, 8, 16, 16]]))])

    assert float(told_off) > 40
    assert float(let_be) < 0.01


def test_an_uncertain_face_counts_less() -> None:
    face, blank = np.array([[20.0, 20, 40, 48]]), torch.full((1, 24, 24), 0.01)
    losses = []
    for score in (1.0, 0.5):
        maps = maps_of([_crop(face, scores=np.array([score]))])
        target, counts, worth = map(torch.from_numpy, (maps.heat, maps.counts, maps.worth))
        losses.append(float(heat_map_loss(blank, target, counts, worth)))

    assert losses[1] < 0.6 * losses[0]


def test_a_network_agrees_with_itself() -> None:
    random = torch.Generator().manual_seed(1)
    seen = [torch.rand(2, depth, 8, 8, generator=random) for depth in (1, 2, 2)]
    other = [torch.rand(2, depth, 8, 8, generator=random) for depth in (1, 2, 2)]
    learning = CenterFaceLearning()

    assert float(learning.agreement(seen, seen)) < 1e-6
    assert float(learning.agreement(seen, other)) > 0.1


def test_the_same_box_has_no_loss_and_a_distant_one_all() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    wanted = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])

    assert box_loss(boxes, wanted).tolist() == [0.0, 1.0]


def _yunet_outputs(faces: Boxes) -> list[torch.Tensor]:
    """What a YuNet that sees `faces` at its middle scale would say."""
    kinds, objects, boxes = [], [], []
    for stride in yunet.STRIDES_PX:
        cells = SIDE_PX // stride
        kinds.append(torch.full((1, cells * cells, 1), 0.02))
        objects.append(torch.full((1, cells * cells, 1), 0.02))
        boxes.append(torch.zeros(1, cells * cells, 4))
    cells = SIDE_PX // 16
    for left, top, width, height in faces:
        x, y = (left + width / 2) / 16, (top + height / 2) / 16
        cell = int(y) * cells + int(x)
        kinds[1][0, cell], objects[1][0, cell] = 0.98, 0.98
        boxes[1][0, cell] = torch.tensor(
            [x - int(x), y - int(y), np.log(width / 16), np.log(height / 16)]
        )
    return [*kinds, *objects, *boxes]


def test_yunet_gives_each_face_the_cell_that_sees_it() -> None:
    faces = np.array([[4.0, 6, 30, 36], [52, 40, 28, 40]])
    seen = _yunet_outputs(faces)
    grid = _Grid(SIDE_PX)
    corners = grid.corners(torch.cat(seen[6:], dim=1))[0]
    score = torch.cat(seen[:3], dim=1)[0, :, 0]
    wanted = torch.from_numpy(
        np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:]], axis=1).astype(np.float32)
    )

    cells, face_of = grid.assign(wanted, corners, score)

    for face in range(len(faces)):
        best = cells[(face_of == face)]
        assert len(best) >= 1
        distance = (corners[best] - wanted[face]).abs().max(dim=1).values.min()
        assert float(distance) < 1e-3


def test_the_smallest_face_gets_a_cell_of_yunet_too() -> None:
    seen = _yunet_outputs(NO_BOXES)
    grid = _Grid(SIDE_PX)
    corners = grid.corners(torch.cat(seen[6:], dim=1))[0]
    score = torch.cat(seen[:3], dim=1)[0, :, 0]

    cells, face_of = grid.assign(torch.tensor([[40.0, 40, 43, 44]]), corners, score)

    assert len(cells) == 1
    assert face_of.tolist() == [0]


def test_yunet_loses_less_the_nearer_it_is_to_the_labels() -> None:
    faces = np.array([[4.0, 6, 30, 36], [52, 40, 28, 40]])
    learning = YunetLearning()

    right = learning.label_loss(_yunet_outputs(faces), [_crop(faces)])
    blind = learning.label_loss(_yunet_outputs(NO_BOXES), [_crop(faces)])

    assert float(right) < 0.6 * float(blind)


def test_yunet_learns_from_pictures_without_a_face_and_not_from_ignored_regions() -> None:
    seen = _yunet_outputs(np.array([[4.0, 6, 30, 36]]))
    learning = YunetLearning()

    told_off = learning.label_loss(seen, [_crop(NO_BOXES)])
    let_be = learning.label_loss(seen, [_crop(NO_BOXES, np.array([[0.0, 0, 48, 48]]))])

    assert float(told_off) > float(let_be) + 2
