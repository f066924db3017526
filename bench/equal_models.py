"""How often the gate takes one of two equal models for better, by chance alone.

    python -m bench.equal_models

Two models find made-up faces equally well: each scene is as hard for one as for the other, and
which of its faces a model finds is drawn for each. So every gain is chance, and an interval of 95 %
should lie above zero for 2.5 % of the pairs.
"""

from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

from training.evaluation.bootstrap import FloatArray, interval, resample_groups
from training.evaluation.comparison import LEVEL
from training.evaluation.matching import Matches, average_precisions

PAIRS = 600
RESAMPLES = 500
FRAMES_A_SCENE = 3


def main() -> None:
    """Print the share of intervals above and below zero, by how many scenes there are."""
    table = Table("scenes", "frames", "above zero", "below zero", title=f"{PAIRS} pairs each")
    for scenes in (10, 20, 40, 80):
        above, below = chances(scenes, np.random.default_rng(1000 + scenes))
        table.add_row(str(scenes), str(scenes * FRAMES_A_SCENE), f"{above:.1%}", f"{below:.1%}")
    Console().print(table)


def chances(scenes: int, random: np.random.Generator) -> tuple[float, float]:
    """Return the shares of pairs whose interval of the AP50's gain is above and below zero."""
    groups = np.repeat(np.arange(scenes), FRAMES_A_SCENE).astype(str).tolist()
    above = below = 0
    for pair in range(PAIRS):
        hardness = np.repeat(random.normal(1.0, 1.5, scenes), FRAMES_A_SCENE)
        faces = np.asarray(1.0 + random.poisson(2.0, len(groups)), np.float64)
        one, other = (_made_up(faces, hardness, random) for _ in range(2))
        gain = partial(_gain, one, other)
        found = interval(gain, resample_groups(groups, RESAMPLES, (pair,), LEVEL))
        above += found is not None and found.low > 0
        below += found is not None and found.high < 0
    return above / PAIRS, below / PAIRS


def _gain(one: Matches, other: Matches, weights: FloatArray) -> FloatArray:
    return np.asarray(average_precisions(other, weights) - average_precisions(one, weights))


def _made_up(faces: FloatArray, hardness: FloatArray, random: np.random.Generator) -> Matches:
    """Return a model's predictions: faces it finds with a score, and now and then a false one."""
    scores, image, hits = [], [], []
    for index, (count, hard) in enumerate(zip(faces, hardness, strict=True)):
        found = int(random.binomial(int(count), 1 / (1 + np.exp(-hard))))
        false = int(random.poisson(0.4))
        scores += [*random.beta(4, 2, found), *random.beta(2, 4, false)]
        image += [index] * (found + false)
        hits += [True] * found + [False] * false
    order = np.argsort(-np.array(scores), kind="stable")
    return Matches(np.array(scores)[order], np.array(image)[order], np.array(hits)[order], faces)


if __name__ == "__main__":
    main()
