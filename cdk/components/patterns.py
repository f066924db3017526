"""Which events a rule takes: by what they are and by who may say it."""

from aws_cdk.aws_events import EventPattern, Match

from headcount.events import BmsCommandAcknowledged, Detail

# A BMS speaks as `bms.<site>`; its policy allows no other source.
BMS_SOURCE = f"{BmsCommandAcknowledged.source}."


def pattern_of(*events: type[Detail]) -> EventPattern:
    """Return the pattern of these events of one source; of the BMSs if the source is theirs.

    Raises:
        ValueError: If the events are not all of one source.
    """
    sources = {event.source for event in events}
    if len(sources) != 1:
        raise ValueError(f"One rule takes events of one source, not of {sorted(sources)}.")
    source = sources.pop()
    theirs = source == BmsCommandAcknowledged.source
    return EventPattern(
        source=Match.prefix(BMS_SOURCE) if theirs else [source],
        detail_type=[event.detail_type for event in events],
    )
