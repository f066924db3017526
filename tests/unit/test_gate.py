from dataclasses import replace

import pytest

from training.evaluation.comparison import Comparison, Contestant
from training.evaluation.cost import ModelSize, Speed
from training.evaluation.figures import Paired, SliceFigures
from training.evaluation.gate import Gain, Margins, Outcome, Verdict, gate

EQUAL = Paired(0.8, 0.8, 0.0, 0.0, 0.0)
BETTER = Paired(0.6, 0.7, 0.1, 0.05, 0.15)
# Not told apart from the champion, and within a margin of 0.02.
ALIKE = Paired(0.8, 0.801, 0.001, -0.01, 0.012)


def test_a_challenger_that_is_better_on_what_drifted_and_no_worse_elsewhere_is_promoted() -> None:
    verdict = gate(
        _compared(drifted=_slice("drifted", ap50=BETTER), golden=_slice("golden", ap50=ALIKE))
    )

    assert verdict.promote
    assert [reason.about for reason in verdict.won] == ["drifted"]
    assert not verdict.against


def test_one_that_is_not_shown_to_be_better_is_rejected_however_good_it_looks() -> None:
    hopeful = Paired(0.6, 0.7, 0.1, 0.0, 0.2)

    verdict = gate(_compared(drifted=_slice("drifted", ap50=hopeful)))

    assert not verdict.promote
    assert [reason.outcome for reason in verdict.against] == [Outcome.NOT_BETTER]
    assert "the lower end is not above zero" in verdict.against[0].words


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.019, 0.01, Outcome.NOT_WORSE),
        (-0.019, -0.001, Outcome.NOT_WORSE),
        (-0.02, 0.01, Outcome.NOT_SHOWN),
        (-0.03, -0.001, Outcome.WORSE),
    ],
)
def test_the_golden_set_may_lose_less_than_its_margin_at_the_lower_end(
    low: float, high: float, outcome: Outcome
) -> None:
    golden = _slice("golden", ap50=Paired(0.8, 0.8, (low + high) / 2, low, high))

    verdict = gate(_compared(golden=golden))

    assert _outcome(verdict, "golden", Gain.AP50) is outcome
    assert verdict.promote == (outcome is Outcome.NOT_WORSE)


def test_a_part_of_a_set_has_a_margin_of_its_own() -> None:
    part = _slice("golden/camera/hall", ap50=Paired(0.8, 0.78, -0.02, -0.04, 0.0))

    assert gate(_compared(part)).promote
    assert not gate(_compared(part), Margins(slice_factor=1.5)).promote


def test_one_bad_slice_refuses_all_the_good_ones() -> None:
    worse = _slice("golden/light/infrared", ap50=Paired(0.8, 0.6, -0.2, -0.3, -0.1))
    good = [_slice(f"golden/camera/{number}") for number in range(30)]

    verdict = gate(_compared(*good, worse))

    assert not verdict.promote
    assert [reason.about for reason in verdict.against] == ["golden/light/infrared"]
    assert verdict.reasons[0] == verdict.against[0]


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"frames": 19}, "19 frames (20 needed)"),
        ({"groups": 3}, "3 scenes (20 needed)"),
        ({"faces": 29}, "29 faces (30 needed)"),
    ],
)
def test_a_slice_with_too_few_is_named_as_not_judged(change: dict[str, int], lacking: str) -> None:
    worse = Paired(0.8, 0.2, -0.6, -0.7, -0.5)
    few = replace(_slice("golden/crowd/15+", ap50=worse), **change)  # type: ignore[arg-type]

    verdict = gate(_compared(few))

    assert verdict.promote
    assert ("golden/crowd/15+", "ap50") in {(one.about, one.figure) for one in verdict.not_judged}
    assert lacking in verdict.not_judged[0].words
    assert "It went from 0.800 to 0.200" in verdict.not_judged[0].words


@pytest.mark.parametrize("name", ["golden", "drifted"])
def test_a_whole_set_with_too_few_refuses(name: str) -> None:
    few = replace(_slice(name, ap50=BETTER), frames=19)

    verdict = gate(_compared(**{name: few}))

    assert not verdict.promote
    assert {reason.about for reason in verdict.against} == {name}
    assert {reason.outcome for reason in verdict.against} == {Outcome.NOT_SHOWN}


def test_a_golden_set_without_a_face_refuses() -> None:
    empty = replace(_slice("golden"), faces=0, ap50=None, recall=None)

    verdict = gate(_compared(golden=empty))

    assert not verdict.promote
    assert "it has no labelled face" in verdict.against[0].words


