"""Scenes composed from the pinned portraits, labelled exactly: a training set for any fresh clone.

They show that the loop works, and nothing about faces in general: five portraits of four people are
in every part of the set. Every frame says that it is composed.

Six made-up cameras look at six made-up rooms. On `DRIFT_BEGINS` the light fails and dust settles on
the lenses. Four cameras teach, two only judge.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from headcount.domain.terms import LightMode
from headcount.errors import SourceError
from local.portraits import PEOPLE, Portrait, fetch_portraits
from training.channel_folders import MANIFEST
from training.conditions import Condition, Picture, picture_under
from training.manifest import Frame, Manifest, Origin, Split, write_manifest

WIDTH_PX, HEIGHT_PX = 640, 360
COMPOSED_SLICE, DARK_SLICE = "composed", "darkened"
TEACHING_CAMERAS = ("composed-lobby", "composed-lab", "composed-library", "composed-studio")
JUDGING_CAMERAS = ("composed-canteen", "composed-hall")
DRIFT_BEGINS = datetime(2026, 3, 9, tzinfo=UTC)
# Days from which on teaching cameras teach no more, and only choose the best round.
_VALIDATION_FROM = timedelta(days=3)
# What is left of the picture once the light has failed and the lens is dusty. Chosen so that the
# packaged CenterFace loses a fifth of its precision, and misses 1.5 faces of a frame's 2.8.
FAILED_LIGHT = Condition(
    exposure=0.02,
    full_well=700.0,
    read_noise=4.0,
    blur_px=2.4,
    cast=(0.8, 1.0, 1.0),
    jpeg_quality=60,
)
MOST_PEOPLE = 6
# Frames of one scene: the same people on the same seats, a minute apart.
_FRAMES_OF_A_SCENE = 2
# Pixels, ear to ear: somebody at the far wall, and somebody at the near end of the table.
_SMALLEST_FACE_PX, _LARGEST_FACE_PX = 18.0, 44.0
_SWAY_PX = 3.0
_SENSOR_NOISE_LEVELS = np.float32(1.5)


@dataclass(frozen=True, slots=True)
class _Head:
    """A face's box beside its portrait's `face_width`: as CenterFace itself sees it.

    Attributes:
        wide: Width over `face_width`.
        tall: Height over `face_width`.
        right: From the portrait's face centre to the box's, in face widths.
        down: The same downwards.
    """

    wide: float
    tall: float
    right: float
    down: float


# Means over face widths of 60, 90, 120 and 180 pixels, on the portraits themselves; the champion's
# score was 0.83 or more each time, and no figure strayed from its mean by more than 0.12.
_HEADS = {
    "obama.jpg": _Head(0.88, 1.27, -0.045, -0.125),
    "biden.jpg": _Head(1.26, 1.70, 0.055, -0.15),
    "astronaut.png": _Head(0.93, 1.23, 0.03, 0.02),
    "obama2.jpg": _Head(0.955, 1.385, -0.13, 0.13),
    "obama3.jpg": _Head(1.11, 1.46, 0.12, -0.08),
}


@dataclass(frozen=True, slots=True)
class _Sitter:
    person: int
    face_px: float
    x: float
    y: float
    mirrored: bool
    gain: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many scenes each part of the set gets, at its full size."""

    split: Split
    cameras: Sequence[str]
    begins: datetime
    dark: bool
    scenes: int


_BEFORE = DRIFT_BEGINS - timedelta(days=7)
_PLANS = (
    _Plan(Split.TRAIN, TEACHING_CAMERAS, _BEFORE, dark=False, scenes=40),
    _Plan(Split.TRAIN, TEACHING_CAMERAS, DRIFT_BEGINS, dark=True, scenes=40),
    _Plan(
        Split.VALIDATION, TEACHING_CAMERAS, DRIFT_BEGINS + _VALIDATION_FROM, dark=True, scenes=16
    ),
    _Plan(Split.VALIDATION, TEACHING_CAMERAS, _BEFORE + _VALIDATION_FROM, dark=False, scenes=12),
    _Plan(Split.GOLDEN, JUDGING_CAMERAS, _BEFORE, dark=False, scenes=30),
    _Plan(Split.DRIFTED, JUDGING_CAMERAS, DRIFT_BEGINS, dark=True, scenes=30),
)


