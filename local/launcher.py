"""Start and stop an embedded AWS: a process of its own, on a loopback port of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from headcount.errors import HeadcountError

REPOSITORY = Path(__file__).resolve().parent.parent
EMULATOR_PYTHON = REPOSITORY / ".build/emulator/bin/python"
REGION = "us-east-1"
ACCOUNT_ID = "000000000000"

# A start takes about one second; a machine that is busy with other tests may need many.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
LOG_TAIL_LINES = 25


class EmbeddedAwsError(HeadcountError):
    """The embedded AWS did not start, or ended by itself."""


class EmbeddedAws:
    """A running embedded AWS, from `start` (or `with`) to `stop`.

    Any number may run side by side. The process ends with this one, however this one ends.

    Args:
        port: The loopback port to serve on; by default a free one.
        authorize: Whether IAM policies are enforced.
        services: Modules of foreign services; by default Kinesis Video and SageMaker.
    """

    def __init__(
        self, *, port: int = 0, authorize: bool = True, services: Sequence[str] = ()
    ) -> None:
        self._wanted_port = port
        self._authorize = authorize
        self._services = tuple(services)
        self._process: subprocess.Popen[bytes] | None = None
        self._state: Path | None = None
        self._port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """The one endpoint of every service, e.g. `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log_path(self) -> Path:
        """What the embedded AWS writes down; gone after `stop`."""
        return self.state_dir / "emulator.log"

    @property
    def state_dir(self) -> Path:
        """The folder that holds everything it stores; gone after `stop`."""
        if self._state is None:
            raise EmbeddedAwsError("The embedded AWS has not been started. Call start() first.")
        return self._state

    @property
    def pid(self) -> int:
        """The process id of the running server, which leads its own process group."""
        if self._process is None:
            raise EmbeddedAwsError("The embedded AWS has not been started. Call start() first.")
        return self._process.pid

    def start(self) -> Self:
        """Start the server and return when it answers.

        Raises:
            EmbeddedAwsError: If it does not; the message ends with the last lines of its log.
        """
        if not EMULATOR_PYTHON.exists():
            raise EmbeddedAwsError(
                f"{EMULATOR_PYTHON} does not exist. Run `make install` to make the embedded AWS."
            )
        listener = _listen(self._wanted_port)
        self._port = listener.getsockname()[1]
        self._state = Path(tempfile.mkdtemp(prefix="headcount-aws-"))
        # The socket is handed down, so that nobody can take the port in between.
        with listener, self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(listener.fileno()),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(listener.fileno(),),
                cwd=REPOSITORY,
                env=_server_environment(),
                start_new_session=True,
            )
        try:
            self._await_health()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and all it started, and remove its state. Harmless when repeated."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # What the server started is in its process group: nothing of it may stay.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                process.stdin.close()
        state, self._state = self._state, None
        if state is not None:
            shutil.rmtree(state, ignore_errors=True)

    def is_running(self) -> bool:
        """Return whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    def environment(self) -> dict[str, str]:
        """Return the variables that make boto3, the AWS CLI and CDK use this AWS."""
        return aws_environment(self.endpoint_url)

    def session(self) -> boto3.Session:
        """Return a boto3 session with this AWS's region and credentials."""
        return boto3.session.Session(
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - what the embedded AWS takes
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client of this AWS, e.g. for `"sqs"`."""
        return self.session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            config=Config(
                s3={"addressing_style": "path"},
                inject_host_prefix=False,
                retries={"total_max_attempts": 3, "mode": "standard"},
            ),
        )

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _command(self, fd: int) -> list[str]:
        command = [str(EMULATOR_PYTHON), "-m", "local.emulator.server", "--stop-with-parent"]
        command += ["--port", str(self._port), "--fd", str(fd), "--state", str(self.state_dir)]
        for service in self._services:
            command += ["--service", service]
        return [*command, "--authorize"] if self._authorize else command

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_healthy(self.endpoint_url):
            if not self.is_running():
                raise EmbeddedAwsError(
                    f"The embedded AWS ended while it started. Its last words:\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise EmbeddedAwsError(
                    f"The embedded AWS did not answer on {self.endpoint_url} within "
                    f"{START_TIMEOUT_S:.0f} s. The end of its log:\n{self.log_tail()}"
                )
            time.sleep(0.05)


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """Return the variables that point boto3, the AWS CLI and CDK to `endpoint_url`."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Profiles, and the 169.254.169.254 that a laptop does not have, must not interfere.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID,
        "CDK_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def is_healthy(endpoint_url: str) -> bool:
    """Return whether an embedded AWS answers at `endpoint_url`."""
    # Without a proxy handler: a proxy cannot reach our loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint_url}/_ministack/health", timeout=5) as answer:
            return bool(json.load(answer).get("services"))
    except (urllib.error.URLError, TimeoutError, ConnectionError, json.JSONDecodeError):
        return False


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as fault:
        listener.close()
        raise EmbeddedAwsError(
            f"Port {port} on 127.0.0.1 cannot be used ({fault.strerror}). "
            "Choose another one, or leave the port out to get a free one."
        ) from fault
    listener.listen(128)
    return listener


def _server_environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    code = f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'layers/headcount/python'}"
    # Without byte code on disk, every Lambda worker would compile its packages: seconds each.
    kept = {k: v for k, v in inherited.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": code, "PYTHONUNBUFFERED": "1"}
