"""Curation: out of all frames there are, the few that are worth labelling and learning from."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headcount.errors import ManifestError
from training.data.curated import (
    Evidence,
    Picked,
    check_folder,
    faces_in_words,
    write_curated,
)
from training.data.fusion import Fused
from training.data.near_duplicates import Likeness, Look, look_of
from training.data.pictures import Picture, read_picture
from training.data.pool import with_sha256
from training.data.pseudo_labels import label_frame
from training.data.readings import Disagreement, Reading, disagreement, read_with, uncertainty
from training.data.selection import Candidate, Pick, Quotas, Selection, select
from training.data.stronger import StrongReader
from training.manifest import FROZEN, Frame, Manifest, Origin
from training.serving.endpoint import ServedModel

# How many times as many frames as asked for get a second reading, which takes ten times as long
# as the first. Chosen.
_SHORTLIST = 3

Watch = Callable[[Sequence[Frame], str], Iterable[Frame]]


@dataclass(frozen=True, slots=True)
class Readers:
    """Who looks at the frames.

    Attributes:
        champion: The model in service.
        stronger: The champion with more looks: it disputes, and labels.
        rival: Another model that disputes instead; None to let the stronger reading do it.
        known: The champion's readings by source, if they are known already.
    """

    champion: ServedModel
    stronger: StrongReader
    rival: ServedModel | None = None
    known: Mapping[str, Reading] | None = None

    @property
    def threshold(self) -> float:
        """Return from which score on the champion counts a face."""
        return self.champion.card.threshold

    @property
    def disputant(self) -> str:
        """Return what to call who disputes the champion."""
        return "the stronger reading" if self.rival is None else self.rival.card.name

    def first(self, frame: Frame, picture: Picture) -> Reading:
        """Return the champion's reading of a frame; one that is not listed shows nobody."""
        if self.known is not None:
            return self.known.get(frame.source, Reading.empty())
        return read_with(self.champion, picture)

    def other(self, picture: Picture) -> tuple[Reading, float, Fused | None]:
        """Return what disputes the champion, from which score on it counts, and all its looks."""
        if self.rival is not None:
            return read_with(self.rival, picture), self.rival.card.threshold, None
        fused = self.stronger.read(picture)
        return fused.as_reading(), self.threshold, fused


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a curation.

    Attributes:
        budget: The most frames to take.
        quotas: How the budget is spread.
        drifted: Slices, or light modes, that drifted: they get the quota.
        pseudo_label: Whether the stronger reading labels what it is sure of.
    """

    budget: int
    quotas: Quotas = field(default_factory=Quotas)
    drifted: frozenset[str] = frozenset()
    pseudo_label: bool = True

    def drifted_of(self, frame: Frame) -> tuple[str, ...]:
        """Return of which slices or light modes that drifted a frame is."""
        return tuple(sorted(self.drifted & {*frame.slices, frame.light_mode.value}))


@dataclass(frozen=True, eq=False, slots=True)
class Curated:
    """What came of it.

    Attributes:
        manifest: The frames taken, and the frozen ones of the pool.
        picked: Those taken, in the order in which they were.
        pool: How many frames there were.
        frozen: How many frozen frames of the pool went through untouched.
        groups: How many groups of near-duplicates the pool has, of two frames or more.
        near_duplicates: How many frames were left for being near one that was taken or is frozen.
        unremarkable: How many were left because nothing speaks for a look at them.
    """

    manifest: Manifest
    picked: tuple[Picked, ...]
    pool: int
    frozen: int
    groups: int
    near_duplicates: int
    unremarkable: int

    @property
    def beyond_budget(self) -> int:
        """Return how many frames were left for want of budget."""
        left = self.near_duplicates + self.unremarkable
        return self.pool - self.frozen - len(self.picked) - left


def curate(
    pool: Manifest,
    out: Path,
    wish: Wish,
    readers: Readers,
    frozen: Manifest | None = None,
    watch: Watch = lambda frames, _: frames,
) -> Curated:
    """Take frames out of a pool, and write them with their pictures, a manifest and a report.

    Args:
        pool: All frames there are.
        out: The folder to write to; new or empty.
        wish: How many, of what.
        readers: Who looks at them.
        frozen: Frames that judge models: nothing near them is taken.
        watch: Wraps the iteration, to show progress; told what is being done.

    Raises:
        ManifestError: If a picture cannot be read or is not the one vouched for, no frame is of
            what drifted or worth a look, or the folder cannot be written.
    """
    check_folder(out, pool)
    _refuse_unknown_slice(pool, wish)
    seen = [_see(frame, pool, readers) for frame in watch(pool.frames, "Reading")]
    judges = [_glance(frame, frozen) for frame in frozen.frames] if frozen else []
    likeness = Likeness(
        [one.frame for one in (*seen, *judges)], [one.look for one in (*seen, *judges)]
    )
    groups = likeness.groups()[: len(seen)]
    candidates = [_candidate(one, readers.threshold, wish) for one in (*seen, *judges)]
    closed = [index for index, one in enumerate(seen) if one.frame.split in FROZEN]
    closed += range(len(seen), len(candidates))

    def choose(budget: int) -> Selection:
        return select(candidates, budget, wish.quotas, likeness.near, closed)

    listed = _shortlist(choose(_SHORTLIST * wish.budget), candidates[: len(seen)], seen, wish)
    to_read = [seen[index].frame for index in listed]
    for index, frame in zip(listed, watch(to_read, "Reading again"), strict=True):
        seen[index] = _look_again(seen[index], frame, pool, readers)
        candidates[index] = _candidate(seen[index], readers.threshold, wish)
    chosen = choose(wish.budget)
    picked = [
        _take(seen[pick.index], pick, groups[pick.index], pool, wish, readers)
        for pick in chosen.picks
    ]
    kept = [
        replace(one.frame, group=group)
        for one, group in zip(seen, groups, strict=True)
        if one.frame.split in FROZEN
    ]
    if not picked and not kept:
        raise ManifestError(
            f"None of the {len(seen)} frames is worth a look: nothing is doubtful, disputed "
            "or labelled by people, and none is of what drifted.\n"
            "Bring other frames, or name what drifted: --drifted."
        )
    return Curated(
        manifest=write_curated(pool, out, kept, picked),
        picked=tuple(picked),
        pool=len(seen),
        frozen=len(kept),
        groups=sum(size > 1 for size in Counter(groups).values()),
        near_duplicates=chosen.near_duplicates,
        unremarkable=chosen.unremarkable,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Seen:
    """A frame, what it is compared by, and what was seen in it.

    Attributes:
        frame: Of the pool, hashed.
        look: What it is compared by.
        reading: The champion's.
        dispute: With whom disputes it; None before a second look.
        fused: The stronger reading; None if it was not asked.
    """

    frame: Frame
    look: Look
    reading: Reading
    dispute: Disagreement | None = None
    fused: Fused | None = None


def _see(frame: Frame, pool: Manifest, readers: Readers) -> _Seen:
    picture = read_picture(pool.picture(frame))
    return _Seen(
        frame=with_sha256(frame, picture.sha256, pool.path),
        look=look_of(picture.pixels),
        reading=readers.first(frame, picture.pixels),
    )


def _glance(frame: Frame, frozen: Manifest) -> _Seen:
    """Return a frame that nothing is to be taken near of; who is in it does not matter."""
    picture = read_picture(frozen.picture(frame))
    return _Seen(frame, look_of(picture.pixels), Reading.empty())


def _look_again(one: _Seen, frame: Frame, pool: Manifest, readers: Readers) -> _Seen:
    other, threshold, fused = readers.other(read_picture(pool.picture(frame)).pixels)
    dispute = disagreement(one.reading.counted(readers.threshold), other.counted(threshold))
    return replace(one, dispute=dispute, fused=fused)


def _candidate(one: _Seen, threshold: float, wish: Wish) -> Candidate:
    return Candidate(
        source=one.frame.source,
        camera_id=one.frame.camera_id,
        uncertainty=uncertainty(one.reading, threshold),
        disputed_faces=0 if one.dispute is None else one.dispute.faces,
        is_labelled=one.frame.origin is Origin.PEOPLE,
        is_drifted=bool(wish.drifted_of(one.frame)),
    )


def _shortlist(
    first: Selection, candidates: Sequence[Candidate], seen: Sequence[_Seen], wish: Wish
) -> list[int]:
    """Return which frames to look at again: those a first choice took, and then the faintest.

    Where the champion missed a face without a doubt, there is often a trace of it far below the
    threshold.
    """
    listed = [pick.index for pick in first.picks]
    rest = {index for index in range(len(candidates)) if seen[index].frame.split not in FROZEN}
    fainter = sorted(
        rest - set(listed),
        key=lambda index: (-float(seen[index].reading.scores.sum()), candidates[index].source),
    )
    return [*listed, *fainter][: _SHORTLIST * wish.budget]


def _take(
    one: _Seen, pick: Pick, group: str, pool: Manifest, wish: Wish, readers: Readers
) -> Picked:
    evidence = Evidence(
        frame=one.frame,
        reading=one.reading,
        threshold=readers.threshold,
        dispute=one.dispute,
        disputant=readers.disputant,
        drifted=wish.drifted_of(one.frame),
    )
    frame, label = _labelled(one, pool, wish, readers)
    return Picked(
        frame=replace(frame, group=group),
        ground=pick.ground,
        why=evidence.in_words(pick.ground),
        label=label,
        uncertainty=evidence.uncertainty,
    )


def _labelled(one: _Seen, pool: Manifest, wish: Wish, readers: Readers) -> tuple[Frame, str]:
    """Return a frame with a label if it can have one, and in words whose it is."""
    if one.frame.origin in (Origin.PEOPLE, Origin.COMPOSED):
        return one.frame, one.frame.origin.value
    if not wish.pseudo_label:
        return one.frame, "left for review"
    fused = one.fused
    if fused is None:
        fused = readers.stronger.read(read_picture(pool.picture(one.frame)).pixels)
    verdict = label_frame(one.frame, fused, readers.champion.card)
    if verdict.in_doubt:
        return verdict.frame, f"left for review: {verdict.in_doubt} in doubt"
    return verdict.frame, f"pseudo-label: {faces_in_words(verdict.faces)}"


def _refuse_unknown_slice(pool: Manifest, wish: Wish) -> None:
    known = {name for frame in pool.frames for name in (*frame.slices, frame.light_mode.value)}
    unknown = sorted(wish.drifted - known)
    if unknown:
        raise ManifestError(
            f"{pool.path} has no frame of {', '.join(unknown)}.\n"
            f"Its slices and light modes are {', '.join(sorted(known))}."
        )
