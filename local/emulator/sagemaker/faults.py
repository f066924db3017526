"""Errors as SageMaker answers them."""


class SageMakerFault(Exception):  # noqa: N818 - AWS calls these faults
    """A request that is refused.

    Attributes:
        code: AWS's name of the error, e.g. `ValidationException`.
        status: Of the HTTP answer.
        is_missing: Whether the resource is not there; AWS says so in the message only.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, *, is_missing: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.is_missing = is_missing


def invalid(message: str) -> SageMakerFault:
    """Return the control plane's answer to a request that cannot be carried out."""
    return SageMakerFault("ValidationException", message)


def could_not_find(kind: str, arn: str) -> SageMakerFault:
    """Return the answer for a resource that is not there, worded as AWS words it."""
    return SageMakerFault("ValidationException", f'Could not find {kind} "{arn}".', is_missing=True)
