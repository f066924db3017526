"""What verification itself allows for: everything else comes from the site document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the way from a camera to a command may take.

    Attributes:
        arrival_s: Seconds until control can know of a stored frame; what is newer than that when
            a command is made does not count against it.
        reaction_s: Seconds in which a room that needs more must be commanded so.
        margin_s: Seconds by which a lowering, a repetition or an alert may be later than its
            exact moment: control's safety net is a tick a minute.
    """

    # Chosen: many times what is measured (tenths of a second), and less than two frames.
    arrival_s: float = 5.0
    # Chosen: a minute in a room that is too dark or too warm is noticed.
    reaction_s: float = 60.0
    # Chosen: two ticks, of which one may be lost.
    margin_s: float = 120.0