def test_without_the_slice_that_drifted_nothing_is_promoted() -> None:
    verdict = gate(_compared(), Margins(drifted="drifted/slice/fog"))

    assert not verdict.promote
    assert "There is no slice drifted/slice/fog" in verdict.against[0].words


def test_better_counts_can_be_what_must_be_won() -> None:
    counts = _slice("drifted", ap50=EQUAL, mae=Paired(2.0, 1.0, 1.0, 0.5, 1.5))

    assert gate(_compared(drifted=counts), Margins(gain_on=Gain.MAE)).promote
    assert not gate(_compared(drifted=counts)).promote


def test_what_drifted_may_not_be_won_in_one_figure_and_lost_in_the_other() -> None:
    counts = _slice("drifted", ap50=BETTER, mae=Paired(1.0, 2.0, -1.0, -1.5, -0.5))

    verdict = gate(_compared(drifted=counts))

    assert not verdict.promote
    assert [(one.about, one.figure) for one in verdict.against] == [("drifted", "mae")]


def test_counts_may_be_more_wrong_in_a_crowd_than_among_few_or_where_nobody_is() -> None:
    lost = Paired(1.0, 1.3, -0.3, -0.4, -0.2)
    few = _slice("golden/crowd/1-4", mae=lost, frames=100, faces=200)
    crowd = _slice("golden/crowd/15+", mae=lost, frames=100, faces=2000)
    nobody = replace(
        _slice("golden/crowd/0", mae=Paired(0.0, 0.06, -0.06, -0.08, -0.04), faces=0),
        ap50=None,
        recall=None,
    )

    assert gate(_compared(crowd)).promote
    assert not gate(_compared(few)).promote
    assert not gate(_compared(nobody)).promote


def test_a_slower_or_larger_model_is_rejected_with_both_figures() -> None:
    slow = replace(_compared(), speed=Speed(40.0, 60.0, 1.5, 60))
    large = replace(
        _compared(), challenger=replace(_compared().challenger, size=ModelSize(9_000, 1))
    )

    assert "1.50 times as long; 1.25 times are allowed" in gate(slow).against[0].words
    assert "9000 bytes after 1000, 9.00 times" in gate(large).against[0].words
    assert gate(slow, Margins(speed_ratio=1.6)).promote
    assert gate(large, Margins(size_ratio=10)).promote


def test_a_size_that_nobody_measured_is_not_judged() -> None:
    unsized = replace(_compared(), champion=replace(_compared().champion, size=None))

    assert [reason.about for reason in gate(unsized).not_judged] == ["size"]


def test_the_json_says_verdict_margins_and_every_reason() -> None:
    document = gate(_compared()).as_json()

    assert document["verdict"] == "promote"
    assert document["margins"]["ap50"] == 0.02
    assert {(one["about"], one["figure"]) for one in document["reasons"]} == {
        ("drifted", "ap50"),
        ("drifted", "mae"),
        ("golden", "ap50"),
        ("golden", "mae"),
        ("speed", "ms"),
        ("size", "bytes"),
    }


def test_a_margin_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="ap50 must not be negative"):
        Margins(ap50=-0.1)


def _slice(
    name: str,
    *,
    ap50: Paired = EQUAL,
    mae: Paired = EQUAL,
    frames: int = 100,
    faces: int = 200,
) -> SliceFigures:
    return SliceFigures(name, frames, faces, 50, ap50, EQUAL, mae, EQUAL)


def _compared(
    *parts: SliceFigures, golden: SliceFigures | None = None, drifted: SliceFigures | None = None
) -> Comparison:
    model = Contestant("model", "1", "a" * 64, 0.4, ModelSize(1_000, 200))
    return Comparison(
        manifest_sha256="c" * 64,
        sets={"golden": "d" * 64, "drifted": "e" * 64},
        champion=model,
        challenger=replace(model, sha256="b" * 64),
        slices=(
            golden or _slice("golden"),
            *parts,
            drifted or _slice("drifted", ap50=BETTER),
        ),
        speed=Speed(40.0, 41.0, 1.02, 60),
        resamples=200,
        seed=0,
        level=0.95,
        frames=(),
    )


def _outcome(verdict: Verdict, about: str, figure: str) -> Outcome:
    (found,) = [
        one.outcome for one in verdict.reasons if (one.about, one.figure) == (about, figure)
    ]
    return found
