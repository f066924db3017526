"""Clips with a known number of people, composed from real portraits when they are first needed."""

import hashlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeAlias

import av
import cv2
import numpy as np
import numpy.typing as npt

from local.portraits import PEOPLE, PORTRAITS, ROOT, Portrait, fetch_portraits

Picture: TypeAlias = npt.NDArray[np.uint8]

SCENES = ROOT / ".build/scenes"
WIDTH, HEIGHT, FRAMES_PER_S = 960, 540, 10
FACE_WIDTH_PX = 64
# From the door to the seat; while somebody walks, the true count is not defined.
WALK_S = 1.2
# People who sit still move by a few pixels: breathing, typing, looking around.
SWAY_PX = 4.0
SENSOR_NOISE_LEVELS = 1.2
# People sit behind it, so that nobody floats.
TABLE_TOP_PX, TABLE_BGR = 385, (70, 95, 125)


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay.

    Attributes:
        person: Index into `PEOPLE`.
        seat: Horizontal position, as a fraction of the width.
        enters_s: When they begin to walk in; negative if they are there from the start.
        leaves_s: When they begin to walk out.
    """

    person: int
    seat: float
    enters_s: float
    leaves_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip that repeats after `seconds`."""

    name: str
    seconds: float
    visits: tuple[Visit, ...]

    def people_at(self, at_s: float) -> int | None:
        """Return how many people sit in the room, or None while somebody walks in or out."""
        now = at_s % self.seconds
        walking = any(
            start - 0.1 <= now <= start + WALK_S + 0.1
            for visit in self.visits
            for start in (visit.enters_s, visit.leaves_s)
        )
        if walking:
            return None
        return sum(visit.enters_s < now < visit.leaves_s for visit in self.visits)


_FROM_THE_START, _TO_THE_END = -10.0, 1000.0
_SEATS = (0.1, 0.3, 0.5, 0.7, 0.9)

MEETING = Scene(
    "meeting",
    48,
    (
        Visit(0, _SEATS[1], _FROM_THE_START, _TO_THE_END),
        Visit(2, _SEATS[3], 4.0, 38.5),
        Visit(1, _SEATS[2], 4.6, 26.0),
        Visit(4, _SEATS[0], 5.2, 27.0),
        Visit(3, _SEATS[4], 12.0, 25.0),
    ),
)
EMPTYING = Scene(
    "emptying",
    48,
    (
        Visit(2, _SEATS[1], _FROM_THE_START, 7.0),
        Visit(1, _SEATS[3], _FROM_THE_START, 8.0),
        Visit(0, _SEATS[2], 41.0, 46.0),
    ),
)
EMPTY = Scene("empty", 10, ())


