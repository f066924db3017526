"""What a run would have used, against what the room did use: a ledger with its assumptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from headcount.domain.policy import DeviceGroup, Room
from ops.simulation.building import LIGHTING
from ops.simulation.people import FloatArray, Segment
from ops.simulation.running import Trace
from ops.simulation.scoring import Timeline

_CLIMATE = ("air_conditioning", "ventilation", "heating", "cooling", "hvac")
_J_PER_KWH = 3.6e6
# Chosen: the strongest interval but for one in a hundred, which may be a meter's slip.
_FULL_LOAD_PERCENTILE = 99.0
# Chosen: lights that are off for one interval in twenty show what is left on then.
_FLOOR_PERCENTILE = 5.0


@dataclass(frozen=True, slots=True)
class Lived:
    """One segment as it was lived through: what energy is reckoned from."""

    segment: Segment
    trace: Trace
    seen: Timeline


@dataclass(frozen=True, slots=True)
class Ledger:
    """Kilowatt hours of one kind of device, over a whole run.

    Attributes:
        without_kwh: For each segment, shape `(rows,)`: the counterfactual, what the room uses
            without us: as metered, or else as modelled.
        with_kwh: Likewise: what it uses with us.
        metered: Whether the counterfactual is the recording.
        empty_kwh: The counterfactual's share that fell to intervals without people.
        empty_avoided_kwh: Of that, what fell to times at which we had switched it off.
        floor_w: What the meter hardly ever falls below: standby that is perhaps not ours to switch.
        empty_above_floor_kwh: As `empty_kwh`, without that standby.
        empty_above_floor_avoided_kwh: As `empty_avoided_kwh`, without that standby.
        assumptions: In sentences.
    """

    without_kwh: tuple[FloatArray, ...]
    with_kwh: tuple[FloatArray, ...]
    metered: bool
    empty_kwh: float
    empty_avoided_kwh: float
    floor_w: float
    empty_above_floor_kwh: float
    empty_above_floor_avoided_kwh: float
    assumptions: tuple[str, ...]

    @property
    def recorded_kwh(self) -> float | None:
        """As metered; None if the recording does not say."""
        return self.counterfactual_kwh if self.metered else None

    @property
    def counterfactual_kwh(self) -> float:
        """What the room uses without us."""
        return sum(float(rows.sum()) for rows in self.without_kwh)

    @property
    def controlled_kwh(self) -> float:
        """What it uses with us."""
        return sum(float(rows.sum()) for rows in self.with_kwh)


def lighting(room: Room, lived: Sequence[Lived]) -> Ledger | None:
    """Return the ledger of the lights; None without a meter and without their power."""
    groups = [group for group in room.devices if group.kind == LIGHTING]
    recorded = [one.segment.lighting_kwh for one in lived]
    return _ledger("lighting", room, groups, lived, recorded, proportional=True)


def climate(room: Room, lived: Sequence[Lived]) -> Ledger | None:
    """Return the ledger of heating, cooling and air; a rough bound, for a room stores heat."""
    groups = [group for group in room.devices if group.kind in _CLIMATE]
    recorded = [one.segment.hvac_kwh for one in lived]
    return _ledger("hvac", room, groups, lived, recorded, proportional=False)


def _ledger(
    name: str,
    room: Room,
    groups: Sequence[DeviceGroup],
    lived: Sequence[Lived],
    recorded: Sequence[FloatArray],
    *,
    proportional: bool,
) -> Ledger | None:
    metered = any(np.isfinite(kwh).any() for kwh in recorded)
    if not metered and (not groups or any(group.device_power_w is None for group in groups)):
        return None
    if metered:
        practice, said = _metered(name, recorded)
        # The recorded room's own, for the site's lamps are perhaps those of another.
        full_w = _power_w(lived, practice, _FULL_LOAD_PERCENTILE)
    else:
        full_w = sum((group.device_power_w or 0.0) * group.max_level for group in groups)
        practice, said = _modelled(name, room, lived, full_w)
    if proportional:
        of_what = "the 99th percentile of the recording" if metered else "as the site states"
        said.append(
            f"{name}: it draws power in proportion to the level commanded, {full_w:.0f} W at full "
            f"level ({of_what})" + (", and never more than was recorded." if metered else ".")
        )
    else:
        said.append(
            f"{name}: switched off it draws nothing, and at any level what the room uses without "
            "us. Heat that a room stores, and makes up for later, is left out: a rough bound."
        )
    controlled = [
        _controlled(
            one,
            kwh,
            _shares(groups, one, proportional=proportional),
            full_w if proportional else None,
            capped=metered,
        )
        for one, kwh in zip(lived, practice, strict=True)
    ]
    floor_w = _power_w(lived, practice, _FLOOR_PERCENTILE) if metered else 0.0
    off = [_off_share(groups, one) for one in lived]
    empty_kwh, avoided_kwh = _in_empty(lived, practice, off)
    above = [_above(one, kwh, floor_w) for one, kwh in zip(lived, practice, strict=True)]
    above_kwh, above_avoided_kwh = _in_empty(lived, above, off)
    return Ledger(
        without_kwh=tuple(practice),
        with_kwh=tuple(controlled),
        metered=metered,
        empty_kwh=empty_kwh,
        empty_avoided_kwh=avoided_kwh,
        floor_w=floor_w,
        empty_above_floor_kwh=above_kwh,
        empty_above_floor_avoided_kwh=above_avoided_kwh,
        assumptions=tuple(said),
    )


def _metered(name: str, recorded: Sequence[FloatArray]) -> tuple[list[FloatArray], list[str]]:
    """Return the energy of each row without us, as recorded, and what is assumed of it."""
    said = [f"{name}: without us the room uses what its meter recorded."]
    unknown = sum(int(np.isnan(kwh).sum()) for kwh in recorded)
    if unknown:
        said.append(f"{name}: {unknown} intervals without a reading count as 0 kWh.")
    return [np.nan_to_num(kwh) for kwh in recorded], said


def _modelled(
    name: str, room: Room, lived: Sequence[Lived], full_w: float
) -> tuple[list[FloatArray], list[str]]:
    """Return the energy of each row without us, where nobody metered it, and what is assumed."""
    when = "while the room is open" if room.hours else "from the first to the last person of a day"
    said = [f"{name}: no meter. Without us its devices run at full power {when}."]
    energy = []
    for one in lived:
        kwh = full_w * one.segment.durations_s() / _J_PER_KWH
        energy.append(np.where(_runs_usually(room, one), kwh, 0.0))
    return energy, said


def _in_empty(
    lived: Sequence[Lived], energy_kwh: Sequence[FloatArray], off: Sequence[FloatArray]
) -> tuple[float, float]:
    """Return the energy of rows without people, and what of it fell to times switched off."""
    used = avoided = 0.0
    for one, kwh, share in zip(lived, energy_kwh, off, strict=True):
        empty = one.segment.people == 0
        used += float(kwh[empty].sum())
        avoided += float((kwh * share)[empty].sum())
    return used, avoided


def _above(one: Lived, kwh: FloatArray, floor_w: float) -> FloatArray:
    """Return what is left of each row's energy without a load that is always on."""
    return np.maximum(kwh - floor_w * one.segment.durations_s() / _J_PER_KWH, 0.0)


