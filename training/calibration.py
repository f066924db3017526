"""How well one camera finds faces, from frames of it that people have labelled."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headcount.errors import ModelError

# Two-sided 95 %: what a table of the normal distribution gives for a tail of 2.5 %.
_TAIL = 0.025
_NORMAL_QUANTILE = 1.959964
# Chosen: below this, one unlucky scene decides.
FEWEST_FRAMES_WITH_PEOPLE = 30
# Chosen: with fewer, a rate of one false alarm in fifty frames cannot be told from none.
FEWEST_EMPTY_FRAMES = 50
# What the estimator bears: a rate may be wrong by as much as this.
WIDEST_HALF_INTERVAL = 0.15
# Bounds of a site document's rates, as in `headcount.domain.cameras`.
_LOWEST_DETECTION_RATE, _HIGHEST_DETECTION_RATE = 0.05, 1.0
_HIGHEST_FALSE_ALARM_RATE = 0.5
# More counted than present by so much cannot be the labels' rounding. Chosen.
_TOO_MANY_COUNTED = 1.1


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One frame of the camera.

    Attributes:
        people: How many people show their face to the camera, as a person has marked.
        counted: How many faces the model counted.
    """

    people: int
    counted: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its 95 % interval."""

    value: float
    low: float
    high: float

    def rounded(self) -> "Rate":
        """Return it to three digits: more would say what no label can."""
        return Rate(*(round(figure, 3) for figure in (self.value, self.low, self.high)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a camera's labelled frames say of it.

    Attributes:
        frames: How many frames.
        empty_frames: Those without anybody.
        people: People in all of them.
        detection_rate: Share of the faces in sight that are counted.
        false_alarm_rate: Faces counted per frame that are none.
    """

    frames: int
    empty_frames: int
    people: int
    detection_rate: Rate
    false_alarm_rate: Rate


def calibrate(frames: Sequence[LabelledFrame]) -> Calibration:
    """Return a camera's rates from its labelled frames.

    False alarms are a Poisson number per frame, measured on empty frames: rate by Jeffreys' prior,
    interval by Garwood. Faces counted among people are binomial, less the false alarms expected
    there; people of one frame are missed together, so the interval is Wilson's for the effective
    number of people (Kish's design effect over frames).

    Raises:
        ModelError: If the frames are too few to say so.

    Source: Garwood (1936), Biometrika 28, 437-442; Wilson (1927), JASA 22, 209-212;
        Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133; Kish (1965).
    """
    empty = [frame for frame in frames if frame.people == 0]
    peopled = [frame for frame in frames if frame.people > 0]
    refuse_too_few([frame.people for frame in frames])
    alarms = false_alarm_rate(sum(frame.counted for frame in empty), len(empty))
    if alarms.value > _HIGHEST_FALSE_ALARM_RATE:
        raise ModelError(
            f"The model counts {alarms.value:.2g} face in an empty frame on average.\n"
            "Look what it takes for one (a poster, a statue) and cover it, or turn the camera away."
        )
    people = sum(frame.people for frame in peopled)
    found = sum(frame.counted for frame in peopled) - alarms.value * len(peopled)
    share = found / people
    _refuse_impossible(share, people, sum(frame.counted for frame in peopled))
    share = min(share, 1.0)
    effect = _design_effect(peopled, share, alarms.value, len(empty))
    low, high = wilson_interval(share, people / effect)
    _refuse_vague((high - low) / 2, len(peopled))
    value = min((share * people + 0.5) / (people + 1), _HIGHEST_DETECTION_RATE)
    return Calibration(
        frames=len(frames),
        empty_frames=len(empty),
        people=people,
        detection_rate=Rate(value, low, high).rounded(),
        false_alarm_rate=alarms.rounded(),
    )


