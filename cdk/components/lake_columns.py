"""The lake's columns, derived from the events: a table cannot lag behind its event."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

# Times are the ISO strings of the event itself: JSON has no other, and Firehose would read
# a timestamp's zone differently from Athena. Queries use from_iso8601_timestamp.
_SCALARS: Final[dict[type, str]] = {
    bool: "boolean",
    int: "bigint",
    float: "double",
    str: "string",
    datetime: "string",
}
# AWS Glue refuses longer ones.
_COMMENT_LIMIT: Final = 255


@dataclass(frozen=True, slots=True)
class LakeColumn:
    """One column of a Glue table.

    Attributes:
        name: The event's field.
        type: Hive's notation, e.g. `array<struct<box:array<double>,score:double>>`.
        comment: What the event's field says it is; may be empty.
    """

    name: str
    type: str
    comment: str


def columns_of(event: type[BaseModel]) -> tuple[LakeColumn, ...]:
    """Return one column per field of `event`, in its order."""
    return tuple(
        LakeColumn(name, hive_type(field.annotation), (field.description or "")[:_COMMENT_LIMIT])
        for name, field in event.model_fields.items()
    )


def hive_type(annotation: Any) -> str:
    """Return the Hive type that holds every JSON value of a field so annotated.

    Raises:
        TypeError: If there is no such type; the message names the annotation.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return hive_type(arguments[0])
    if origin in (Union, UnionType):
        present = [argument for argument in arguments if argument is not NoneType]
        if len(present) == 1:
            return hive_type(present[0])
    if origin in (tuple, list):
        held = {hive_type(argument) for argument in arguments if argument is not Ellipsis}
        if len(held) == 1:
            return f"array<{held.pop()}>"
    if origin is None and isinstance(annotation, type):
        return _hive_type_of_class(annotation)
    raise TypeError(_no_type_for(annotation))


def _hive_type_of_class(annotation: type) -> str:
    if issubclass(annotation, BaseModel):
        fields = (f"{c.name}:{c.type}" for c in columns_of(annotation))
        return f"struct<{','.join(fields)}>"
    if issubclass(annotation, Enum):
        return "string"
    for scalar, name in _SCALARS.items():
        if issubclass(annotation, scalar):
            return name
    # Pydantic's own AwareDatetime is a class that stands for datetime, not a subclass of it.
    if annotation.__name__ == "AwareDatetime":
        return "string"
    raise TypeError(_no_type_for(annotation))


def _no_type_for(annotation: Any) -> str:
    return (
        f"{annotation!r} has no column type. Use str, int, float, bool, an aware datetime, "
        "an enum, a model or a tuple of one of these in the event."
    )
