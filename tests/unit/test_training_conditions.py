from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.conditions import DARKENED, Condition, picture_under, random_condition
from training.serving.quality import measure_quality

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(60, 220, (120, 160, 3)).astype(np.uint8)


def test_the_condition_as_it_is_changes_nothing() -> None:
    assert np.array_equal(picture_under(PICTURE, Condition(), np.random.default_rng(0)), PICTURE)


def test_half_the_light_is_half_the_light() -> None:
    flat = np.full((8, 8, 3), 200, np.uint8)
    seen = picture_under(flat, Condition(exposure=0.5), np.random.default_rng(0))

    assert seen[0, 0, 0] == round(200 * 0.5 ** (1 / 2.2))


def test_noise_of_few_photons_is_the_square_root_of_them() -> None:
    flat = np.full((200, 200, 3), 255, np.uint8)
    condition = Condition(exposure=0.25, full_well=400.0)

    seen = picture_under(flat, condition, np.random.default_rng(1))

    electrons = (seen / 255.0) ** 2.2 * 400
    assert electrons.mean() == pytest.approx(100, rel=0.03)
    assert electrons.std() == pytest.approx(10, rel=0.05)


def test_a_cast_dims_its_channel_alone() -> None:
    flat = np.full((8, 8, 3), 128, np.uint8)
    seen = picture_under(flat, Condition(cast=(0.5, 1.0, 1.0)), np.random.default_rng(0))

    assert seen[0, 0, 0] < 128
    assert seen[0, 0, 1] == seen[0, 0, 2] == 128


def test_the_darkened_condition_is_darker_and_less_sharp() -> None:
    before = measure_quality(PICTURE)
    after = measure_quality(picture_under(PICTURE, DARKENED, np.random.default_rng(0)))

    assert after.brightness < 0.4 * before.brightness
    assert after.blur < before.blur


def test_the_same_chance_gives_the_same_noise() -> None:
    one, other = (picture_under(PICTURE, DARKENED, np.random.default_rng(4)) for _ in range(2))

    assert np.array_equal(one, other)


@given(st.integers(0, 2**32))
def test_every_random_condition_gives_a_picture_no_brighter(seed: int) -> None:
    random = np.random.default_rng(seed)
    seen = picture_under(PICTURE, random_condition(random), random)

    assert seen.shape == PICTURE.shape
    assert seen.mean() < PICTURE.mean()


@pytest.mark.parametrize(
    "changed",
    [{"exposure": 0.0}, {"blur_px": -1.0}, {"jpeg_quality": 101}, {"cast": (0.0, 1.0, 1.0)}],
)
def test_a_condition_that_cannot_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        replace(DARKENED, **changed)  # type: ignore[arg-type]
