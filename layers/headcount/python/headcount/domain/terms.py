"""The words of the trade that the domain and the events share."""

from enum import StrEnum


class LightMode(StrEnum):
    """What light a camera sees by."""

    DAY = "day"
    INFRARED = "infrared"
    DARK = "dark"


class OccupancyState(StrEnum):
    """What is known of a room. UNKNOWN is never a reason to switch off."""

    OCCUPIED = "OCCUPIED"
    VACANT = "VACANT"
    UNKNOWN = "UNKNOWN"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Trigger(StrEnum):
    """What made control decide."""

    OCCUPANCY = "occupancy"
    TIMER = "timer"
    RETRY = "retry"
    BOOKING = "booking"
    SCHEDULE = "schedule"
    OVERRIDE = "override"
    EXCESS = "excess"
    POLICY = "policy"


class WhenEmpty(StrEnum):
    """What a site wants done about a room that nobody is in."""

    OFF = "off"
    TELL = "tell"
    OFF_AND_TELL = "off_and_tell"


class UnknownAtClose(StrEnum):
    """What a site wants done when it closes and nobody can say whether a room is empty."""

    KEEP = "keep"
    TELL = "tell"
    OFF = "off"


class WhenExcess(StrEnum):
    """What a site wants done when more energy runs than the people in a room need."""

    IGNORE = "ignore"
    TELL = "tell"
    COMMAND = "command"


class CameraStatus(StrEnum):
    """What can be said of a camera's picture."""

    ONLINE = "online"
    OFFLINE = "offline"
    FROZEN = "frozen"
    DARK = "dark"
    BLURRED = "blurred"
    COVERED = "covered"
    MOVED = "moved"


class SensorKind(StrEnum):
    """What in a building notices a person, other than a camera."""

    PIR = "pir"
    DOOR = "door"
    SWITCH = "switch"
    OTHER = "other"
