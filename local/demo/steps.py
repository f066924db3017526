"""Says what is going on, with a clock: long work shows progress."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


class Steps:
    """Prints a line a step when it is done, and its news while it runs.

    Args:
        console: Where to print.
        total: How many steps there will be.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator["News"]:
        """Time one step; what it tells the news shows beside it."""
        self._number += 1
        name = f"[{self._number}/{self._total}] {title}"
        started = time.monotonic()
        with self._console.status(name) as status:
            yield News(self._console, name, status.update)
        took = time.monotonic() - started
        self._console.print(f"{name}: {took:.1f} s", highlight=False, markup=False)


class News:
    """Takes lines of progress of one step; on a terminal the newest shows beside the spinner."""

    def __init__(self, console: Console, name: str, update: Callable[[str], None]) -> None:
        self._console = console
        self._name = name
        self._update = update

    def __call__(self, line: str) -> None:
        """Show one line."""
        room = max(20, self._console.width - len(self._name) - 8)
        self._update(f"{self._name}  [dim]{escape(line.strip()[:room])}[/dim]")
