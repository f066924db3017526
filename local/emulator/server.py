"""Run the embedded AWS: MiniStack, the services it lacks, and our hooks, on one loopback port.

    .build/emulator/bin/python -m local.emulator.server --port 4566 --state DIR

Runs in the emulator's own environment, with the repository's root and the headcount layer on
PYTHONPATH. `local.launcher` starts it; nobody else needs to.
"""

import argparse
import asyncio
import importlib
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.emulator.routing import ServiceRouter
from local.emulator.service import EmulatorConfig, ForeignService

logger = logging.getLogger("headcount.emulator")

# MiniStack's account for credentials that are not themselves twelve digits.
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
# What a stop may take before the process ends regardless; a clean stop takes about 0.3 s.
STOP_DEADLINE_S = 4.0
# What a request under way gets to finish.
DRAIN_S = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or, with --stop-with-parent, the end of standard input."""
    options = _parse(arguments)
    state: Path = options.state.resolve()
    _configure_ministack(options.port, state, authorize=options.authorize)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True
    )
    config = EmulatorConfig(
        endpoint_url=f"http://127.0.0.1:{options.port}",
        region=REGION,
        account_id=ACCOUNT_ID,
        state_dir=state,
        python=Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}",
    )
    bind = f"fd://{options.fd}" if options.fd is not None else f"127.0.0.1:{options.port}"
    orphaned = threading.Event()
    watched = orphaned if options.stop_with_parent else None
    asyncio.run(_run(config, bind, options.services, authorize=options.authorize, orphaned=watched))
    if orphaned.is_set():
        # Nobody else is left to do it.
        shutil.rmtree(state, ignore_errors=True)
    # MiniStack's pollers are not daemon threads: without this they would keep the process.
    logging.shutdown()
    os._exit(0)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.emulator.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port to serve on")
    parser.add_argument("--fd", type=int, help="an inherited socket that is bound to that port")
    parser.add_argument("--state", type=Path, required=True, help="folder for everything stored")
    parser.add_argument("--authorize", action="store_true", help="enforce IAM policies")
    parser.add_argument(
        "--service",
        dest="services",
        action="append",
        default=None,
        help="module with build(config) -> ForeignService (default: Kinesis Video and SageMaker)",
    )
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when standard input ends"
    )
    options = parser.parse_args(arguments)
    if options.services is None:
        options.services = ["local.emulator.kinesisvideo.app", "local.emulator.sagemaker.app"]
    return options


def _configure_ministack(port: int, state: Path, *, authorize: bool) -> None:
    """Set what MiniStack reads from its environment while it is imported."""
    for folder in ("s3", "state", "tmp"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    os.environ.update(
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        MINISTACK_HOST="127.0.0.1",
        AUTH="true" if authorize else "false",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        S3_DATA_DIR=str(state / "s3"),
        STATE_DIR=str(state / "state"),
        TMPDIR=str(state / "tmp"),
        # MiniStack removes containers that it takes for its own: keep it away from a real docker.
        DOCKER_HOST=f"unix://{state}/no-docker.sock",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - what MiniStack takes, not a secret
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        # DuckDB reads and prints times in the process's zone, Athena in UTC.
        TZ="UTC",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )
    # Lambda workers inherit this environment. They must find headcount in their layer, or fail.
    for name in ("PYTHONPATH", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)


async def _run(
    config: EmulatorConfig,
    bind: str,
    modules: Sequence[str],
    *,
    authorize: bool,
    orphaned: threading.Event | None,
) -> None:
    # Imported here: MiniStack reads the environment set above while it is imported.
    ministack = importlib.import_module("ministack.app")
    hooks = importlib.import_module("local.emulator.hooks")

    services: list[ForeignService] = [
        importlib.import_module(module).build(config) for module in modules
    ]
    hooks.install(config, services)
    foreign = {
        service.scope: (
            hooks.authorized(service.app, service.scope, config) if authorize else service.app
        )
        for service in services
    }
    stopped = asyncio.Event()
    _stop_on_signals(stopped)
    if orphaned is not None:
        _stop_when_input_ends(asyncio.get_running_loop(), stopped, orphaned)
    serving = asyncio.create_task(
        serve(
            ServiceRouter(ministack.app, foreign), _hypercorn(bind), shutdown_trigger=stopped.wait
        )
    )
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    _end_after(STOP_DEADLINE_S)
    # Hypercorn waits for every open connection, and a gateway's never closes by itself.
    await asyncio.wait({serving}, timeout=DRAIN_S)
    serving.cancel()
    for service in services:
        await service.stop()
    await asyncio.to_thread(hooks.stop)
    logger.info("Stopped.")
    if not stopped.is_set():
        # It ended by itself: let its error be the last thing in the log.
        await serving


def _hypercorn(bind: str) -> Config:
    config = Config()
    config.bind = [bind]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 0.2
    config.shutdown_timeout = 2.0
    # A gateway's PutMedia lasts as long as its camera: never end a connection for its age.
    config.read_timeout = None
    config.keep_alive_timeout = 75.0
    config.keep_alive_max_requests = 10**9
    return config


def _stop_on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)


def _stop_when_input_ends(
    loop: asyncio.AbstractEventLoop, stopped: asyncio.Event, orphaned: threading.Event
) -> None:
    """Set both events when whoever started us has gone, however it went."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        orphaned.set()
        loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _end_after(seconds: float) -> None:
    """End the process in `seconds`, in case that something does not stop."""
    timer = threading.Timer(seconds, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
