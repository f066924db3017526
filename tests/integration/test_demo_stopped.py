"""Ctrl-C ends `headcount demo` within seconds, in whatever it is doing, and leaves nothing."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from local.scenes import EMPTY, compose
from tests.integration.processes import descendants, is_alive, listening_ports

HEADCOUNT = Path(sys.executable).with_name("headcount")
INTERRUPTED = 130
# The longest that was measured is 4 s, with two demos on two cores.
ENDS_WITHIN_S = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="It looks into Linux's /proc."),
]


@dataclass
class RunningDemo:
    """A demo in a process group of its own, and what it had started before it was stopped."""

    process: "subprocess.Popen[str]"
    output: Path
    started: frozenset[int] = frozenset()
    ports: frozenset[int] = frozenset()

    def await_line(self, beginning: str) -> None:
        """Wait until the demo has printed a line."""
        deadline = time.monotonic() + 240
        while beginning not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.2)

    def remember(self) -> None:
        """Note what runs now."""
        self.started = frozenset(descendants(self.process.pid))
        self.ports = frozenset(listening_ports(set(self.started)))


@contextmanager
def demo(output: Path, *arguments: str) -> Iterator[RunningDemo]:
    with (
        output.open("w") as written,
        subprocess.Popen(
            [str(HEADCOUNT), "demo", *arguments],
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        running = RunningDemo(process, output)
        try:
            yield running
        finally:
            # Only if a test failed: the embedded AWS ends with the process that started it.
            process.kill()


# A terminal signals the whole group; a supervisor only the process.
Send: TypeAlias = Callable[[int, int], None]
SIGNALS: tuple[Send, ...] = (os.kill, os.killpg)


@pytest.mark.parametrize(
    ("done", "after_s"),
    [
        pytest.param("[1/7]", 1.5, id="while-synthesizing"),
        pytest.param("[2/7]", 4.0, id="while-deploying"),
        pytest.param("[5/7]", 3.0, id="while-playing"),
    ],
)
def test_ctrl_c_leaves_no_process_and_no_port_behind(
    tmp_path: Path, done: str, after_s: float
) -> None:
    clip = str(compose(EMPTY))
    with ExitStack() as ending:
        demos = [
            ending.enter_context(
                demo(tmp_path / f"{number}.txt", "--source", clip, "--page", f"{tmp_path}/p.html")
            )
            for number in range(len(SIGNALS))
        ]
        for running in demos:
            running.await_line(done)
        time.sleep(after_s)
        for running, send in zip(demos, SIGNALS, strict=True):
            running.remember()
            send(running.process.pid, signal.SIGINT)

        codes = [running.process.wait(timeout=ENDS_WITHIN_S) for running in demos]

    said = [running.output.read_text() for running in demos]
    assert codes == [INTERRUPTED] * len(SIGNALS), said
    assert all(running.started and running.ports for running in demos)
    assert not [pid for running in demos for pid in running.started if is_alive(pid)]
    assert not [port for running in demos for port in running.ports if answers(port)]
    assert all(text.endswith("Stopped; nothing is left running.\n") for text in said), said


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
