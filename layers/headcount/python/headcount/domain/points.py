"""Where a device group is in the building's own terms: Brick for people, BACnet for the wire."""

import re
from dataclasses import dataclass

# ASHRAE 135: an object identifier has 22 bits of instance, and the last value means "none".
_HIGHEST_INSTANCE = 4_194_302
# The object types of ASHRAE 135 with a priority array that takes a number, so that a write at a
# priority, and the null that takes it back, mean something.
_BINARY = frozenset({"binary-output", "binary-value", "binary-lighting-output"})
_STEPLESS = frozenset(
    {
        "analog-output",
        "analog-value",
        "integer-value",
        "large-analog-value",
        "lighting-output",
        "multi-state-output",
        "multi-state-value",
        "positive-integer-value",
    }
)
_OBJECT = re.compile(r"(?P<kind>[a-z-]+),(?P<instance>[0-9]{1,10})")
_BRICK_CLASS = re.compile(r"(brick:)?[A-Z][A-Za-z0-9_]*")
_PROPERTY = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class BacnetReference:
    """A property of an object in a BACnet device.

    Attributes:
        device: Instance of the device, 0 to 4194302.
        object: Type and instance, e.g. `binary-output,3`.
        property: By its name in the standard.
    """

    device: int
    object: str
    property: str = "present-value"

    def __post_init__(self) -> None:
        if not 0 <= self.device <= _HIGHEST_INSTANCE:
            raise ValueError(
                f"bacnet: device is {self.device}; an instance is 0 to {_HIGHEST_INSTANCE}"
            )
        found = _OBJECT.fullmatch(self.object)
        if found is None or int(found["instance"]) > _HIGHEST_INSTANCE:
            raise ValueError(
                f"bacnet: object is '{self.object}'; write its type and its instance of 0 to "
                f"{_HIGHEST_INSTANCE}, e.g. 'binary-output,3'"
            )
        if found["kind"] not in _BINARY | _STEPLESS:
            raise ValueError(
                f"bacnet: '{found['kind']}' takes no command at a priority; "
                f"use one of {', '.join(sorted(_BINARY | _STEPLESS))}"
            )
        if not _PROPERTY.fullmatch(self.property):
            raise ValueError(
                f"bacnet: property is '{self.property}'; write its name, e.g. 'present-value'"
            )

    def is_binary(self) -> bool:
        """Return whether it knows only on and off."""
        return self.object.partition(",")[0] in _BINARY

    def __str__(self) -> str:
        # ASHRAE 135, annex Q.8: how a BACnet property is written as a URI.
        return f"bacnet://{self.device}/{self.object}/{self.property}"


@dataclass(frozen=True, slots=True)
class Point:
    """What a building calls the thing that a command is for.

    Attributes:
        brick_class: Of the Brick ontology, e.g. `Lighting_Zone` or `On_Off_Command`.
        entity: Name or URI of the very thing in the building's own model.
        bacnet: Where to write the level.
    """

    brick_class: str = ""
    entity: str = ""
    bacnet: BacnetReference | None = None

    def __post_init__(self) -> None:
        if not (self.brick_class or self.entity or self.bacnet):
            raise ValueError("point: it says nothing; give brick_class, entity or bacnet")
        if self.brick_class and not _BRICK_CLASS.fullmatch(self.brick_class):
            raise ValueError(
                f"point: brick_class is '{self.brick_class}'; "
                "write a class of the Brick ontology, e.g. Lighting_Zone"
            )

    def __str__(self) -> str:
        """Return the most exact name that is known: where to write, which thing, or what kind."""
        return str(self.bacnet) if self.bacnet is not None else self.entity or self.brick_class
