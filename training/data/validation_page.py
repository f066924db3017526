"""The page of a validation: one file, no script; pictures pixelated, boxes drawn."""

import base64
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headcount.errors import ManifestError
from training.data.findings import Finding, Report
from training.data.label_noise import in_words
from training.data.pictures import Picture, read_picture
from training.manifest import Frame

# Pixels. A face of an eighth of the picture's width is six of these across: seen, not recognised.
_CELLS = 48
_SHOWN_PX = 480
# Pictures shown; a page of more is no longer read.
_MOST_SHOWN = 60
_FACE_COLOUR, _IGNORED_COLOUR = (60, 200, 60), (160, 160, 160)


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """A frame on the page.

    Attributes:
        line: Of the manifest.
        source: Its name.
        findings: About it.
        picture: As a data address; empty where there is none to show.
    """

    line: int
    source: str
    findings: tuple[Finding, ...]
    picture: str


def write_page(report: Report, path: Path) -> None:
    """Write a validation's page.

    Raises:
        ManifestError: If the file cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("validation_page.html.j2").render(
        report=report,
        whole=[one for one in report.findings if not one.line],
        shown=list(_shown(report)),
        most=_MOST_SHOWN,
        about_frames=len({one.line for one in report.findings if one.line}),
        noise=report.noise,
        in_words=in_words,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ManifestError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def pixelated(picture: Picture, frame: Frame) -> Picture:
    """Return a picture in which nobody can be recognised, with the frame's boxes drawn."""
    height, width = picture.shape[:2]
    cell = max(width, height) / _CELLS
    coarse = cv2.resize(
        picture,
        (max(1, round(width / cell)), max(1, round(height / cell))),
        interpolation=cv2.INTER_AREA,
    )
    scale = _SHOWN_PX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
    for boxes, colour in ((frame.faces, _FACE_COLOUR), (frame.ignored, _IGNORED_COLOUR)):
        # A box may be anything here; what cannot be drawn is named in the text.
        for left, top, wide, high in boxes[np.isfinite(boxes).all(axis=1)] * scale:
            corners = np.clip([left, top, left + wide, top + high], -_SHOWN_PX, 2 * _SHOWN_PX)
            first, second = corners[:2].round().astype(int), corners[2:].round().astype(int)
            cv2.rectangle(shown, first.tolist(), second.tolist(), colour, 2)
    return np.asarray(shown, np.uint8)


def _shown(report: Report) -> Iterator[Shown]:
    about: dict[tuple[int, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if finding.line:
            about[finding.line, finding.source].append(finding)
    frames = {frame.source: frame for frame in report.manifest.frames}
    for (line, source), findings in list(about.items())[:_MOST_SHOWN]:
        yield Shown(line, source, tuple(findings), _address(frames[source], report))


def _address(frame: Frame, report: Report) -> str:
    try:
        picture = read_picture(report.manifest.picture(frame)).pixels
    except ManifestError:
        # The finding says so.
        return ""
    encoded = cv2.imencode(".png", pixelated(picture, frame))[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(encoded).decode()}"
