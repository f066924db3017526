"""Values of a site document as written, whose types need not be right."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ops.yaml_lines import Path_

# Names of groups are as short as `ac`: one letter of two may be wrong.
_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two parts of a document that cannot both be meant.

    Attributes:
        path: The part to change, outermost first.
        what: What is wrong, without a full stop.
        remedy: What to write instead, as a sentence.
    """

    path: Path_
    what: str
    remedy: str


def did_you_mean(name: str, known: Mapping[str, Any] | set[str], otherwise: str) -> str:
    """Return a remedy that names the known name that is like `name`, if one is."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE)
    return f"Did you mean '{close[0]}'? {otherwise}" if close else otherwise


def entries(
    parent: Mapping[str, Any], key: str, path: Path_
) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Yield the mappings in the list at `key`, each with its path."""
    items = parent.get(key)
    for at, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, Mapping):
            yield (*path, key, at), item


def members(
    parent: Mapping[str, Any], key: str, path: Path_
) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Yield the mappings in the mapping at `key`, each with its path."""
    for name, item in named(parent, key):
        if isinstance(item, Mapping):
            yield (*path, key, name), item


def named(parent: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of the mapping at `key`."""
    items = parent.get(key)
    yield from items.items() if isinstance(items, Mapping) else ()


def is_number(value: Any) -> bool:
    """Return whether a value is a number that can be reckoned with."""
    # The model reports what is infinite or not a number.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(parent: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    """Return the number at `key`, or None if what stands there is none."""
    value = parent.get(key, default)
    return float(value) if is_number(value) else None


def effective_policy(
    document: Mapping[str, Any], room: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the policy that decides about `room` as written; None if it names an unknown one."""
    policy = room.get("policy")
    if isinstance(policy, str):
        policy = dict(named(document, "policies")).get(policy)
        return policy if isinstance(policy, Mapping) else None
    return policy if isinstance(policy, Mapping) else {}
