"""Unit tests run with sockets off: what needs one belongs into tests/integration."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

# No deadline: a busy machine is no fault. Fewer examples than usual, many times a day.
settings.register_profile("unit", max_examples=40, deadline=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    # Unix sockets stay: asyncio's event loop wakes itself through one.
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
