"""The embedded AWS as a process: start, several at once, streaming, and no trace afterwards."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.launcher import EmbeddedAws, EmbeddedAwsError, is_healthy

ECHO = "tests.integration.echo_service"
SIGNED = (
    "Authorization: AWS4-HMAC-SHA256 "
    "Credential=test/20260131/us-east-1/kinesisvideo/aws4_request, Signature=0\r\n"
)


PATIENCE_S = 30


def await_end(is_running: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running()


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def port_of(aws: EmbeddedAws) -> int:
    return int(aws.endpoint_url.rsplit(":", 1)[1])


def test_two_run_side_by_side_and_share_nothing() -> None:
    with EmbeddedAws(services=[ECHO]) as one, EmbeddedAws(services=[ECHO]) as other:
        one.client("sqs").create_queue(QueueName="only-here")

        assert len(one.client("sqs").list_queues()["QueueUrls"]) == 1
        assert other.client("sqs").list_queues()["QueueUrls"] == []


def test_a_stop_leaves_no_process_no_port_and_no_state() -> None:
    with EmbeddedAws(services=[ECHO]) as aws:
        pid, port, state = aws.pid, port_of(aws), aws.state_dir

    assert await_end(lambda: exists(pid))
    assert not state.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_asked_to_end_it_ends_by_itself() -> None:
    with EmbeddedAws(services=[ECHO]) as aws:
        os.kill(aws.pid, signal.SIGTERM)

        assert await_end(aws.is_running)


def test_it_ends_when_whoever_started_it_is_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import time; from local.launcher import EmbeddedAws\n"
                f"aws = EmbeddedAws(services=[{ECHO!r}]).start()\n"
                "print(aws.pid, aws.state_dir, flush=True); time.sleep(600)"
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid, state = parent.stdout.readline().split()

        parent.send_signal(signal.SIGKILL)

    assert await_end(lambda: exists(int(pid)))
    assert not Path(state.strip()).exists()


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(EmbeddedAwsError, match=f"Port {port} on 127.0.0.1 cannot be used"):
            EmbeddedAws(port=port).start()


def test_a_failed_start_shows_the_end_of_the_log() -> None:
    with pytest.raises(EmbeddedAwsError, match=r"No module named 'tests\.nowhere'"):
        EmbeddedAws(services=["tests.nowhere"]).start()


def test_an_answer_flows_while_the_request_still_does() -> None:
    with (
        EmbeddedAws(services=[ECHO]) as aws,
        socket.create_connection(("127.0.0.1", port_of(aws)), timeout=PATIENCE_S) as connection,
    ):
        connection.sendall(
            f"POST /putMedia HTTP/1.1\r\nHost: x\r\n{SIGNED}"
            "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        answers = connection.makefile("rb")
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.readline() == b"\r\n"
        for number in range(3):
            connection.sendall(f"1\r\n{number}\r\n".encode())
            if number == 0:
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                while answers.readline() != b"\r\n":
                    pass

            assert answers.readline() == b"1\r\n"
            assert answers.readline() == f"{number}\r\n".encode()

        connection.sendall(b"0\r\n\r\n")
        assert answers.readline() == b"3\r\n"
        assert answers.readline() == b"end\r\n"


def test_its_end_does_not_wait_for_a_stream_that_never_ends() -> None:
    with (
        EmbeddedAws(services=[ECHO]) as aws,
        socket.create_connection(("127.0.0.1", port_of(aws)), timeout=PATIENCE_S) as connection,
    ):
        connection.sendall(
            f"POST /putMedia HTTP/1.1\r\nHost: x\r\n{SIGNED}"
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n".encode()
        )
        assert connection.recv(1)
        os.kill(aws.pid, signal.SIGTERM)

        assert await_end(aws.is_running)


def test_health_of_a_port_where_nobody_listens_is_false() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))

        assert not is_healthy(f"http://127.0.0.1:{free.getsockname()[1]}")