def false_alarm_rate(alarms: int, frames: int) -> Rate:
    """Return the false alarms per frame: Jeffreys' posterior mean, Garwood's exact interval."""

    def too_many(mean: float) -> bool:
        return 1 - _at_most(alarms - 1, mean) > _TAIL

    def too_few(mean: float) -> bool:
        return _at_most(alarms, mean) < _TAIL

    low = _first_true(too_many) if alarms else 0.0
    return Rate((alarms + 0.5) / frames, low / frames, _first_true(too_few) / frames)


def wilson_interval(share: float, trials: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share; `trials` may be an effective number."""
    squared = _NORMAL_QUANTILE**2 / trials
    centre = (share + squared / 2) / (1 + squared)
    half = math.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
    return max(0.0, centre - half), min(1.0, centre + half)


def _at_most(count: int, mean: float) -> float:
    """Return P(at most `count`) of a Poisson number."""
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


def _first_true(holds: Callable[[float], bool]) -> float:
    """Return the smallest positive number from which on `holds` is true, by bisection."""
    low, high = 0.0, 1.0
    while not holds(high):
        low, high = high, 2 * high
    # Sixty halvings are beyond what a float tells apart.
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _design_effect(
    peopled: Sequence[LabelledFrame], share: float, alarms: float, empty_frames: int
) -> float:
    """Return how much wider the share is spread than that of so many independent people.

    Frames that miss together spread it, and so does what is not known of the false alarms; it is
    at least 1.
    """
    independent = share * (1 - share) * sum(frame.people for frame in peopled)
    if independent == 0:
        return 1.0
    spread = sum((frame.counted - alarms - share * frame.people) ** 2 for frame in peopled)
    spread *= len(peopled) / (len(peopled) - 1)
    spread += len(peopled) ** 2 * alarms / empty_frames
    return max(1.0, spread / independent)


def refuse_too_few(people: Sequence[int]) -> None:
    """Raise a ModelError if frames with so many people each are too few to measure a camera by."""
    empty = sum(1 for number in people if number == 0)
    peopled = len(people) - empty
    if peopled == 0:
        raise ModelError(
            "No frame shows anybody, so nothing can be said of how many are found.\n"
            f"Label at least {FEWEST_FRAMES_WITH_PEOPLE} frames with people in them."
        )
    if empty == 0:
        raise ModelError(
            "No frame is empty, so nothing can be said of false alarms.\n"
            f"Label at least {FEWEST_EMPTY_FRAMES} frames of the empty room, by day and by night."
        )
    wanted = [
        f"{more} more {what}"
        for more, what in (
            (FEWEST_FRAMES_WITH_PEOPLE - peopled, "with people"),
            (FEWEST_EMPTY_FRAMES - empty, "of the empty room"),
        )
        if more > 0
    ]
    if wanted:
        raise ModelError(
            f"{peopled} frames with people and {empty} empty ones are too few to measure a camera "
            f"by.\nLabel {' and '.join(wanted)}, minutes apart."
        )


def _refuse_impossible(share: float, people: int, counted: int) -> None:
    if share > _TOO_MANY_COUNTED:
        raise ModelError(
            f"{counted} faces were counted where {people} people are labelled, more than false "
            "alarms in empty frames explain.\nLabel everybody whose face can be seen, posters and "
            "screens excepted."
        )
    if share < _LOWEST_DETECTION_RATE:
        raise ModelError(
            f"The model finds fewer than one of twenty faces here ({counted} counted, {people} "
            "labelled).\nMove the camera closer, or lower the model's threshold; no estimate can "
            "rest on this."
        )


def _refuse_vague(half_interval: float, peopled: int) -> None:
    if half_interval > WIDEST_HALF_INTERVAL:
        # An interval narrows with the square root of what it rests on.
        wanted = math.ceil(peopled * (half_interval / WIDEST_HALF_INTERVAL) ** 2)
        raise ModelError(
            f"The detection rate is known only to within {half_interval:.2f}, and the estimator "
            f"bears {WIDEST_HALF_INTERVAL}.\nLabel about {wanted - peopled} more frames with "
            "people, minutes apart."
        )
