"""Work that is done again and again in the background, and once more at the end."""

import threading
from collections.abc import Callable


class Periodic:
    """Calls `work` every `every_s` seconds on a thread of its own, until `stop`."""

    def __init__(self, work: Callable[[], None], every_s: float, name: str) -> None:
        self._work = work
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do the work once more, and end."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self._work()
        self._work()
