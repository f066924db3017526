"""Splits: by camera and by time, never by frame, so that a test shows nothing that was learnt.

Frames that are like each other, or that one camera took within a block of time, make a unit; units
are never parted. Between two parts of the data, a camera's frames keep a distance in time.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from headcount.errors import ManifestError
from training.data.split_plan import By, SplitPlan
from training.manifest import FROZEN, Frame, Split

# Where frames of two parts are too near in time, those of the lower rank are left out.
_RANKS = {Split.NONE: 0, Split.TRAIN: 1, Split.VALIDATION: 2, Split.GOLDEN: 3, Split.DRIFTED: 3}


@dataclass(frozen=True, eq=False, slots=True)
class SplitOutcome:
    """Frames with their parts.

    Attributes:
        frames: In the order given; each with its part, or none.
        units: How many units they make.
        guarded: How many frames were left out for being too near in time to another part.
        beside_frozen: How many were left out for sharing a unit with a frozen frame.
    """

    frames: tuple[Frame, ...]
    units: int
    guarded: int
    beside_frozen: int

    @property
    def sizes(self) -> Mapping[Split, int]:
        """Return how many frames each part has."""
        return Counter(frame.split for frame in self.frames)


@dataclass(eq=False, slots=True)
class _Unit:
    """Frames that stay together; indices into the manifest."""

    members: list[int] = field(default_factory=list)
    key: str = ""
    stratum: str = ""


def split_frames(frames: Sequence[Frame], plan: SplitPlan, where: str) -> SplitOutcome:
    """Return frames with the part of the data that each is in.

    Frozen frames stay as they are, and nothing is added to a frozen part that exists. The same
    frames and plan give the same parts, in whatever order the frames come.

    Args:
        frames: Of a manifest; `group` filled in.
        plan: Shares, blocks and guard.
        where: What to call the manifest in an error.

    Raises:
        ManifestError: If a part cannot be filled without parting what belongs together.
    """
    _refuse_unknown(frames, plan, where)
    units = _units(frames, plan, where)
    parts = _assign(frames, units, plan)
    beside = sum(
        parts[index] is Split.NONE and frames[index].split not in FROZEN
        for index in range(len(frames))
    )
    guarded = _guard(frames, parts, plan)
    for index in guarded:
        parts[index] = Split.NONE
    outcome = SplitOutcome(
        frames=tuple(replace(frame, split=part) for frame, part in zip(frames, parts, strict=True)),
        units=len(units),
        guarded=len(guarded),
        beside_frozen=beside,
    )
    _refuse_empty(outcome, plan, where)
    return outcome


def _units(frames: Sequence[Frame], plan: SplitPlan, where: str) -> list[_Unit]:
    """Return the units: what shares a group, or a camera's block of time, is together."""
    if plan.by is By.CAMERA_AND_TIME:
        _refuse_one_timeless_camera(frames, where)
    parent = list(range(len(frames)))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[tuple[str, ...], int] = {}
    for index, frame in enumerate(frames):
        for tie in _ties(frame, plan):
            parent[find(index)] = find(first.setdefault(tie, index))
    gathered: dict[int, _Unit] = defaultdict(_Unit)
    for index in range(len(frames)):
        gathered[find(index)].members.append(index)
    for unit in gathered.values():
        names = sorted(frames[index].sha256 or frames[index].source for index in unit.members)
        # A hash of its content orders units alike on every machine, and by nothing that matters.
        unit.key = hashlib.sha256("\n".join(names).encode()).hexdigest()
        cameras = Counter(frames[index].camera_id for index in unit.members)
        lights = Counter(frames[index].light_mode.value for index in unit.members)
        is_drifted = plan.has_drifted(frames[index] for index in unit.members)
        unit.stratum = "/".join(
            (
                max(sorted(cameras), key=cameras.__getitem__),
                max(sorted(lights), key=lights.__getitem__),
                "drifted" if is_drifted else "",
            )
        )
    return sorted(gathered.values(), key=lambda unit: unit.key)