def compose_set(
    into: Path,
    seed: int = 0,
    *,
    size: float = 1.0,
    watch: Callable[[Sequence[Frame]], Iterable[Frame]] = iter,
) -> Manifest:
    """Write a composed set and return its manifest; the same seed gives the same bytes.

    Args:
        into: Where pictures and manifest are written.
        seed: Of the people, their places and the noise.
        size: Of the set; 1 is 336 frames.
        watch: Wraps the iteration, to show progress.

    Raises:
        SourceError: If the portraits cannot be had.
        ManifestError: If the folder cannot be written to.
    """
    fetch_portraits()
    planned = [frame for plan in _PLANS for frame in _frames(plan, size)]
    kept = [_write(into, frame, seed) for frame in watch(planned)]
    return write_manifest(into / MANIFEST, kept)


def compose_frame(camera_id: str, group: str, moment: int, seed: int) -> tuple[Picture, Frame]:
    """Return one moment of a scene in good light, with its faces.

    Args:
        camera_id: Which room it is.
        group: The scene: who sits where.
        moment: Which of its frames.
        seed: Of the set.
    """
    # Frame 0, 1, 2 … of a camera show 0, 1, 2 … people, so that every number is there.
    number = int(group.rpartition("-")[2]) % (MOST_PEOPLE + 1)
    random = _random(seed, group)
    sitters = _seated(number, random)
    picture = _drawn_room(camera_id).copy()
    jitter = _random(seed, group, moment)
    boxes = []
    # Who sits nearer, and so lower in the picture, hides who is behind.
    for sitter in sorted(sitters, key=lambda one: one.y):
        sway_x, sway_y = jitter.normal(0, _SWAY_PX / 2, 2)
        boxes.append(_paint(picture, replace(sitter, x=sitter.x + sway_x, y=sitter.y + sway_y)))
    frame = Frame(
        source=f"{group}-{moment}.png",
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        origin=Origin.COMPOSED,
        faces=np.array(boxes).reshape(-1, 4),
        camera_id=camera_id,
        slices=(COMPOSED_SLICE,),
        group=group,
        labelled_by="training.composed",
    )
    noise = jitter.standard_normal(picture.shape, np.float32) * _SENSOR_NOISE_LEVELS
    return np.rint(picture + noise).clip(0, 255).astype(np.uint8), frame


def _frames(plan: _Plan, size: float) -> Iterable[Frame]:
    """Yield the frames of one part, of which only the picture is still missing."""
    for number in range(max(1, round(plan.scenes * size))):
        camera = plan.cameras[number % len(plan.cameras)]
        begins = plan.begins + timedelta(hours=9) + number * timedelta(minutes=100)
        group = f"{camera}-{plan.split.value}-{'dark' if plan.dark else 'day'}-{number}"
        for moment in range(_FRAMES_OF_A_SCENE):
            yield Frame(
                source=f"{plan.split.value}/{group}-{moment}.png",
                width_px=WIDTH_PX,
                height_px=HEIGHT_PX,
                camera_id=camera,
                captured_at=begins + moment * timedelta(minutes=1),
                light_mode=LightMode.DARK if plan.dark else LightMode.DAY,
                split=plan.split,
                slices=(COMPOSED_SLICE, *((DARK_SLICE,) if plan.dark else ())),
                group=group,
            )


def _write(into: Path, planned: Frame, seed: int) -> Frame:
    moment = int(planned.source.removesuffix(".png").rpartition("-")[2])
    picture, shown = compose_frame(planned.camera_id, planned.group, moment, seed)
    if planned.light_mode is LightMode.DARK:
        picture = picture_under(picture, FAILED_LIGHT, _random(seed, planned.source))
    # Level 1: noise is not shrunk by more, and takes five times as long.
    encoded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    target = into / planned.source
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded)
    return replace(
        planned,
        sha256=hashlib.sha256(encoded).hexdigest(),
        origin=shown.origin,
        faces=shown.faces,
        # Said anew: a frame without labels has no scores, and this one has faces.
        scores=np.ones(len(shown.faces)),
        labelled_by=shown.labelled_by,
        labelled_at=planned.captured_at,
    )


def _seated(number: int, random: np.random.Generator) -> list[_Sitter]:
    """Return so many people, no two in front of each other's face."""
    sitters: list[_Sitter] = []
    while len(sitters) < number:
        nearness = random.random()
        face_px = _SMALLEST_FACE_PX + nearness * (_LARGEST_FACE_PX - _SMALLEST_FACE_PX)
        sitter = _Sitter(
            person=int(random.integers(len(PEOPLE))),
            face_px=face_px,
            x=float(random.uniform(face_px * 1.2, WIDTH_PX - face_px * 1.2)),
            # Nearer people are larger and lower, as a camera under the ceiling sees them.
            y=float(90 + 110 * nearness + random.uniform(-15, 15)),
            mirrored=bool(random.random() < 0.5),
            gain=float(random.uniform(0.75, 1.15)),
        )
        if all(abs(sitter.x - one.x) > 0.95 * (face_px + one.face_px) for one in sitters):
            sitters.append(sitter)
    return sitters