def compose(
    scene: Scene,
    said: Callable[[str], None] = lambda _line: None,
    stopped: threading.Event | None = None,
    folder: Path = SCENES,
) -> Path:
    """Return the H.264 clip of `scene`, made the first time it is asked for.

    Args:
        scene: What to show.
        said: Is told how far it is, if the clip has to be made.
        stopped: Set by whoever does not want the clip any more.
        folder: Where clips are kept.

    Raises:
        CancelledError: If it was stopped.
    """
    recipe = hashlib.sha256(repr(scene).encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    clip = folder / f"{scene.name}-{recipe}.mp4"
    if clip.is_file():
        return clip
    fetch_portraits()
    folder.mkdir(parents=True, exist_ok=True)
    # Named by the process: two demos may compose the same clip at the same time.
    unfinished = folder / f"{clip.stem}.{os.getpid()}.mp4"
    try:
        _encode(scene, unfinished, said, stopped or threading.Event())
        unfinished.replace(clip)
    finally:
        unfinished.unlink(missing_ok=True)
    return clip


def _encode(
    scene: Scene, clip: Path, said: Callable[[str], None], stopped: threading.Event
) -> None:
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20"}
        stream.time_base = Fraction(1, FRAMES_PER_S)
        for number, picture in enumerate(frames(scene)):
            if stopped.is_set():
                raise CancelledError(f"The clip «{scene.name}» is not wanted any more.")
            if number % FRAMES_PER_S == 0:
                second = number // FRAMES_PER_S
                said(f"Composing the clip «{scene.name}»: {second} of {scene.seconds:.0f} s")
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames(scene: Scene) -> Iterator[Picture]:
    """Yield every frame of `scene`, BGR, shape (HEIGHT, WIDTH, 3)."""
    random = np.random.default_rng(seed=1)
    # A few patterns in turn: noise for the encoder to work on, at a tenth of drawing it anew.
    noise = [
        np.rint(random.normal(0, SENSOR_NOISE_LEVELS, (HEIGHT, WIDTH))).astype(np.int16)
        for _ in range(7)
    ]
    patterns = [np.repeat(pattern[:, :, None], 3, axis=2) for pattern in noise]
    for number in range(int(scene.seconds * FRAMES_PER_S)):
        picture = _room().copy()
        for visit in scene.visits:
            _seat(picture, visit, number / FRAMES_PER_S)
        picture[TABLE_TOP_PX:] = TABLE_BGR
        noisy = cv2.add(picture, patterns[number % len(patterns)], dtype=cv2.CV_8U)
        yield noisy.astype(np.uint8, copy=False)


@cache
def _room() -> Picture:
    """Draw a wall, a picture and a window: no part of it may look like a face."""
    wall = np.linspace(205, 180, HEIGHT, dtype=np.float32)[:, None, None]
    room = np.repeat(wall, WIDTH, axis=1) * np.array([0.94, 0.98, 1.0], np.float32)
    picture = np.ascontiguousarray(room, dtype=np.float32).clip(0, 255).astype(np.uint8)
    cv2.rectangle(picture, (40, 60), (300, 180), (150, 135, 120), -1)
    cv2.rectangle(picture, (640, 40), (910, 200), (225, 215, 205), -1)
    cv2.line(picture, (775, 40), (775, 200), (140, 140, 140), 4)
    return picture


def _seat(picture: Picture, visit: Visit, at_s: float) -> None:
    """Blend a visitor into `picture`, in place, where they are at `at_s`."""
    if not visit.enters_s <= at_s <= visit.leaves_s + WALK_S:
        return
    cutout, mask = _cutout(PEOPLE[visit.person])
    height, width = mask.shape[:2]
    door_x = -width / 2 if visit.seat < 0.5 else WIDTH + width / 2
    inside = min(1.0, (at_s - visit.enters_s) / WALK_S)
    if at_s > visit.leaves_s:
        inside = 1.0 - (at_s - visit.leaves_s) / WALK_S
    sway = SWAY_PX * math.sin(2.1 * at_s + 1.7 * visit.person)
    centre_x = door_x + (visit.seat * WIDTH - door_x) * inside + sway
    left = round(centre_x - width / 2)
    top = round(300 - height / 2 + 0.5 * SWAY_PX * math.sin(1.3 * at_s + visit.person))
    first, last = max(left, 0), min(left + width, WIDTH)
    if first >= last:
        return
    part = slice(first - left, last - left)
    under = picture[top : top + height, first:last].astype(np.float32)
    under += mask[:, part] * (cutout[:, part] - under)
    picture[top : top + height, first:last] = np.rint(under).astype(np.uint8)


@cache
def _cutout(portrait: Portrait) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return head and shoulders, (height, width, 3), and a soft mask, (height, width, 1)."""
    picture = cv2.imread(str(PORTRAITS / portrait.file))
    if picture is None:
        raise FileNotFoundError(PORTRAITS / portrait.file)
    scale = FACE_WIDTH_PX / (portrait.face_width * picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    centre_x = portrait.face_x * small.shape[1]
    centre_y = portrait.face_y * small.shape[0]
    half = 1.1 * FACE_WIDTH_PX
    left, right = max(0, round(centre_x - half)), min(small.shape[1], round(centre_x + half))
    top = max(0, round(centre_y - 1.1 * FACE_WIDTH_PX))
    bottom = min(small.shape[0], round(centre_y + 2.0 * FACE_WIDTH_PX))
    cut = small[top:bottom, left:right].astype(np.float32)
    mask = np.zeros(cut.shape[:2], np.uint8)
    head = (round(centre_x) - left, round(centre_y) - top)
    cv2.ellipse(
        mask, head, (round(0.62 * FACE_WIDTH_PX), round(0.85 * FACE_WIDTH_PX)), 0, 0, 360, 255, -1
    )
    shoulders = (head[0], head[1] + round(1.75 * FACE_WIDTH_PX))
    cv2.ellipse(
        mask,
        shoulders,
        (round(1.0 * FACE_WIDTH_PX), round(0.9 * FACE_WIDTH_PX)),
        0,
        0,
        360,
        255,
        -1,
    )
    soft = cv2.GaussianBlur(mask, (0, 0), 3).astype(np.float32) / np.float32(255)
    return cut, soft[:, :, None]
