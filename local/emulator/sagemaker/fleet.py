"""The running containers of an endpoint: one process for each variant."""

import contextlib
import http.client
import logging
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator.sagemaker.artifacts import ArtifactError, ArtifactStore

logger = logging.getLogger("headcount.emulator.sagemaker")

_CONTAINER = Path(__file__).with_name("container.py")
# The only image we can stand in for.
_KNOWN_IMAGE = re.compile(
    r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/pytorch-inference:"
)
# Seconds. Ping, invocation and stop limits are those of SageMaker's container contract; the health
# check is AWS's default where the variant sets none.
PING_TIMEOUT_S = 2.0
INVOCATION_TIMEOUT_S = 60.0
HEALTH_CHECK_TIMEOUT_S = 240.0
STOP_TIMEOUT_S = 30.0
DRAIN_TIMEOUT_S = 60.0
# A container that dies at once again must not keep a processor busy.
_RESTART_WAIT_S = 0.5
_LOG_TAIL_LINES = 6


class FleetError(Exception):
    """A variant did not come into service; the message goes to FailureReason."""


@dataclass(frozen=True, slots=True)
class ContainerAnswer:
    """What a container answered to an invocation."""

    status: int
    body: bytes
    content_type: str


class Variant:
    """One production variant: a process, its port, and its weight.

    Args:
        specification: A ProductionVariant of CreateEndpointConfig.
        container: The PrimaryContainer of its model.
    """

    def __init__(self, specification: dict[str, Any], container: dict[str, Any]) -> None:
        self.name: str = specification["VariantName"]
        self.weight = float(specification.get("InitialVariantWeight", 1.0))
        self.instance_count = int(specification.get("InitialInstanceCount", 1))
        self._health_check_s = float(
            specification.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_TIMEOUT_S)
        )
        self._container = container
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._log_path = Path(os.devnull)
        self._in_flight = 0
        self._idle = threading.Condition()
        self._is_in_service = threading.Event()
        self._process_lock = threading.Lock()

    def start(self, artifacts: ArtifactStore, python: Path, log_path: Path) -> None:
        """Fetch the model and start its process; `await_health` tells whether it serves.

        Raises:
            FleetError: If the image is unknown or the model cannot be unpacked.
        """
        image = self._container.get("Image", "")
        if not _KNOWN_IMAGE.match(image):
            raise FleetError(
                f"The image {image!r} of variant {self.name} cannot be run here. "
                "Use a pytorch-inference deep-learning image."
            )
        try:
            model_dir = artifacts.fetch(_model_data_url(self._container))
        except ArtifactError as fault:
            raise FleetError(str(fault)) from fault
        self._log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self._run(python, model_dir)
        threading.Thread(
            target=self._keep_running, args=(python, model_dir), name="container", daemon=True
        ).start()

    def _run(self, python: Path, model_dir: Path) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._port = listener.getsockname()[1]
        # -S and -P: no site-packages and no folder of ours, as in an image that lacks them.
        with listener, self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(python), "-S", "-P", "-B", str(_CONTAINER),
                    "--model-dir", str(model_dir), "--fd", str(listener.fileno()),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(listener.fileno(),),
                cwd=model_dir,
                env={
                    **self._container.get("Environment", {}),
                    "PATH": os.defpath,
                    "PYTHONPATH": str(model_dir / "code"),
                    "PYTHONUNBUFFERED": "1",
                },
            )  # fmt: skip

    def await_health(self) -> None:
        """Return when the container answers its ping.

        Raises:
            FleetError: If it ends, or does not answer in time.
        """
        deadline = time.monotonic() + self._health_check_s
        while not self._ping():
            if self._process is None or self._process.poll() is not None:
                raise FleetError(
                    f"The container of variant {self.name} ended while it started. "
                    f"The end of its log: {self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise FleetError(
                    f"The primary container for production variant {self.name} did not pass the "
                    f"ping health check. The end of its log: {self.log_tail()}"
                )
            time.sleep(0.05)
        self._is_in_service.set()

    def reserve(self) -> None:
        """Keep the container running until one `invoke` has ended."""
        with self._idle:
            self._in_flight += 1

    def invoke(self, body: bytes, headers: dict[str, str]) -> ContainerAnswer:
        """Return the container's answer; call `reserve` before.

        Raises:
            OSError: If the container has gone, or takes longer than SageMaker waits.
            http.client.HTTPException: If it goes while it answers.
        """
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=INVOCATION_TIMEOUT_S
        )
        try:
            connection.request("POST", "/invocations", body, headers)
            answer = connection.getresponse()
            return ContainerAnswer(
                answer.status,
                answer.read(),
                answer.headers.get("Content-Type", "application/octet-stream"),
            )
        finally:
            connection.close()
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def stop(self) -> None:
        """Wait for what is being answered, then SIGTERM, then SIGKILL."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, DRAIN_TIMEOUT_S)
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process now."""
        self._end(signal.SIGKILL)

    def log_tail(self) -> str:
        """Return the last lines of the container's log, in one line."""
        if not self._log_path.is_file():
            return "(no log)"
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-_LOG_TAIL_LINES:])

    def _ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PING_TIMEOUT_S)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _keep_running(self, python: Path, model_dir: Path) -> None:
        """Start the container again when it dies in service, as SageMaker does."""
        process = self._process
        while process is not None:
            process.wait()
            # One that dies before it was ever healthy is a failed deployment, not an accident.
            if self._process is not process or not self._is_in_service.is_set():
                return
            logger.error("Variant %s died, and is started again: %s", self.name, self.log_tail())
            time.sleep(_RESTART_WAIT_S)
            with self._process_lock:
                if self._process is not process:
                    return
                self._run(python, model_dir)
                process = self._process

    def _end(self, number: signal.Signals) -> None:
        with self._process_lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


class Fleet:
    """All variants of one endpoint under one configuration."""

    def __init__(self, variants: list[Variant]) -> None:
        self.variants = variants

    def start(self, artifacts: ArtifactStore, python: Path, log_folder: Path) -> None:
        """Start every variant and return when all are healthy.

        Raises:
            FleetError: If one is not; none is left running.
        """
        try:
            for variant in self.variants:
                variant.start(artifacts, python, log_folder / f"{variant.name}.log")
            for variant in self.variants:
                variant.await_health()
        except FleetError:
            self.kill()
            raise

    def choose(self, target: str | None) -> Variant | None:
        """Return the variant called `target`, or without one any, by weight."""
        if target is not None:
            return next((each for each in self.variants if each.name == target), None)
        weights = [variant.weight for variant in self.variants]
        if not any(weights):
            return None
        return random.choices(self.variants, weights)[0]

    def stop(self) -> None:
        """Drain and stop every variant."""
        for variant in self.variants:
            variant.stop()

    def kill(self) -> None:
        """End every variant now."""
        for variant in self.variants:
            variant.kill()


def _model_data_url(container: dict[str, Any]) -> str:
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    url = container.get("ModelDataUrl") or source.get("S3Uri")
    if not url:
        raise ArtifactError("The model has no ModelDataUrl. Name its model.tar.gz in S3.")
    return str(url)
