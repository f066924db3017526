"""What Kinesis Video answers when it cannot do as asked."""

from headcount.errors import HeadcountError

_STATUSES = {"ResourceNotFoundException": 404, "NotAuthorizedException": 401}


class KinesisVideoError(HeadcountError):
    """An error answer.

    Attributes:
        code: What botocore names the exception by, e.g. `ResourceNotFoundException`.
        status: Of HTTP.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = _STATUSES.get(code, 400)


def invalid_argument(message: str) -> KinesisVideoError:
    """Return the fault of a request that contradicts the service's model."""
    return KinesisVideoError("InvalidArgumentException", message)
