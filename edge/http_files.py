"""An MP4 behind HTTP, fetched whole: its index may be at its end, and not every server can jump."""

import shutil
import tempfile
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from headcount.errors import SourceError
from headcount.locations import without_login

# Chosen: hours of film, and still a file that a gateway's disk can hold.
MAX_BYTES = 4 * 1024**3
_TIMEOUT = urllib3.Timeout(connect=10.0, read=10.0)


def fetch(location: str) -> IO[bytes]:
    """Return the content of an HTTP(S) URL as a temporary file, which goes when it is closed.

    Args:
        location: With user and password in front of the host where the server wants them.

    Raises:
        SourceError: If the server does not hand it over, or it is larger than `MAX_BYTES`.
    """
    parts = urlsplit(location)
    login, _, host = parts.netloc.rpartition("@")
    headers = urllib3.make_headers(basic_auth=unquote(login)) if login else {}
    address = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    name = without_login(location)
    film = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "GET", address, headers=headers, timeout=_TIMEOUT, preload_content=False
            )
            if answer.status != 200:
                raise SourceError(f"{name}: the server answers {answer.status}. Check the URL.")
            if int(answer.headers.get("content-length", 0)) > MAX_BYTES:
                raise SourceError(
                    f"{name}: larger than {MAX_BYTES // 1024**3} GB. Copy it here, give its path."
                )
            shutil.copyfileobj(answer, film)
    except (urllib3.exceptions.HTTPError, ValueError) as fault:
        film.close()
        raise SourceError(
            f"{name}: it cannot be fetched ({type(fault).__name__}). Is the server up?"
        ) from fault
    except SourceError:
        film.close()
        raise
    return film
