"""The events of a run as JSON lines, an EventBridge envelope each, for `headcount verify`."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

# What EventBridge puts around a detail, in the order that a reader wants to see it.
_FIELDS = ("id", "detail-type", "source", "time", "replay-name", "detail")


class EventLog:
    """Writes each event when it is heard, so that a run that ends early leaves what it had.

    Args:
        file: Written anew; None keeps no log.
    """

    def __init__(self, file: Path | None) -> None:
        # A line at a time reaches the file: whoever follows it sees whole events.
        self._lines = file.open("w", encoding="utf-8", buffering=1) if file else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lines is not None:
            self._lines.close()

    def write(self, envelope: Mapping[str, object]) -> None:
        """Write one event; fields that its bus left out are left out."""
        if self._lines is not None:
            kept = {name: envelope[name] for name in _FIELDS if name in envelope}
            self._lines.write(json.dumps(kept, separators=(",", ":")) + "\n")
