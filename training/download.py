"""A model file from a web address: bounded in size, time and redirects, and never executed."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import urllib3

from headcount.errors import ModelError
from headcount.locations import scheme_of, without_login
from training.model_file import MAX_BYTES

_SCHEMES = ("http", "https")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Chosen: a release page sends to its storage in one or two.
MAX_REDIRECTS = 5
# Chosen: the largest file at half a megabyte a second.
MAX_DURATION_S = 600.0
_TIMEOUT = urllib3.Timeout(connect=10.0, read=30.0)
_CHUNK_BYTES = 256 * 1024
# Chosen: what any file system takes, and names of models are shorter.
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers.

    Attributes:
        headers: By their names in lower case.
        chunks: The content, piece by piece.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


OpenUrl = Callable[[str], AbstractContextManager[Answer]]
"""Asks for one address and follows nothing."""

Watch = Callable[[int, int | None], None]
"""Is told how many bytes have come, and of how many, if the server says."""


def is_url(named: str) -> bool:
    """Return whether an argument is an address and not a path."""
    return bool(scheme_of(named))


def download(
    url: str,
    into: Path,
    watch: Watch,
    open_url: OpenUrl | None = None,
    *,
    most_bytes: int = MAX_BYTES,
) -> Path:
    """Return the file that an address leads to, in a folder.

    Args:
        url: http or https; from https no redirect leads back to http.
        into: An existing folder.
        watch: Is told of the progress.
        open_url: Asks for one address; by default over the network.
        most_bytes: A larger file is refused, whatever its server says of it.

    Raises:
        ModelError: If it cannot be had within the bounds; logins in the address are not repeated.
    """
    ask = open_url or open_over_network
    address = url
    for _ in range(MAX_REDIRECTS + 1):
        _check_scheme(address, since=url)
        try:
            with ask(address) as answer:
                if answer.status not in _REDIRECTS:
                    return _keep(answer, address, into, watch, most_bytes)
                address = urljoin(address, answer.headers.get("location", ""))
        except (urllib3.exceptions.HTTPError, ValueError) as fault:
            raise ModelError(
                f"{without_login(address)}: it cannot be fetched ({type(fault).__name__}).\n"
                "Check the address, or fetch the file yourself and name it."
            ) from fault
    raise ModelError(
        f"{without_login(url)}: sent on more than {MAX_REDIRECTS} times.\n"
        "Name the address of the file itself."
    )


@contextlib.contextmanager
def open_over_network(url: str) -> Iterator[Answer]:
    """Ask for one address; a login in it goes to its own host only."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    headers = urllib3.make_headers(basic_auth=unquote(login)) if login else {}
    address = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "GET",
            address,
            headers=headers,
            timeout=_TIMEOUT,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            yield Answer(
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.stream(_CHUNK_BYTES),
            )
        finally:
            answer.close()


def _check_scheme(address: str, since: str) -> None:
    scheme = scheme_of(address)
    if scheme not in _SCHEMES:
        raise ModelError(
            f"{without_login(address)}: only http and https addresses are fetched.\n"
            "Name a file, or such an address."
        )
    if scheme_of(since) == "https" and scheme != "https":
        raise ModelError(
            f"{without_login(since)} sends on to an address without https.\n"
            "Fetch the file yourself and name it."
        )


def _file_name(address: str) -> str:
    """Return a name for a file, after the end of its address."""
    last = unquote(urlsplit(address).path).rpartition("/")[2]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("._-")
    return name[-_LONGEST_NAME:] or "model"


def _keep(answer: Answer, address: str, into: Path, watch: Watch, most_bytes: int) -> Path:
    shown = without_login(address)
    if answer.status != 200:
        raise ModelError(f"{shown}: the server answers {answer.status}.\nCheck the address.")
    said = answer.headers.get("content-length", "")
    total = int(said) if said.isdecimal() else None
    too_large = ModelError(
        f"{shown}: larger than {most_bytes // 1024**2} MB, the most that is taken.\n"
        "Bring a smaller model."
    )
    if total is not None and total > most_bytes:
        raise too_large
    path = into / _file_name(address)
    deadline_s = time.monotonic() + MAX_DURATION_S
    size_bytes = 0
    with path.open("wb") as file:
        for chunk in answer.chunks:
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise too_large
            if time.monotonic() > deadline_s:
                raise ModelError(
                    f"{shown}: not there after {MAX_DURATION_S:.0f} s.\n"
                    "Fetch the file yourself and name it."
                )
            file.write(chunk)
            watch(size_bytes, total)
    if total is not None and size_bytes != total:
        raise ModelError(
            f"{shown}: broke off after {size_bytes} of {total} bytes.\nRun the command again."
        )
    return path
