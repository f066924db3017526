"""MiniStack has no plug-ins: name exactly what we replace in it, and say so when it has gone."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

# requirements/emulator.in pins the same version; the tests of the hooks are its acceptance.
MINISTACK_VERSION = "1.5.33"


class HookError(RuntimeError):
    """MiniStack is not as we know it."""


@dataclass(frozen=True, slots=True)
class HookPoint:
    """One private name in MiniStack that we read or replace.

    Attributes:
        module: Below `ministack`, e.g. `services.athena`.
        name: A function, or a table, or `Class.method`.
        parameters: The names a function's parameters must begin with; None for a table.
    """

    module: str
    name: str
    parameters: tuple[str, ...] | None = None

    def current(self) -> Any:
        """Return what stands at this point now.

        Raises:
            HookError: If it is missing or takes other parameters.
        """
        holder, attribute = self._holder()
        found = getattr(holder, attribute, None)
        if found is None:
            raise HookError(self._complaint("is missing"))
        if self.parameters is not None:
            taken = tuple(inspect.signature(found).parameters)
            if taken[: len(self.parameters)] != self.parameters:
                raise HookError(self._complaint(f"takes {taken}, not {self.parameters}"))
        return found

    def replace(self, replacement: Callable[[Any], Any]) -> None:
        """Put `replacement(what stood there)` in its place."""
        holder, attribute = self._holder()
        setattr(holder, attribute, replacement(self.current()))

    def _holder(self) -> tuple[Any, str]:
        try:
            holder: Any = importlib.import_module(f"ministack.{self.module}")
        except ImportError as fault:
            raise HookError(self._complaint("cannot be imported")) from fault
        *path, attribute = self.name.split(".")
        for step in path:
            holder = getattr(holder, step, None)
        return holder, attribute

    def _complaint(self, what: str) -> str:
        return (
            f"ministack.{self.module}.{self.name} {what} in MiniStack {version('ministack')}. "
            f"The hooks of local/emulator are made for {MINISTACK_VERSION}: install that version "
            "(make install), or adapt the hook and its test."
        )
