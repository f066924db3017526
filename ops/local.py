"""`headcount local`: an embedded AWS of your own, to deploy to and look into by hand."""

import json
import os
import shlex
import signal
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from headcount.errors import HeadcountError
from local.launcher import REPOSITORY, EmbeddedAws, aws_environment, is_healthy

app = typer.Typer(no_args_is_help=True, help="Start, find and stop an embedded AWS.")

RUNNING_FILE = REPOSITORY / ".build/local.json"
STOP_TIMEOUT_S = 10.0


@app.command()
def start(
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes a free one.")] = 4566,
    authorize: Annotated[bool, typer.Option(help="Enforce IAM policies.")] = True,
) -> None:
    """Run an embedded AWS until Ctrl-C or `headcount local stop`."""
    running = _running()
    if running is not None:
        _fail(
            f"An embedded AWS is running at {running['endpoint_url']} (process {running['pid']}). "
            "Stop it with `headcount local stop`."
        )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with EmbeddedAws(port=port, authorize=authorize) as aws:
            _remember(aws)
            print(_exports(aws.endpoint_url))
            print(f"# Log: {aws.log_path}\n# Ctrl-C stops it.", flush=True)
            while aws.is_running():
                time.sleep(0.5)
            _fail(f"The embedded AWS ended by itself. The end of its log:\n{aws.log_tail()}")
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
    except HeadcountError as fault:
        _fail(str(fault))
    finally:
        _forget()


@app.command()
def env() -> None:
    """Print the exports of the running one: `eval "$(headcount local env)"`."""
    print(_exports(str(_running_or_fail()["endpoint_url"])))


@app.command()
def status() -> None:
    """Say whether one is running, and where."""
    running = _running_or_fail()
    print(f"{running['endpoint_url']}, process {running['pid']}, log {running['log']}")


@app.command()
def stop() -> None:
    """Stop the one that `headcount local start` runs."""
    running = _running_or_fail()
    os.kill(int(running["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while RUNNING_FILE.exists():
        if time.monotonic() > deadline:
            _fail(f"Process {running['pid']} does not stop. End it with kill -9 {running['pid']}.")
        time.sleep(0.1)
    print("Stopped.")


def _exports(endpoint_url: str) -> str:
    variables = aws_environment(endpoint_url)
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _remember(aws: EmbeddedAws) -> None:
    RUNNING_FILE.parent.mkdir(parents=True, exist_ok=True)
    about = {"pid": os.getpid(), "endpoint_url": aws.endpoint_url, "log": str(aws.log_path)}
    RUNNING_FILE.write_text(json.dumps(about))


def _forget(file: Path = RUNNING_FILE) -> None:
    if file.exists() and json.loads(file.read_text())["pid"] == os.getpid():
        file.unlink()


def _running() -> dict[str, str | int] | None:
    """Return what runs, or None: also when its file has been left by a process that was killed."""
    try:
        about: dict[str, str | int] = json.loads(RUNNING_FILE.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        # Not there, or cut off by a full disk.
        return None
    # Asked before its pid is used: after a crash the number may be somebody else's.
    if not is_healthy(str(about["endpoint_url"])):
        RUNNING_FILE.unlink(missing_ok=True)
        return None
    return about


def _running_or_fail() -> dict[str, str | int]:
    running = _running()
    if running is None:
        _fail("No embedded AWS is running. Start one with `headcount local start`.")
    return running


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
