"""One step of time: people come, leave, turn and fall still, and no probability is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.transitions import (
    Persistence,
    first_sight,
    layout,
    moves_in,
    states_before,
)

USUAL = Persistence(turned_s=300, facing_s=600, still_s=1800, stirring_s=60)
STIRRING, STILL = 0, 1
sizes = st.integers(2, 30)
seconds = st.floats(0.1, 10)


def surely(size, plane, n, v):
    """A joint that knows."""
    joint = np.zeros((2, states_before(size)))
    joint[plane, states_before(n) + v] = 1.0
    return joint


def mean(joint, what):
    return float((joint * what).sum())


@given(sizes, seconds, st.integers(0, 2**32 - 1))
def test_a_step_neither_makes_nor_loses_probability(size, step_s, seed):
    joint = np.random.default_rng(seed).random((2, states_before(size)))
    # Nobody stirs where nobody is.
    joint[STIRRING, 0] = 0
    joint /= joint.sum()

    after = moves_in(size, step_s, USUAL).applied_to(joint)

    assert (after >= 0).all()
    assert after.sum() == pytest.approx(1)
    assert after[STIRRING, 0] == 0


@given(sizes)
def test_fewer_people_are_the_beginning_of_the_same_row(size):
    longer, shorter = layout(size + 4), layout(size)

    assert longer.n[: shorter.n.size].tolist() == shorter.n.tolist()
    assert longer.v[: shorter.v.size].tolist() == shorter.v.tolist()
    assert shorter.starts.tolist() == [states_before(n) for n in range(size)]


def test_a_turned_back_turns_again_after_the_time_that_the_site_says():
    row, joint = layout(8), surely(8, STIRRING, 4, 1)

    after = moves_in(8, 1.0, USUAL).applied_to(joint)

    # Three of four are turned away; one in sight may turn.
    expected = 3 / USUAL.turned_s - 1 / USUAL.facing_s
    assert mean(after, row.v) - 1 == pytest.approx(expected, rel=0.15)


def test_whoever_comes_stirs_and_whoever_is_still_hardly_leaves():
    row = layout(8)
    still = moves_in(8, 10.0, USUAL).applied_to(surely(8, STILL, 4, 4))
    stirring = moves_in(8, 10.0, USUAL).applied_to(surely(8, STIRRING, 4, 4))

    fewer = row.n == 3
    assert still[STIRRING][row.n == 5].sum() > 0.9 * still[:, row.n == 5].sum()
    assert still[:, fewer].sum() < 0.3 * stirring[:, fewer].sum()


def test_the_last_one_to_leave_leaves_a_still_room():
    after = moves_in(8, 10.0, USUAL).applied_to(surely(8, STIRRING, 1, 1))

    assert after[STILL, 0] > after[STIRRING, 0] == 0


def test_first_sight_of_every_number_of_people_is_a_distribution():
    assert np.add.reduceat(first_sight(9), layout(9).starts) == pytest.approx(np.ones(9))