def _runs_usually(room: Room, one: Lived) -> npt.NDArray[np.bool_]:
    """Return in which rows devices run without us: in opening hours, or while people come."""
    segment = one.segment
    offsets = [timedelta(seconds=float(at_s)) for at_s in segment.at_s]
    if room.hours is not None:
        return np.array([room.hours.is_open(one.trace.begins + offset) for offset in offsets])
    dates = np.array([(segment.start + offset).toordinal() for offset in offsets])
    runs = np.zeros(dates.size, dtype=bool)
    for date in np.unique(dates):
        there = np.flatnonzero((dates == date) & (segment.people > 0))
        if there.size:
            runs[there[0] : there[-1] + 1] = True
    return runs


def _power_w(lived: Sequence[Lived], kwh: Sequence[FloatArray], percentile: float) -> float:
    """Return the mean power that so many percent of the intervals do not exceed."""
    watts = [
        rows * _J_PER_KWH / one.segment.durations_s() for rows, one in zip(kwh, lived, strict=True)
    ]
    return float(np.percentile(np.concatenate(watts), percentile))


def _shares(groups: Sequence[DeviceGroup], one: Lived, *, proportional: bool) -> FloatArray:
    """Return the share of full load in each span, NaN while the recorded practice runs on."""
    if not groups:
        return np.full(one.seen.row.size, np.nan)
    levels = np.array([one.seen.levels[group.id] for group in groups])
    if not proportional:
        levels = np.where(np.isnan(levels), np.nan, (levels > 0).astype(float))
        return np.max(levels, axis=0)
    weights = np.array([[g.max_level * (g.device_power_w or 1.0)] for g in groups])
    most = np.array([[g.max_level] for g in groups])
    return np.sum(levels / most * weights, axis=0) / weights.sum()


def _controlled(
    one: Lived, practice: FloatArray, share: FloatArray, full_w: float | None, *, capped: bool
) -> FloatArray:
    """Return the energy of each row with us.

    Args:
        one: The segment.
        practice: What each row uses without us.
        share: What share of full load runs in each span; NaN where the practice does.
        full_w: The full load; None where it is whatever runs without us.
        capped: Whether it is never more than without us.
    """
    watts = (practice * _J_PER_KWH / one.segment.durations_s())[one.seen.row]
    ours = (watts if full_w is None else full_w) * share
    if capped:
        ours = np.minimum(ours, watts)
    drawn = np.where(np.isnan(share), watts, ours)
    joules = np.bincount(one.seen.row, weights=drawn * one.seen.spans_s, minlength=practice.size)
    return joules / _J_PER_KWH


def _off_share(groups: Sequence[DeviceGroup], one: Lived) -> FloatArray:
    """Return for which share of each row all of `groups` were switched off by us."""
    seen = one.seen
    if not groups:
        return np.zeros(one.segment.people.size)
    off = np.all([seen.levels[group.id] == 0 for group in groups], axis=0)
    off_s = np.bincount(seen.row, weights=off * seen.spans_s, minlength=one.segment.people.size)
    return off_s / one.segment.durations_s()