def _ties(frame: Frame, plan: SplitPlan) -> list[tuple[str, ...]]:
    """Return what keeps a frame together with others."""
    ties: list[tuple[str, ...]] = []
    if frame.group:
        ties.append(("group", frame.group))
    if frame.sha256:
        ties.append(("picture", frame.sha256))
    if plan.by is By.GROUP:
        return ties
    if frame.captured_at is None:
        return [*ties, ("camera", frame.camera_id)]
    block = int(frame.captured_at.timestamp() // plan.block_s)
    return [*ties, ("block", frame.camera_id, str(block))]


def _assign(frames: Sequence[Frame], units: Sequence[_Unit], plan: SplitPlan) -> list[Split]:
    """Return each frame's part: unit by unit, into the part that lacks most by then."""
    existing = {frame.split for frame in frames if frame.split in FROZEN}
    parts = [Split.NONE] * len(frames)
    free = []
    for unit in units:
        frozen = [index for index in unit.members if frames[index].split in FROZEN]
        for index in frozen:
            parts[index] = frames[index].split
        if not frozen:
            free.append(unit)
    filled: defaultdict[Split, float] = defaultdict(float)
    placed: dict[Split, list[_Unit]] = defaultdict(list)
    # Camera by camera and light by light, so that each is in all parts if it has units enough.
    for unit in sorted(free, key=lambda unit: (unit.stratum, unit.key)):
        shares = _shares([frames[index] for index in unit.members], plan, existing)
        for part, share in shares.items():
            filled[part] -= share * len(unit.members)
        part = min(shares, key=lambda one: (filled[one], one is not Split.TRAIN))
        filled[part] += len(unit.members)
        placed[part].append(unit)
    _fill_empty(frames, placed, plan, existing)
    for part, members in placed.items():
        for unit in members:
            for index in unit.members:
                parts[index] = part
    return parts


def _fill_empty(
    frames: Sequence[Frame],
    placed: dict[Split, list[_Unit]],
    plan: SplitPlan,
    existing: set[Split],
) -> None:
    """Give a part that came away empty the smallest unit of the part that has most."""
    for part in (Split.TRAIN, Split.VALIDATION, Split.GOLDEN, Split.DRIFTED):
        if placed.get(part):
            continue
        donors = [
            (-len(units), len(unit.members), unit.key, donor, unit)
            for donor, units in placed.items()
            if len(units) > 1
            for unit in units
            if part in _shares([frames[index] for index in unit.members], plan, existing)
        ]
        if donors:
            *_, donor, unit = min(donors, key=lambda one: one[:3])
            placed[donor].remove(unit)
            placed[part].append(unit)


def _shares(frames: Sequence[Frame], plan: SplitPlan, existing: set[Split]) -> dict[Split, float]:
    """Return which parts a unit may go to, and the share of its like that each is to have."""
    test = Split.DRIFTED if plan.has_drifted(frames) else Split.GOLDEN
    if any(frame.camera_id in plan.held_out for frame in frames):
        return {Split.GOLDEN: 1.0} if Split.GOLDEN not in existing else {Split.NONE: 1.0}
    golden = 0.0 if test in existing else plan.golden
    shares = {
        Split.TRAIN: 1 - plan.validation - golden,
        Split.VALIDATION: plan.validation,
        test: golden,
    }
    return {part: share for part, share in shares.items() if share > 0}


def _guard(frames: Sequence[Frame], parts: Sequence[Split], plan: SplitPlan) -> list[int]:
    """Return which frames to leave out: too near in time to one in a part that matters more."""
    if plan.by is By.GROUP:
        return []
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for frame, part in zip(frames, parts, strict=True):
        if frame.captured_at is not None:
            for rank in range(_RANKS[part]):
                times[frame.camera_id, rank].append(frame.captured_at.timestamp())
    for moments in times.values():
        moments.sort()
    left_out = []
    for index, (frame, part) in enumerate(zip(frames, parts, strict=True)):
        if frame.captured_at is None or part is Split.NONE:
            continue
        # Those of a higher rank than its own.
        higher = times[frame.camera_id, _RANKS[part]]
        now = frame.captured_at.timestamp()
        first = bisect_right(higher, now - plan.guard_s)
        if first < bisect_left(higher, now + plan.guard_s):
            left_out.append(index)
    return left_out


def _refuse_unknown(frames: Sequence[Frame], plan: SplitPlan, where: str) -> None:
    slices = {name for frame in frames for name in (*frame.slices, frame.light_mode.value)}
    cameras = {frame.camera_id for frame in frames}
    for what, named, known in (
        ("slice", plan.drifted, slices),
        ("camera", plan.held_out, cameras),
    ):
        if not named <= known:
            raise ManifestError(
                f"{where} has no frame of {what} {', '.join(sorted(named - known))}.\n"
                f"It has {', '.join(sorted(filter(None, known))) or 'none with a name'}."
            )


def _refuse_one_timeless_camera(frames: Sequence[Frame], where: str) -> None:
    cameras = {frame.camera_id for frame in frames}
    if len(cameras) == 1 and all(frame.captured_at is None for frame in frames):
        name = next(iter(cameras)) or "(none)"
        raise ManifestError(
            f"{where}: all {len(frames)} frames are of camera {name} and none says when it was "
            "taken, so no split by camera or by time can be made.\n"
            "Fill in camera-id and captured-at. If they are photographs that no camera took in a "
            "row, split them by near-duplicate groups: --by group."
        )


def _refuse_empty(outcome: SplitOutcome, plan: SplitPlan, where: str) -> None:
    sizes = outcome.sizes
    wanted = [Split.TRAIN]
    if plan.validation > 0:
        wanted.append(Split.VALIDATION)
    if plan.golden > 0:
        wanted.append(Split.GOLDEN)
        if plan.drifted:
            wanted.append(Split.DRIFTED)
    empty = [part.value for part in wanted if not sizes[part]]
    if empty:
        guarded = (
            f" The guard of {plan.guard_s:g} s left out {outcome.guarded}."
            if outcome.guarded
            else ""
        )
        raise ManifestError(
            f"{where}: nothing is left for {' and '.join(empty)}: {len(outcome.frames)} frames "
            f"make {outcome.units} units that must not be parted, and {outcome.beside_frozen} "
            f"frames share one with a frozen frame.{guarded}\n"
            "Add frames of other cameras or other hours; make the blocks shorter (--block-s) or "
            "the guard smaller (--guard-s); or, if near-duplicates tie everything together, "
            "curate first: headcount data curate."
        )