def _paint(picture: Picture, sitter: _Sitter) -> list[float]:
    """Blend a person into `picture`, in place, and return the box of the face."""
    portrait = PEOPLE[sitter.person]
    cutout, mask, centre = _cutout(portrait, sitter.face_px)
    if sitter.mirrored:
        cutout, mask = cutout[:, ::-1], mask[:, ::-1]
        centre = (cutout.shape[1] - centre[0], centre[1])
    left, top = round(sitter.x - centre[0]), round(sitter.y - centre[1])
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + cutout.shape[1], WIDTH_PX)
    y1 = min(top + cutout.shape[0], HEIGHT_PX)
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    under = picture[y0:y1, x0:x1].astype(np.float32)
    under += mask[part] * (cutout[part] * np.float32(sitter.gain) - under)
    picture[y0:y1, x0:x1] = np.rint(under).clip(0, 255).astype(np.uint8)
    head = _HEADS[portrait.file]
    right = -head.right if sitter.mirrored else head.right
    centre_x = left + centre[0] + right * sitter.face_px
    centre_y = top + centre[1] + head.down * sitter.face_px
    wide, tall = head.wide * sitter.face_px, head.tall * sitter.face_px
    return [centre_x - wide / 2, centre_y - tall / 2, wide, tall]


def _cutout(
    portrait: Portrait, face_px: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], tuple[float, float]]:
    """Return head and shoulders, a soft mask and where the face's centre is, in pixels."""
    picture = _portrait(portrait)
    scale = face_px / (portrait.face_width * picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x, y = portrait.face_x * small.shape[1], portrait.face_y * small.shape[0]
    left, top = max(0, round(x - 1.1 * face_px)), max(0, round(y - 1.1 * face_px))
    cut = small[top : round(y + 2.0 * face_px), left : round(x + 1.1 * face_px)]
    mask = np.zeros(cut.shape[:2], np.uint8)
    head = (round(x) - left, round(y) - top)
    shoulders = (head[0], head[1] + round(1.75 * face_px))
    for centre, wide, tall in ((head, 0.72, 0.95), (shoulders, 1.0, 0.9)):
        axes = (round(wide * face_px), round(tall * face_px))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, (255,), -1)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.8, face_px / 20)).astype(np.float32)
    return cut.astype(np.float32), soft[:, :, None] / np.float32(255), (x - left, y - top)


@cache
def _portrait(portrait: Portrait) -> Picture:
    """Return a portrait at twice the size of the largest face: it is shrunk once for them all."""
    file = fetch_portraits() / portrait.file
    picture = cv2.imread(str(file))
    if picture is None:
        raise SourceError(f"{file} cannot be decoded.\nRemove it, and run the command again.")
    scale = 2 * _LARGEST_FACE_PX / (portrait.face_width * picture.shape[1])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


@cache
def _drawn_room(camera_id: str) -> Picture:
    """Draw the room that a camera looks at: wall, window, pictures, table; nothing like a face."""
    random = _random(0, camera_id)
    tint = random.uniform(0.8, 1.0, 3)
    fall = np.linspace(random.uniform(150, 215), random.uniform(110, 170), HEIGHT_PX)
    room = np.ascontiguousarray(
        (fall[:, None, None] * tint).repeat(WIDTH_PX, axis=1).clip(0, 255), dtype=np.uint8
    )
    for _ in range(int(random.integers(3, 8))):
        corner = (int(random.integers(0, WIDTH_PX)), int(random.integers(0, HEIGHT_PX // 2)))
        sides = random.integers(25, 170), random.integers(20, 120)
        far = (corner[0] + int(sides[0]), corner[1] + int(sides[1]))
        colour = tuple(int(part) for part in random.integers(40, 235, 3))
        cv2.rectangle(room, corner, far, colour, int(random.choice([-1, -1, 3])))
    table_top = int(random.integers(290, 330))
    room[table_top:] = tuple(int(part) for part in random.integers(50, 140, 3))
    return room


def _random(seed: int, *about: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(about).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
