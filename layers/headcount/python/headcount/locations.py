"""Where a camera's video is: a path or URL, which may carry a login that nobody is to see."""

import re

# Names of parameters by which cameras take a login, in the query or in the path itself.
_SECRET = re.compile(
    r"(?<![a-z0-9])(auth|key|pass|passwd|password|pwd|token|user|username|usr)=([^&;/?#]+)",
    re.IGNORECASE,
)
# A colon, and no port, before an @: a login whose password has a slash in it.
_LOGIN_WITH_SLASH = re.compile(r"[^/@:]*:(?!\d+/)[^@]*@")


def scheme_of(location: str) -> str:
    """Return a URL's scheme in lower case; empty for a path."""
    scheme, separator, _ = location.strip().partition("://")
    return scheme.lower() if separator else ""


def carries_login(location: str) -> bool:
    """Return whether a URL holds a user, a password or a token; a path never does."""
    if not scheme_of(location):
        return False
    rest = location.partition("://")[2]
    in_front = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0].strip(":")
    return bool(in_front or _SECRET.search(rest) or _LOGIN_WITH_SLASH.match(rest.lstrip(":@")))


def without_login(location: str) -> str:
    """Return a path or URL as it may be shown: without login, query and secrets in its path.

    Whatever stands before the last @ is left out, for a password may hold any sign.
    """
    if not scheme_of(location):
        return location
    scheme, _, rest = location.strip().partition("://")
    shown = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    masked = _SECRET.sub(r"\1=…", shown)
    return f"{scheme.lower()}://{masked}"
