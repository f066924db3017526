"""What Kinesis Video says when it has stored a fragment."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from headcount.batch import parsed

# The unit of the timestamps is not documented: what would be after the year 5138 in seconds is
# in milliseconds.
_MILLISECONDS_FROM: Final = 1e11
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as fault:
        raise ValueError("no time that a calendar has") from fault


Moment = Annotated[datetime, BeforeValidator(_moment)]


class FragmentNotice(BaseModel):
    """One fragment of one stream has been stored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stream_arn: str = Field(alias="StreamArn", pattern=r"^arn:[^:]+:kinesisvideo:[^/]+/[^/]+/\d+$")
    fragment_number: str = Field(alias="FragmentNumber", pattern=r"^\d{1,128}$")
    captured_at: Moment = Field(alias="FragmentStartProducerTimestamp")
    persisted_at: Moment = Field(alias="FragmentStartServerTimestamp")
    kind: str = Field(alias="NotificationType")

    @property
    def stream_name(self) -> str:
        """The stream's name, out of its ARN."""
        return self.stream_arn.split("/")[1]


class _SnsEnvelope(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: str = Field(alias="Message")


_ENVELOPES: Final = TypeAdapter(_SnsEnvelope)
_NOTICES: Final = TypeAdapter(FragmentNotice)


def read_notice(body: str) -> FragmentNotice | None:
    """Return the notice in an SQS body that came over SNS; None if no fragment was stored.

    Raises:
        PoisonRecordError: If it is something else.
    """
    notice = parsed(_NOTICES, parsed(_ENVELOPES, body).message)
    return notice if notice.kind == "PERSISTED" else None
