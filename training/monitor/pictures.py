"""Features of composed pictures, measured by the serving code: what made-up days are made of."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from headcount.domain.features import FEATURES
from local.portraits import PEOPLE, fetch_portraits
from local.scenes import Scene, Visit, frames
from training.monitor.capture import features_of
from training.monitor.conditions import CONDITIONS, Boxes, Picture, in_infrared

FloatArray = npt.NDArray[np.float64]
Looking = Callable[[Picture], Mapping[str, Any]]
"""Returns the endpoint's answer about one picture: `predictions` and `model`."""

# People that a composed scene has seats for.
MOST_PEOPLE = 5
# Chosen: who sits where changes the layout, and three ways of it show by how much.
_ARRANGEMENTS = 3
_FRAMES_EACH = 2
_FRAMES_BETWEEN = 7
# What a camera's second stream usually has.
_SIZE_PX = (640, 360)
_SEED = 11


@dataclass(frozen=True, slots=True)
class View:
    """What a camera shows of the composed room.

    Attributes:
        name: E.g. `wide`.
        left: Of the part that it sees, as a share of the room's picture.
        top: Likewise.
        size: Of the part, as a share of width and height.
        mirrored: Whether it looks from the other side.
    """

    name: str
    left: float
    top: float
    size: float
    mirrored: bool = False

    def of(self, picture: Picture) -> Picture:
        """Return the part of a picture that the camera sees."""
        height, width = picture.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        part = picture[
            top : top + round(self.size * height), left : left + round(self.size * width)
        ]
        small = cv2.resize(part, _SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return np.ascontiguousarray(small[:, ::-1] if self.mirrored else small)


VIEWS = (View("wide", 0.0, 0.0, 1.0), View("near", 0.12, 0.1, 0.8, mirrored=True))


@dataclass(frozen=True, eq=False, slots=True)
class Bank:
    """Measured features of pictures.

    Attributes:
        rows: By view, light (`day`, `infrared`), condition and people in the picture; each of
            shape `(pictures, features)`. Motion is not in a picture and is NaN.
        model: Name, version, sha256 and threshold of the model that looked.
    """

    rows: Mapping[tuple[str, str, str, int], FloatArray]
    model: Mapping[str, Any]

    def of(self, view: str, light: str, condition: str, people: int) -> FloatArray:
        """Return the rows of pictures with so many people, or as many as were measured."""
        most = max(key[3] for key in self.rows if key[:3] == (view, light, condition))
        return self.rows[view, light, condition, min(people, most)]


def measure_bank(
    look: Looking,
    watch: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> Bank:
    """Return what the serving code says of composed pictures under each condition.

    Args:
        look: Asks the model about a picture.
        watch: Shows progress over the pictures.
        conditions: Names in `CONDITIONS`.

    Raises:
        SourceError: If the portraits cannot be had.
    """
    rows: dict[tuple[str, str, str, int], list[list[float]]] = {}
    model: Mapping[str, Any] = {}
    for people, whole in watch(list(_composed())):
        for view in VIEWS:
            for light, picture in _lights(view.of(whole), people):
                faces = _faces(look(picture))
                for condition in conditions:
                    answer = look(CONDITIONS[condition](picture, faces))
                    model = answer["model"]
                    (prediction,) = answer["predictions"]
                    values, _ = features_of(prediction, float(model["threshold"]))
                    rows.setdefault((view.name, light, condition, people), []).append(values)
    return Bank({key: np.array(values) for key, values in rows.items()}, dict(model))


def kept_bank(path: Path, recipe: str, measure: Callable[[], Bank]) -> Bank:
    """Return the bank in a file, or measure it and keep it there if it is of another recipe.

    Args:
        path: A JSON file.
        recipe: What the bank depends on, e.g. a hash of the model and this code.
        measure: Called if the file does not hold a bank of that recipe.
    """
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    if isinstance(kept, dict) and kept.get("recipe") == recipe:
        rows = {
            (row["view"], row["light"], row["condition"], row["people"]): _numbers(row["values"])
            for row in kept["rows"]
        }
        return Bank(rows, kept["model"])
    bank = measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"recipe": recipe, **_as_json(bank)}) + "\n")
    return bank


def recipe_of(model_sha256: str) -> str:
    """Return what a bank depends on: the model, the pictures, and how they are measured."""
    digest = hashlib.sha256(model_sha256.encode())
    here = Path(__file__)
    serving = here.parents[1] / "serving"
    for source in (
        here,
        here.with_name("conditions.py"),
        *(serving / f"{name}.py" for name in ("embedding", "quality")),
    ):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _as_json(bank: Bank) -> dict[str, Any]:
    rows = [
        {
            **dict(zip(("view", "light", "condition", "people"), key, strict=True)),
            "values": [[None if np.isnan(one) else float(one) for one in row] for row in values],
        }
        for key, values in bank.rows.items()
    ]
    return {"model": dict(bank.model), "rows": rows}


def _numbers(values: Sequence[Sequence[float | None]]) -> FloatArray:
    rows = [[np.nan if one is None else one for one in row] for row in values]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def _composed() -> Iterator[tuple[int, Picture]]:
    """Yield the number of people in a composed picture, and the picture."""
    fetch_portraits()
    random = np.random.default_rng(_SEED)
    seats = (0.1, 0.3, 0.5, 0.7, 0.9)
    for people in range(MOST_PEOPLE + 1):
        for _ in range(_ARRANGEMENTS if people else 1):
            who = random.permutation(len(PEOPLE))[:people]
            where = random.permutation(len(seats))[:people]
            visits = tuple(
                Visit(int(person), seats[seat], -10.0, 1000.0)
                for person, seat in zip(who, where, strict=True)
            )
            scene = Scene("bank", 10, visits)
            for picture in islice(
                frames(scene), 0, _FRAMES_EACH * _FRAMES_BETWEEN, _FRAMES_BETWEEN
            ):
                yield people, picture


def _lights(picture: Picture, people: int) -> Iterator[tuple[str, Picture]]:
    yield "day", picture
    if people <= 1:
        # By night there is nobody, or a guard.
        yield "infrared", in_infrared(picture)


def _faces(answer: Mapping[str, Any]) -> Boxes:
    (prediction,) = answer["predictions"]
    return np.array([face["box"] for face in prediction["faces"]], np.float32).reshape(-1, 4)
