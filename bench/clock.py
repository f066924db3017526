"""Process time, the median of several runs."""

import statistics
import time
from collections.abc import Callable

RUNS = 15


def cpu_ms(way: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median CPU time of `way`, in milliseconds, after one run to warm up."""
    way()
    times = []
    for _ in range(runs):
        before = time.process_time()
        way()
        times.append((time.process_time() - before) * 1000)
    return statistics.median(times)
