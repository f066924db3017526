"""The manifest's file: changed one line at a time, whole or not at all, never over a change."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headcount.errors import ConflictError, ManifestError
from training.manifest import Frame, Manifest, as_line, read_manifest

# Hex digits that tell one version of a line from another.
_REVISION_DIGITS = 16


class KeptManifest:
    """A manifest on this machine, and its lines as they were read or last written.

    Lines that nobody changes keep their bytes, and a changed line keeps what others wrote into it.
    """

    def __init__(self, path: Path) -> None:
        """Read the manifest.

        Raises:
            ManifestError: If it cannot be read, or a line is wrong.
        """
        # A link's target is what has to change, not the link.
        self.path = path.resolve()
        self._lines: list[str] = []
        self._sha256 = ""
        self.frames: list[Frame] = []
        self._manifest: Manifest
        self.reread()

    def reread(self) -> None:
        """Take the file as it is now.

        Raises:
            ConflictError: If it is being written to.
            ManifestError: If it cannot be read, or a line is wrong.
        """
        manifest = read_manifest(self.path)
        text = self.path.read_bytes().decode()
        if _sha256(text) != manifest.sha256:
            raise ConflictError(f"{self.path} is being written to.\nTry again.")
        self._lines = [line for line in text.splitlines() if line.strip()]
        self._sha256 = manifest.sha256
        self._manifest = manifest
        self.frames = list(manifest.frames)

    def picture(self, frame: Frame) -> Path:
        """Return where a frame's picture is.

        Raises:
            ManifestError: If it is not in the manifest's folder.
        """
        return self._manifest.picture(frame)

    def revision(self, index: int) -> str:
        """Return what changes when the frame's line does."""
        return _sha256(self._lines[index])[:_REVISION_DIGITS]

    def line(self, index: int) -> str:
        """Return the frame's line as it is kept."""
        return self._lines[index]

    def put(self, index: int, frame: Frame) -> None:
        """Write a frame over its line.

        Raises:
            ConflictError: If the file is not the one that was read or written last.
            ManifestError: If it cannot be written.
        """
        self.put_line(index, json.dumps(_merged(self._lines[index], frame), sort_keys=True), frame)

    def put_line(self, index: int, line: str, frame: Frame) -> None:
        """Write a line, and the frame that it says, as `put` does."""
        lines = [*self._lines[:index], line, *self._lines[index + 1 :]]
        text = "".join(f"{line}\n" for line in lines)
        try:
            with _alone_in(self.path.parent):
                self._check_untouched()
                _write_whole(self.path, text)
        except OSError as fault:
            raise ManifestError(
                f"{self.path} cannot be written ({fault.strerror}).\n"
                "Make room, or give yourself the right to write in its folder; then confirm again."
            ) from fault
        self._lines, self._sha256 = lines, _sha256(text)
        self.frames[index] = frame

    def _check_untouched(self) -> None:
        try:
            found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        except FileNotFoundError:
            found = "gone"
        if found != self._sha256:
            raise ConflictError(
                f"{self.path.name} was changed by somebody else since it was read.\n"
                "Nothing was overwritten. Read it again, then confirm this frame once more."
            )


def _merged(line: str, frame: Frame) -> Mapping[str, Any]:
    """Return the frame's line with whatever else the old one held: others may have fields of it."""
    old, new = json.loads(line), as_line(frame)
    return {**old, **new, "frame": {**old.get("frame", {}), **new["frame"]}}


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # An hour of somebody's work is in it: it has to outlive a power cut.
            os.fsync(file.fileno())
        shutil.copymode(path, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other reviews of this folder from writing between our look at the file and our write."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
