import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headcount.domain.drift import (
    Tail,
    cdf_difference,
    effective_sample_size,
    holm,
    jensen_shannon_distance,
    kolmogorov_smirnov_p_value,
    population_stability_index,
    wasserstein_distance,
)

DISTANCES = (
    cdf_difference,
    wasserstein_distance,
    population_stability_index,
    jensen_shannon_distance,
)
counts = arrays(np.float64, 16, elements=st.integers(0, 1000).map(float)).filter(np.any)


@pytest.mark.parametrize("distance", DISTANCES)
@given(one=counts, other=counts)
def test_a_distance_is_symmetric_and_never_negative(distance, one, other):
    assert distance(one, other) == pytest.approx(distance(other, one), abs=1e-9)
    assert distance(one, other) >= 0


@pytest.mark.parametrize("distance", DISTANCES)
@given(one=counts)
def test_nothing_is_far_from_itself(distance, one):
    assert distance(one, one) == pytest.approx(0, abs=1e-7)


@given(one=counts, other=counts)
def test_bounded_distances_stay_in_their_bounds(one, other):
    for distance in (cdf_difference, wasserstein_distance, jensen_shannon_distance):
        assert distance(one, other) <= 1 + 1e-9


def test_disjoint_distributions_are_as_far_apart_as_can_be():
    left, right = np.array([5.0, 0, 0, 0]), np.array([0, 0, 0, 9.0])

    assert cdf_difference(left, right) == 1
    assert jensen_shannon_distance(left, right) == 1
    assert wasserstein_distance(left, right) == pytest.approx(3 / 4)


def test_only_the_wasserstein_distance_goes_on_growing_once_nothing_overlaps():
    here, near, far = (np.eye(10)[place] for place in (0, 3, 8))

    assert cdf_difference(here, near) == cdf_difference(here, far)
    assert wasserstein_distance(here, near) < wasserstein_distance(here, far)


def test_the_stability_index_agrees_with_one_by_hand():
    before, now = np.array([300.0, 700]), np.array([500.0, 500])
    by_hand = (0.5 - 0.3) * math.log(0.5 / 0.3) + (0.5 - 0.7) * math.log(0.5 / 0.7)

    assert population_stability_index(before, now) == pytest.approx(by_hand, rel=0.01)


def test_many_pairs_are_compared_at_once_and_an_empty_one_has_no_distance():
    before = np.array([[1.0, 0], [1, 1], [0, 0]])

    assert cdf_difference(before, np.array([1.0, 0])) == pytest.approx(
        [0, 0.5, np.nan], nan_ok=True
    )


def test_the_kolmogorov_smirnov_test_agrees_with_its_table():
    # Two samples of 100: the 5 % point is 1.358 * sqrt(2 / 100) (Smirnov 1948).
    assert kolmogorov_smirnov_p_value(1.358 * math.sqrt(2 / 100), 100, 100) == pytest.approx(
        0.05, abs=0.01
    )
    assert kolmogorov_smirnov_p_value(0.0, 100, 100) == 1


def test_the_kolmogorov_smirnov_test_is_rarely_wrong_on_samples_of_one_source():
    rng = np.random.default_rng(4)
    edges = np.linspace(0, 1, 257)
    wrong = 0
    for _ in range(400):
        one, other = (np.histogram(rng.random(50), edges)[0].astype(float) for _ in range(2))
        wrong += kolmogorov_smirnov_p_value(float(cdf_difference(one, other)), 50, 50) < 0.05

    assert wrong / 400 < 0.07


def test_independent_frames_count_in_full_and_frames_that_repeat_count_once():
    rng = np.random.default_rng(5)
    independent = rng.standard_normal(2000)
    held = np.repeat(rng.standard_normal(100), 20)

    assert effective_sample_size(independent) > 1500
    assert 60 < effective_sample_size(held) < 180


def test_what_does_not_vary_has_nothing_to_correct():
    assert effective_sample_size(np.ones(720)) == 720


def test_a_tail_says_how_rare_a_figure_is_far_beyond_what_was_seen():
    rng = np.random.default_rng(6)
    tail = Tail.fit(rng.exponential(size=4000))

    assert tail.p_value(math.log(100)) == pytest.approx(0.01, rel=0.4)
    assert 1e-8 < tail.p_value(math.log(1e6)) < 1e-4
    assert tail.p_value(tail.value_at(1e-5)) == pytest.approx(1e-5, rel=1e-6)


def test_a_tail_without_an_end_stays_without_one_though_what_was_seen_had_one():
    tail = Tail.fit(np.random.default_rng(7).random(1000))

    assert tail.shape == 0
    assert tail.p_value(1.5) > 0


def test_a_tail_of_values_that_are_all_the_same_is_a_step():
    tail = Tail.fit(np.zeros(100))

    assert tail.p_value(0.0) >= 0.1
    assert tail.p_value(0.5) < 1e-100


def test_a_p_value_never_rises_with_the_figure():
    tail = Tail.fit(np.random.default_rng(8).gamma(2, size=500))

    chances = [tail.p_value(value) for value in np.linspace(0, 30, 300)]

    assert all(later <= earlier for earlier, later in pairwise(chances))


def test_too_few_values_have_no_tail():
    with pytest.raises(ValueError, match="12 values are too few"):
        Tail.fit(np.arange(12.0))


def test_holm_agrees_with_the_example_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=30))
def test_a_correction_makes_nothing_surer(p_values):
    corrected = holm(p_values)

    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert max(corrected) <= 1


def test_holm_keeps_the_chance_of_any_false_alarm():
    rng = np.random.default_rng(9)

    alarms = sum(min(holm(list(rng.random(50)))) <= 0.05 for _ in range(1000))

    assert alarms / 1000 < 0.07
