"""Validation: whether a manifest may be trained on, and if not, every reason why."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from headcount.errors import ManifestError
from training.data.box_rules import check_boxes
from training.data.findings import Finding, Report, Rule, by_line
from training.data.label_noise import LabelNoise, estimate_label_noise, in_words
from training.data.near_duplicates import Likeness, Look, look_of
from training.data.pictures import StoredPicture, read_picture
from training.data.split_rules import (
    Line,
    check_duplicates,
    check_frozen,
    check_frozen_looks,
    check_groups,
    check_near,
    check_numbers,
    count_frames,
)
from training.data.stronger import StrongReader
from training.manifest import FROZEN, Frame, Manifest, Origin

Watch = Callable[[Sequence[Line], str], Iterable[Line]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked of a manifest.

    Attributes:
        least: Labelled frames of each camera, light mode, slice and part. Chosen: with fewer, one
            frame more or less moves a figure by over a twentieth.
        unlabelled: The largest share of surely seen faces that may be without a label. Chosen:
            four times what carefully labelled photographs show; see docs/data.md.
        unseen: The largest share of labelled faces that may leave no trace in a reading. Chosen.
        noise_frames: The most frames that are read for label noise; it takes a second a frame.
        allowed: Rules that are waived.
    """

    least: int = 20
    unlabelled: float = 0.1
    unseen: float = 0.1
    noise_frames: int = 200
    allowed: frozenset[Rule] = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class _Checked:
    """A line whose picture could be read, and what the picture looks like."""

    line: Line
    look: Look


def validate(
    manifest: Manifest,
    bounds: Bounds,
    reader: StrongReader | None = None,
    frozen: Manifest | None = None,
    watch: Watch = lambda lines, _: lines,
) -> Report:
    """Return every reason to refuse a manifest.

    Args:
        manifest: To validate.
        bounds: What is asked of it.
        reader: Reads pictures to tell label noise; None to leave that out.
        frozen: A manifest whose golden and drifted frames must not be learnt from.
        watch: Wraps the iteration, to show progress; told what is being done.

    Raises:
        ManifestError: If a picture of the frozen set cannot be read.
    """
    lines = [
        Line(number, frame, frame.sha256)
        for number, frame in zip(_numbers(manifest), manifest.frames, strict=True)
    ]
    findings: list[Finding] = []
    checked: list[_Checked] = []
    for line in watch(lines, "Checking"):
        findings += check_boxes(line.frame, line.number)
        found = _read(line, manifest)
        if isinstance(found, Finding):
            findings.append(found)
            continue
        findings += _check_picture(line, found)
        checked.append(_Checked(replace(line, sha256=found.sha256), look_of(found.pixels)))
    readable = [one.line for one in checked]
    judges = [] if frozen is None else _judges(frozen)
    likeness = Likeness(
        [*(line.frame for line in readable), *(frame for frame, _ in judges)],
        [*(one.look for one in checked), *(look for _, look in judges)],
    )
    findings += check_duplicates(readable)
    findings += check_groups(lines)
    findings += check_near(readable, likeness)
    findings += check_numbers(manifest.frames, bounds.least)
    if frozen is not None:
        findings += check_frozen(readable, frozen)
        findings += check_frozen_looks(readable, [frame for frame, _ in judges], likeness)
    noise = None
    if reader is not None:
        noise, about = _check_noise(readable, manifest, bounds, reader, watch)
        findings += about
    return Report(
        manifest=manifest,
        findings=by_line([one for one in findings if one.rule not in bounds.allowed]),
        allowed=by_line([one for one in findings if one.rule in bounds.allowed]),
        noise=noise,
        counts=count_frames(manifest.frames),
    )


def _numbers(manifest: Manifest) -> list[int]:
    """Return the line of each frame: blank lines are no frames."""
    lines = manifest.path.read_text(encoding="utf-8").splitlines()
    return [number for number, text in enumerate(lines, start=1) if text.strip()]


def _judges(frozen: Manifest) -> list[tuple[Frame, Look]]:
    """Return the frozen frames and what they are compared by.

    Raises:
        ManifestError: If a picture of the frozen set cannot be read: it is not what is validated.
    """
    return [
        (frame, look_of(read_picture(frozen.picture(frame)).pixels))
        for frame in frozen.within(*FROZEN)
    ]


def _read(line: Line, manifest: Manifest) -> StoredPicture | Finding:
    rule = Rule.MISSING_PICTURE
    try:
        path = manifest.picture(line.frame)
        if path.is_file():
            rule = Rule.BROKEN_PICTURE
        return read_picture(path)
    except ManifestError as fault:
        what, _, remedy = str(fault).partition("\n")
        return Finding(rule, line.number, line.frame.source, what, remedy)


def _check_picture(line: Line, picture: StoredPicture) -> Iterator[Finding]:
    frame = line.frame
    if not frame.sha256:
        yield Finding(
            Rule.NO_HASH,
            line.number,
            frame.source,
            "it has no sha256: nothing vouches that the picture is the one that was labelled",
            "Fill it in: headcount data import and curate do.",
        )
    elif frame.sha256 != picture.sha256:
        yield Finding(
            Rule.OTHER_PICTURE,
            line.number,
            frame.source,
            f"the picture has sha256 {picture.sha256[:12]}…, the manifest says "
            f"{frame.sha256[:12]}…",
            "It is not the picture that was labelled: restore it, or take the line out.",
        )
    if (picture.width_px, picture.height_px) != (frame.width_px, frame.height_px):
        yield Finding(
            Rule.OTHER_SIZE,
            line.number,
            frame.source,
            f"the picture is {picture.width_px}x{picture.height_px}, the manifest says "
            f"{frame.width_px}x{frame.height_px}",
            "Its boxes are of another picture: restore it, or label it again.",
        )


def _check_noise(
    lines: Sequence[Line],
    manifest: Manifest,
    bounds: Bounds,
    reader: StrongReader,
    watch: Watch,
) -> tuple[LabelNoise, list[Finding]]:
    labelled = [line for line in lines if line.frame.origin is Origin.PEOPLE]
    # In the order of their hashes: a sample that nobody chose, and the same every time.
    sample = sorted(labelled, key=lambda line: line.sha256)[: bounds.noise_frames]
    readings = [
        reader.read(read_picture(manifest.picture(line.frame)).pixels)
        for line in watch(sample, "Reading for label noise")
    ]
    noise = estimate_label_noise([line.frame for line in sample], readings)
    review = "Go through the labels: headcount review."
    about = [
        Finding(
            Rule.LABEL_NOISE,
            0,
            "",
            f"the share of {what} is {in_words(rate)} on {noise.frames} frames, and at most "
            f"{bound:g} is borne; look first at {_worst(noise, sample)}",
            f"{review} If {excuse}, --allow {Rule.LABEL_NOISE}.",
        )
        for rate, bound, what, excuse in (
            (
                noise.unlabelled,
                bounds.unlabelled,
                "faces surely seen that no label marks",
                "the model is wrong",
            ),
            (
                noise.unseen,
                bounds.unseen,
                "labelled faces of which no look sees a trace",
                "they are right and the model is blind, as in the dark",
            ),
        )
        # Evidence is asked for: the whole interval is beyond the bound.
        if rate is not None and rate.low > bound
    ]
    return noise, about


def _worst(noise: LabelNoise, sample: Sequence[Line]) -> str:
    """Return the lines whose labels are contradicted most, as people look them up."""
    return ", ".join(f"line {sample[doubt.frame].number}" for doubt in noise.doubts[:5])
