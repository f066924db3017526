"""What a client may say of a frame beside its picture: whose it is, in what light, what moved.

It is answered with the frame and changes nothing about it. Only answers are captured, because a
request holds faces; what the monitor has to know of a frame must therefore be in its answer.
"""

import math
import re
from typing import Any

# The same words as headcount.domain.terms.LightMode, which the endpoint does not have with it.
LIGHT_MODES = frozenset({"day", "infrared", "dark"})
# As long as a Kinesis Video stream's name may be, which holds both ids.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,256}")


class ContextError(ValueError):
    """A context's field is not as agreed."""


def read_context(said: Any) -> dict[str, Any]:
    """Return what is known of a frame: only the fields below, and only those that were sent.

    Args:
        said: `{"site_id", "camera_id", "light_mode", "motion"}`, each optional; fields that are
            not known are left out, so that a newer client can talk to an older endpoint.

    Raises:
        ContextError: If a known field is wrong; names it.
    """
    if not isinstance(said, dict):
        raise ContextError("context is an object with site_id, camera_id, light_mode and motion")
    known: dict[str, Any] = {}
    for name in ("site_id", "camera_id"):
        if name in said:
            if not isinstance(said[name], str) or not _ID.fullmatch(said[name]):
                raise ContextError(f"context.{name} is 1 to 256 letters, digits and _ . : -")
            known[name] = said[name]
    if "light_mode" in said:
        if not isinstance(said["light_mode"], str) or said["light_mode"] not in LIGHT_MODES:
            raise ContextError(f"context.light_mode is one of {', '.join(sorted(LIGHT_MODES))}")
        known["light_mode"] = said["light_mode"]
    if "motion" in said:
        known["motion"] = _share(said["motion"])
    return known


def _share(motion: Any) -> float:
    is_number = isinstance(motion, int | float) and not isinstance(motion, bool)
    if not is_number or not math.isfinite(motion) or not 0 <= motion <= 1:
        raise ContextError("context.motion is a number from 0 to 1")
    return round(float(motion), 4)
