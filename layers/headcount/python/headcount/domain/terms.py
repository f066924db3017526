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


class WhenEmpty(StrEnum):
    """What a site wants done about a room that nobody is in."""

    OFF = "off"
    TELL = "tell"
    OFF_AND_TELL = "off_and_tell"
