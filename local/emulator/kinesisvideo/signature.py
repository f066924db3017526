"""SigV4, recomputed: a producer whose signature AWS would refuse is refused here too.

Two payload hashes are valid for PutMedia, whose body is never signed: the Java producer signs
`UNSIGNED-PAYLOAD`, the C producer and botocore the hash of an empty body.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

from local.emulator.kinesisvideo.faults import KinesisVideoError

# Every client of the embedded AWS signs with this secret, whatever its access key.
_SECRET = "test"  # noqa: S105
_PAYLOAD_HASHES = ("UNSIGNED-PAYLOAD", hashlib.sha256(b"").hexdigest())
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


def check_signature(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Return if the request is signed as AWS demands.

    Credentials with a session token come from the embedded STS, which knows their secret and this
    service does not: of those only the form is checked.

    Args:
        method: E.g. `POST`.
        path: Without query.
        headers: Names in lower case.

    Raises:
        KinesisVideoError: NotAuthorizedException, saying what is wrong.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    scope = found["credential"].split("/", 1)[-1] if found else ""
    if found is None or scope.count("/") != 3 or "x-amz-date" not in headers:
        raise KinesisVideoError(
            "NotAuthorizedException",
            "The request is not signed: AWS4-HMAC-SHA256 in Authorization, and X-Amz-Date.",
        )
    names = found["signed"].split(";")
    missing = [name for name in names if name not in headers]
    if missing or "host" not in names:
        raise KinesisVideoError(
            "NotAuthorizedException", f"Signed headers {names}: host and all others must be sent."
        )
    if "x-amz-security-token" in headers:
        return
    for payload_hash in _PAYLOAD_HASHES:
        canonical = "\n".join(
            (
                method,
                quote(path, safe="/-_.~"),
                "",
                *(f"{name}:{' '.join(headers[name].split())}" for name in names),
                "",
                found["signed"],
                payload_hash,
            )
        )
        expected = _sign(canonical, headers["x-amz-date"], scope)
        if hmac.compare_digest(expected, found["signature"]):
            return
    raise KinesisVideoError(
        "NotAuthorizedException",
        "The signature does not match. It covers an empty body or UNSIGNED-PAYLOAD, and its secret "
        f"is {_SECRET!r} in the embedded AWS.",
    )


def _sign(canonical: str, date: str, scope: str) -> str:
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{_SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}"
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
