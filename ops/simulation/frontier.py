"""The sweep as pictures: light saved against people overlooked and against switching."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from ops.simulation.drawing import round_ticks
from ops.simulation.sweeping import DEFAULT

Point = Mapping[str, Any]

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 770, 34, 250
_RADIUS = 5
_LABEL_WIDTH, _LABEL_HEIGHT = 50, 13
_COLOURS = {
    "hold_off_s": "var(--estimate)",
    "fewer_hold_off_s": "var(--run)",
    "vacancy_confirm_s": "var(--truth)",
}
# Pixels across and up from a dot to its label: each knob has a side of its own.
_LABEL_AT = {
    "hold_off_s": (0, 10, "middle"),
    "fewer_hold_off_s": (-12, -4, "end"),
    "vacancy_confirm_s": (12, -4, "start"),
}
# From this share of light avoided on, in percent, unless a variation avoids less. Chosen.
_USUAL_LEAST = 60.0


@dataclass(frozen=True, slots=True)
class _Axes:
    """Maps percent of light avoided, and a cost, to pixels."""

    least: float
    worst: float
    cost: Callable[[Point], float]

    def x(self, percent: float) -> float:
        return round(_LEFT + (percent - self.least) / (100 - self.least) * (_RIGHT - _LEFT), 1)

    def y(self, cost: float) -> float:
        return round(_BOTTOM - cost / self.worst * (_BOTTOM - _TOP), 1)

    def place(self, point: Point) -> tuple[float, float]:
        return self.x(_avoided(point)), self.y(self.cost(point))


def frontier(sweep: Sequence[Point]) -> list[dict[str, Any]]:
    """Return what the page's template draws of a sweep; nothing without lighting energy."""
    points = [point for point in sweep if point["lighting_empty_avoided_share"] is not None]
    if not points:
        return []
    return [
        _chart(points, "minutes with a person, counted as empty", itemgetter("false_vacant_min")),
        _chart(points, "switches, in percent of the naive rule's", _switching),
    ]


def _avoided(point: Point) -> float:
    return 100 * float(point["lighting_empty_avoided_share"])


def _switching(point: Point) -> float:
    return 100 * float(point["switches_ratio"] or 0.0)


def _chart(points: Sequence[Point], name: str, cost: Callable[[Point], float]) -> dict[str, Any]:
    least = min(_USUAL_LEAST, min(map(_avoided, points)) // 10 * 10)
    axes = _Axes(least, 1.15 * max(1.0, *map(cost, points)), cost)
    own = next(point for point in points if point["knob"] == DEFAULT)
    x, y = axes.place(own)
    return {
        "name": name,
        "left": _LEFT,
        "right": _RIGHT,
        "top": _TOP,
        "bottom": _BOTTOM,
        "x_ticks": [(axes.x(at), f"{at:g}") for at in _from(least)],
        "y_ticks": [(axes.y(at), f"{at:g}") for at in round_ticks(axes.worst)],
        "curves": [_curve(knob, own, points, axes) for knob in _COLOURS],
        "dots": _labelled([_dot(point, *axes.place(point)) for point in points]),
        "default": {"x": x, "y": y},
    }


def _from(least: float) -> list[float]:
    return [least + step for step in round_ticks(100 - least)]


def _curve(knob: str, own: Point, points: Sequence[Point], axes: _Axes) -> dict[str, str]:
    varied = [own, *(point for point in points if point["knob"] == knob)]
    path = " ".join(f"{x},{y}" for x, y in map(axes.place, sorted(varied, key=itemgetter(knob))))
    return {"knob": knob, "colour": _COLOURS[knob], "points": path}


def _labelled(dots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the dots, each with a place for its label, clear of others on the same side."""
    placed: list[dict[str, Any]] = []
    for dot in sorted(dots, key=itemgetter("y", "x"), reverse=True):
        across, up, anchor = _LABEL_AT.get(dot["knob"], (0, 0, "middle"))
        y = dot["y"] - up
        while any(
            abs(other["x"] - dot["x"]) < _LABEL_WIDTH
            and abs(other["label_y"] - y) < _LABEL_HEIGHT
            and other["anchor"] == anchor
            for other in placed
        ):
            y -= _LABEL_HEIGHT
        where = {"label_x": round(dot["x"] + across, 1), "label_y": round(y, 1), "anchor": anchor}
        placed.append({**dot, **where})
    return placed


def _dot(point: Point, x: float, y: float) -> dict[str, Any]:
    knob = point["knob"]
    own = knob == DEFAULT
    return {
        "x": x,
        "y": y,
        "r": _RADIUS,
        "colour": "var(--ink)" if own else _COLOURS[knob],
        "knob": knob,
        # The site's own has a ring instead.
        "label": "" if own else f"{point[knob]:g} s",
        "words": f"hold_off_s {point['hold_off_s']:g}, fewer_hold_off_s "
        f"{point['fewer_hold_off_s']:g}, vacancy_confirm_s {point['vacancy_confirm_s']:g}: "
        f"{point['false_vacant_min']:.1f} min counted as empty, {point['switches']} switches",
    }
