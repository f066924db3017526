"""When a room is open, as a site document writes it."""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from headcount.domain.schedule import OpeningHours
from headcount.site_fields import Document

_MINUTES_A_DAY = 24 * 60


class Weekday(StrEnum):
    """Days in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class OpenSpan(Document):
    """From when to when a room is open, in minutes since midnight; in a document "08:00-18:30"."""

    opens_min: int = Field(ge=0, lt=_MINUTES_A_DAY)
    closes_min: int = Field(gt=0, le=_MINUTES_A_DAY)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the span that `text` names.

        Raises:
            PydanticCustomError: If it is no span, or ends before it starts.
        """
        match = re.fullmatch(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)", text.strip())
        hours = [int(part) for part in match.groups()] if match else [99, 0, 99, 0]
        opens_min, closes_min = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if opens_min >= _MINUTES_A_DAY or closes_min > _MINUTES_A_DAY:
            raise PydanticCustomError(
                "open_span",
                "'{text}' is no span of opening hours",
                {"text": text, "remedy": 'Write it as "08:00-18:30"; midnight is 24:00.'},
            )
        if closes_min <= opens_min:
            raise PydanticCustomError(
                "open_span",
                "the opening hours '{text}' end before they start",
                {
                    "text": text,
                    "remedy": "Over midnight, write two: until 24:00, and from 00:00 on the "
                    "next day.",
                },
            )
        return cls(opens_min=opens_min, closes_min=closes_min)

    def __str__(self) -> str:
        return "-".join(
            f"{minutes // 60:02d}:{minutes % 60:02d}"
            for minutes in (self.opens_min, self.closes_min)
        )


def _span(value: Any) -> Any:
    return OpenSpan.parse(value) if isinstance(value, str) else value


def _apart(spans: tuple[OpenSpan, ...]) -> tuple[OpenSpan, ...]:
    for earlier, later in pairwise(sorted(spans, key=lambda span: span.opens_min)):
        if later.opens_min < earlier.closes_min:
            raise PydanticCustomError(
                "open_span",
                "the opening hours {earlier} and {later} overlap",
                {
                    "earlier": str(earlier),
                    "later": str(later),
                    "remedy": "Join them, or end the one before the other starts.",
                },
            )
    return spans


_Span = Annotated[OpenSpan, BeforeValidator(_span), PlainSerializer(str)]


class Schedule(Document):
    """When a room is open, by the clock of the site's time zone."""

    open: Mapping[Weekday, Annotated[tuple[_Span, ...], AfterValidator(_apart)]] = Field(
        default_factory=dict, description="Weekday to spans; a day not named is closed."
    )
    holidays: tuple[date, ...] = Field(default=(), description="Dates on which it is closed.")

    def hours(self, time_zone: str) -> OpeningHours | None:
        """Return the domain's opening hours; None if no day is named, for nobody said any."""
        if not self.open:
            return None
        week = (sorted(self.open.get(day, ()), key=lambda span: span.opens_min) for day in Weekday)
        return OpeningHours(
            zone=ZoneInfo(time_zone),
            week=tuple(
                tuple((span.opens_min, span.closes_min) for span in spans) for spans in week
            ),
            holidays=frozenset(self.holidays),
        )
