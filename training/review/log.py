"""The note of who opened pictures, and when; not which, and nothing of what is in them."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from headcount.errors import ManifestError

LOG_NAME = "review-log.jsonl"


class ReviewLog:
    """JSON lines in a file that is only ever added to."""

    def __init__(self, path: Path, reviewer: str, now: Callable[[], datetime]) -> None:
        self.path = path
        self._reviewer = reviewer
        self._now = now
        self._lock = threading.Lock()
        self.opened = 0

    def note_opened(self) -> None:
        """Write that a picture was opened.

        Raises:
            ManifestError: If that cannot be written: then the picture must not be shown either.
        """
        line = {"at": self._now().isoformat(), "by": self._reviewer, "did": "opened a picture"}
        try:
            with self._lock, self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                self.opened += 1
        except OSError as fault:
            raise ManifestError(
                f"{self.path} cannot be written ({fault.strerror}).\n"
                "Pictures are only opened where that can be noted."
            ) from fault
