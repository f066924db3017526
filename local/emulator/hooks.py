"""Every place where we reach into MiniStack, installed in one go."""

from collections.abc import Iterable

from local.emulator import (
    athena,
    authorization,
    cloudformation,
    eventbridge,
    firehose,
    lambda_workers,
    monitoring,
)
from local.emulator.authorization import authorized
from local.emulator.service import EmulatorConfig, ForeignService

__all__ = ["authorized", "install", "stop"]


def install(config: EmulatorConfig, services: Iterable[ForeignService]) -> None:
    """Put our hooks into MiniStack.

    Raises:
        HookError: If something we hook into is not there any more.
    """
    authorization.install()
    cloudformation.install(services)
    firehose.install()
    eventbridge.install()
    athena.install()
    lambda_workers.install(config.state_dir / "layers")
    monitoring.install()


def stop() -> None:
    """End the processes that the hooks know of: Lambda's workers."""
    lambda_workers.stop()
