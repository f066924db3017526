"""Which events a rule takes: by what they are and by who may say it."""

from aws_cdk.aws_events import EventPattern, Match

from headcount.bms_events import BMS_EVENTS, BMS_SOURCE
from headcount.events import BmsDetail, Detail


def pattern_of(*events: type[Detail]) -> EventPattern:
    """Return the pattern of these events of one source; of the BMSs if the source is theirs.

    Raises:
        ValueError: If the events are not all of one source.
    """
    sources = {event.source for event in events}
    if len(sources) != 1:
        raise ValueError(f"One rule takes events of one source, not of {sorted(sources)}.")
    source = sources.pop()
    theirs = source == BmsDetail.source
    return EventPattern(
        source=Match.prefix(BMS_SOURCE) if theirs else [source],
        detail_type=[event.detail_type for event in events],
    )


def unknown_of_bms() -> EventPattern:
    """Return the pattern of what a BMS says and nobody understands, e.g. a misspelt event."""
    return EventPattern(
        source=Match.prefix(BMS_SOURCE),
        detail_type=Match.anything_but(*(event.detail_type for event in BMS_EVENTS)),
    )
