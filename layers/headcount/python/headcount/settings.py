"""Settings a function takes from its environment, parsed once."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.errors import SettingsError


class Settings(BaseModel):
    """Fields of a subclass are read from the variables of the same name in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def environment_names(cls) -> tuple[str, ...]:
        """Return the variables that must be set, e.g. `("BUS_NAME",)`."""
        return tuple(
            name.upper() for name, field in cls.model_fields.items() if field.is_required()
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the settings found in `environ`, by default the process's own.

        Raises:
            SettingsError: If a variable is missing or cannot be read as its type.
        """
        found = os.environ if environ is None else environ
        values = {name: found[name.upper()] for name in cls.model_fields if name.upper() in found}
        try:
            return cls.model_validate(values)
        except ValidationError as fault:
            wrong = ", ".join(
                f"{str(e['loc'][0]).upper()} ({e['msg'].lower()})" for e in fault.errors()
            )
            raise SettingsError(
                f"{cls.__name__}: {wrong}. Set these in the function's environment."
            ) from fault
