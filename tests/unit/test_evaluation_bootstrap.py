from functools import partial

import numpy as np
import pytest

from training.evaluation.bootstrap import FloatArray, interval, resample_groups

LEVEL = 0.95


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    groups = [str(number) for number in range(20)]

    one, again, other = (resample_groups(groups, 50, (seed,), LEVEL).drawn for seed in (1, 1, 2))

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_groups_are_drawn_whole() -> None:
    resamples = resample_groups(["a", "b", "a", "c", "b"], 200, (1,), LEVEL)

    assert resamples.groups == 3
    assert np.array_equal(resamples.drawn[:, 0], resamples.drawn[:, 2])
    assert np.array_equal(resamples.drawn[:, 1], resamples.drawn[:, 4])
    assert (resamples.drawn[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_a_hundred_frames_of_one_scene_narrow_nothing() -> None:
    values = np.random.default_rng(3).normal(0, 1, 30)
    scenes = [str(number) for number in range(30)]

    once = interval(partial(_mean, values), resample_groups(scenes, 2000, (1,), LEVEL))
    often = interval(
        partial(_mean, np.repeat(values, 10)),
        resample_groups([scene for scene in scenes for _ in range(10)], 2000, (1,), LEVEL),
    )

    assert once is not None
    assert often is not None
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_an_interval_of_a_mean_is_about_as_wide_as_the_normal_one() -> None:
    values = np.random.default_rng(4).normal(5, 2, 200)
    groups = [str(number) for number in range(200)]

    found = interval(partial(_mean, values), resample_groups(groups, 4000, (1,), LEVEL))

    assert found is not None
    half = 1.96 * values.std() / np.sqrt(200)
    assert found.low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05)


def test_few_scenes_have_a_wider_interval_than_their_percentiles() -> None:
    few = resample_groups([str(number) for number in range(10)], 2000, (1,), LEVEL)
    values = np.random.default_rng(4).normal(0, 1, 10)

    found = interval(partial(_mean, values), few)

    assert found is not None
    low, high = np.quantile(_mean(values, few.drawn), [0.025, 0.975])
    # Student's quantile for nine degrees of freedom is 2.262, and ten draws spread too little.
    expected = 2.262 / 1.96 * (10 / 9) ** 0.5
    assert (found.high - found.low) / (high - low) == pytest.approx(expected, rel=0.07)


def test_an_interval_of_a_skewed_figure_leans_to_its_tail() -> None:
    values = np.random.default_rng(5).exponential(1, 60)
    groups = [str(number) for number in range(60)]

    found = interval(partial(_mean, values), resample_groups(groups, 4000, (1,), LEVEL))

    assert found is not None
    assert found.high - values.mean() > values.mean() - found.low


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    groups = [str(number) for number in range(40)]
    held = 0
    for repetition in range(200):
        values = rng.exponential(1, 40)
        found = interval(partial(_mean, values), resample_groups(groups, 400, (repetition,), LEVEL))
        held += found is not None and found.low <= 1 <= found.high

    # Two hundred draws of 95 % lie within three deviations of it; skewed means fall a little short.
    assert 0.88 <= held / 200 <= 0.99


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    groups = [str(number) for number in range(10)]

    found = interval(partial(_mean, np.zeros(10)), resample_groups(groups, 100, (1,), LEVEL))

    assert found is not None
    assert (found.low, found.high) == (0.0, 0.0)


def test_one_scene_alone_has_no_interval() -> None:
    resamples = resample_groups(["a"] * 10, 100, (1,), LEVEL)

    assert interval(partial(_mean, np.arange(10.0)), resamples) is None


def test_a_figure_that_most_resamples_lack_has_no_interval() -> None:
    groups = [str(number) for number in range(10)]

    def only_with_the_first(weights: FloatArray) -> FloatArray:
        return np.where(weights[:, 0] > 0, 1.0, np.nan)

    assert interval(only_with_the_first, resample_groups(groups, 400, (1,), LEVEL)) is None


def _mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(weights @ values / weights.sum(axis=1))
