"""What parts of a site document are made of: strict mappings and texts that check themselves."""

import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from headcount.locations import carries_login

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class Document(BaseModel):
    """A part of a site document: unknown keys are refused, for they are misspelt ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,60}", value):
        raise PydanticCustomError(
            "identifier",
            "'{value}' is no id",
            {"value": value, "remedy": "Use 1 to 60 of a-z, 0-9 and the hyphen."},
        )
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        # OSError: a folder of zones (Europe), or a name longer than a file's may be.
        raise PydanticCustomError(
            "time_zone",
            "there is no time zone '{value}'",
            {"value": value, "remedy": "Use a name such as Europe/Berlin or America/New_York."},
        ) from fault
    return value


def _email(value: str) -> str:
    # As strict as a typing error needs: only the mail server knows whether the box exists.
    if not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value):
        raise PydanticCustomError(
            "email",
            "'{value}' is no e-mail address",
            {"value": value, "remedy": "Write it as name@example.com."},
        )
    return value


def _phone(value: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
        raise PydanticCustomError(
            "phone",
            "'{value}' is no phone number in E.164 form",
            {
                "value": value,
                "remedy": 'Write "+", country code and number without spaces, in quotes: '
                '"+4930123456".',
            },
        )
    return value


def _source(value: str) -> str:
    filled = PLACEHOLDER.sub("", value)
    try:
        urlsplit(filled)
    except ValueError as fault:
        raise PydanticCustomError(
            "source",
            "the source is no path and no URL",
            {"remedy": "Write the address of an IPv6 camera in brackets: rtsp://[fe80::1]/stream."},
        ) from fault
    if carries_login(filled):
        # The value is not repeated: a message ends in logs, and a password must not.
        raise PydanticCustomError(
            "credentials",
            "the source carries a login, and a site document is no place for one",
            {
                "remedy": "Write ${NAME} in its place (rtsp://${LOBBY_LOGIN}@10.0.0.4/stream) and "
                "set the variable NAME where the video is opened, e.g. from AWS Secrets Manager."
            },
        )
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
EmailAddress = Annotated[str, AfterValidator(_email)]
PhoneNumber = Annotated[str, AfterValidator(_phone)]
VideoSource = Annotated[str, AfterValidator(_source)]
