"""The desk: frames in their order, what was opened, and what people said of them."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from headcount.errors import ConflictError, ManifestError
from training.data.pictures import Picture, read_picture
from training.manifest import Frame, Origin
from training.review.keeping import KeptManifest
from training.review.order import Turn, order_frames
from training.review.showing import blurred, opened
from training.review.wire import FACE, IGNORED, describe, read_boxes


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the work is.

    Attributes:
        place: The manifest's name or address.
        warning: Why it is not where it should be; empty if it is.
    """

    place: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Before:
    """A frame as it was before it was confirmed here."""

    line: str
    frame: Frame


class Desk:
    """One person's review of one manifest. Safe to use from several threads."""

    def __init__(
        self,
        kept: KeptManifest,
        *,
        reviewer: str,
        now: Callable[[], datetime],
        note_opened: Callable[[], None],
        picture_of: Callable[[Frame], Path] | None = None,
        copy: Callable[[], Saved] | None = None,
    ) -> None:
        """Lay the frames out.

        Args:
            kept: The manifest; frames whose picture is not there are left out.
            reviewer: Who will have labelled what is confirmed.
            now: The clock.
            note_opened: Is told each time a picture is shown unblurred, and not which.
            picture_of: Where a frame's picture is; by default beside the manifest.
            copy: Takes the manifest elsewhere after each change; by default it stays where it is.

        Raises:
            ManifestError: If no picture is there.
        """
        self._kept = kept
        self._reviewer = reviewer
        self._now = now
        self._note_opened = note_opened
        self._picture_of = picture_of or kept.picture
        self._copy = copy or (lambda: Saved(kept.path.name))
        self._lock = threading.Lock()
        self._opened: set[int] = set()
        self._before: dict[int, _Before] = {}
        self._confirmed_earlier = 0
        self._is_closed = False
        self._turns: dict[int, Turn] = {}
        self.missing = 0
        self._lay_out()

    @property
    def confirmed(self) -> int:
        """Return how many frames were confirmed here, and not taken back."""
        return self._confirmed_earlier + len(self._before)

    def overview(self) -> dict[str, Any]:
        """Return the frames in their order, without what is in them."""
        with self._lock:
            return {
                "manifest": self._kept.path.name,
                "reviewer": self._reviewer,
                "missing": self.missing,
                "frames": [
                    {
                        "id": index,
                        "camera": self._kept.frames[index].camera_id,
                        "reviewed": self._is_reviewed(index),
                    }
                    for index in self._turns
                ],
            }

    def progress(self) -> dict[str, tuple[int, int]]:
        """Return, for each camera, how many of its frames people have labelled, and how many."""
        frames = self.overview()["frames"]
        total = Counter(frame["camera"] for frame in frames)
        done = Counter(frame["camera"] for frame in frames if frame["reviewed"])
        return {camera: (done[camera], total[camera]) for camera in sorted(total)}

    def frame(self, index: int) -> dict[str, Any]:
        """Return what is known of a frame.

        Raises:
            ManifestError: If there is no such frame.
        """
        with self._lock:
            turn = self._turn(index)
            return describe(self._kept.frames[index], turn) | {
                "revision": self._kept.revision(index),
                "confirmed_here": index in self._before,
            }

    def blurred(self, index: int) -> bytes:
        """Return a JPEG of the frame in which nobody can be told.

        Raises:
            ManifestError: If there is no such frame, or its picture is not the labelled one.
        """
        return blurred(self._picture(index))

    def open(self, index: int) -> bytes:
        """Return a JPEG of the frame as it is, and note that somebody saw it.

        Raises:
            ManifestError: If there is no such frame, or its picture is not the labelled one.
        """
        picture = self._picture(index)
        self._note_opened()
        with self._lock:
            self._opened.add(index)
        return opened(picture)

    def confirm(self, index: int, revision: str, boxes: Sequence[Any]) -> dict[str, Any]:
        """Write what a person says is in a frame, and return where it was saved.

        Args:
            index: Of a frame that was opened here.
            revision: Of the frame's line, as the person saw it.
            boxes: As `wire.read_boxes` takes them.

        Raises:
            ConflictError: If the frame or the file was changed by somebody else.
            ManifestError: If it was not opened, a box is none, or it cannot be written.
        """
        with self._lock:
            self._check_revision(index, revision)
            if index not in self._opened:
                raise ManifestError(
                    "Nobody has opened this picture here.\n"
                    "Open it first: a label says that somebody looked."
                )
            before = _Before(self._kept.line(index), self._kept.frames[index])
            self._kept.put(index, self._labelled(before.frame, boxes))
            self._before.setdefault(index, before)
            return self._saved(index)

    def take_back(self, index: int, revision: str) -> dict[str, Any]:
        """Write a frame as it was before it was confirmed here, and return where it was saved.

        Raises:
            ConflictError: If the frame or the file was changed by somebody else.
            ManifestError: If it was not confirmed here, or cannot be written.
        """
        with self._lock:
            self._check_revision(index, revision)
            if index not in self._before:
                raise ManifestError("This frame was not confirmed here.\nThere is nothing to undo.")
            before = self._before[index]
            self._kept.put_line(index, before.line, before.frame)
            del self._before[index]
            return self._saved(index)

    def reread(self) -> None:
        """Take the file as somebody else left it, in a new order.

        Raises:
            ConflictError: If it is being written to.
            ManifestError: If it cannot be read.
        """
        with self._lock:
            self._kept.reread()
            self._confirmed_earlier += len(self._before)
            self._before.clear()
            self._opened.clear()
            self._lay_out()

    def close(self) -> None:
        """Wait for what is being saved, and take nothing more."""
        with self._lock:
            self._is_closed = True

    def _lay_out(self) -> None:
        frames = self._kept.frames
        there = {index for index, frame in enumerate(frames) if self._picture_of(frame).is_file()}
        self.missing = len(frames) - len(there)
        if not there:
            raise ManifestError(
                f"{self._kept.path}: not one of its {len(frames)} pictures is here, the first is "
                f"{frames[0].source}.\nCopy them beside the manifest."
            )
        self._turns = {turn.index: turn for turn in order_frames(frames) if turn.index in there}

    def _turn(self, index: int) -> Turn:
        if index not in self._turns:
            raise ManifestError(f"There is no frame {index}.\nLoad the page again.")
        return self._turns[index]

    def _check_revision(self, index: int, revision: str) -> None:
        if self._is_closed:
            raise ManifestError("The review was stopped.\nStart it again to go on.")
        self._turn(index)
        if revision != self._kept.revision(index):
            raise ConflictError(
                "This frame was changed since you saw it, in another window or by somebody else.\n"
                "Nothing was overwritten. Read it again, then confirm it once more."
            )

    def _picture(self, index: int) -> Picture:
        with self._lock:
            self._turn(index)
            frame = self._kept.frames[index]
        path = self._picture_of(frame)
        picture = read_picture(path)
        if (picture.width_px, picture.height_px) != (frame.width_px, frame.height_px):
            raise ManifestError(
                f"{path.name} is {picture.width_px}x{picture.height_px}, but its line says "
                f"{frame.width_px}x{frame.height_px}.\nBoxes would be drawn in the wrong places."
            )
        return picture.pixels

    def _labelled(self, seen: Frame, said: Sequence[Any]) -> Frame:
        boxes = read_boxes(said, seen)
        return replace(
            seen,
            origin=Origin.PEOPLE,
            faces=np.array(boxes[FACE], float).reshape(-1, 4),
            scores=np.ones(len(boxes[FACE])),
            ignored=np.array(boxes[IGNORED], float).reshape(-1, 4),
            labelled_by=self._reviewer,
            labelled_at=self._now(),
        )

    def _saved(self, index: int) -> dict[str, Any]:
        saved = self._copy()
        return {
            "revision": self._kept.revision(index),
            "reviewed": self._is_reviewed(index),
            "saved_at": self._now().isoformat(),
            "saved_in": saved.place,
            "warning": saved.warning,
        }

    def _is_reviewed(self, index: int) -> bool:
        return self._kept.frames[index].origin is Origin.PEOPLE
