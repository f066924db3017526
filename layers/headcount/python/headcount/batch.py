"""What every handler on a queue does with its records, whatever its story.

A record that fails is reported and comes back; one that never succeeds ends in the queue's
dead letters. What no retry can help goes there at once, with the reason beside it: names of fields
and what is expected of them, never the payload. What is about a camera or room that no site has any
more is left out: nobody waits for it, and it cannot be retried.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    ExceptionInfo,
    FailureResponse,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import (
    PartialItemFailureResponse,
    PartialItemFailures,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from headcount.errors import HeadcountError, PoisonRecordError, RetiredError
from headcount.events import BmsDetail, Detail
from headcount.ports import DeadLetters

DetailT = TypeVar("DetailT", bound=Detail)
ReadT = TypeVar("ReadT")

logger: Final = Logger()


class Envelope(BaseModel):
    """The few fields of EventBridge's envelope that we read."""

    id: str
    detail_type: str = Field(alias="detail-type")
    source: str
    time: AwareDatetime
    replay_name: str | None = Field(default=None, alias="replay-name")
    detail: dict[str, Any]


class _Processor(BatchProcessor):
    """Powertools' own, which says why a record failed."""

    def __init__(self) -> None:
        # A batch in which all failed is reported like any other: its records come back.
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def failure_handler(self, record: SQSRecord, exception: ExceptionInfo) -> FailureResponse:
        fault = exception[1]
        if isinstance(fault, HeadcountError):
            _log_failure(record.message_id, fault)
        else:
            logger.error(
                "record failed",
                message_id=record.message_id,
                exc_info=exception,  # type: ignore[arg-type]
            )
        response: FailureResponse = super().failure_handler(record, exception)
        return response


def each_record(
    event: dict[str, Any],
    context: LambdaContext,
    read: Callable[[str], ReadT | None],
    story: Callable[[ReadT], None],
    dead_letters: DeadLetters,
) -> PartialItemFailureResponse:
    """Run `story` on each record of a queue's batch and return those that failed.

    Args:
        event: As Lambda hands it over.
        context: As Lambda hands it over.
        read: Makes of a record's body what the story wants, e.g. `bus_event(FramesCounted)`;
            None leaves the record out.
        story: Raises if the record has to come back; PoisonRecordError if it must not.
        dead_letters: Takes what must not come back.
    """

    def handle(record: SQSRecord) -> None:
        try:
            about = read(record.body)
            if about is not None:
                story(about)
        except PoisonRecordError as reason:
            _settle(record.message_id, record.body, reason, dead_letters)

    # Called by hand without records, a function starts and connects: Powertools would refuse.
    if not event["Records"]:
        return {"batchItemFailures": []}
    return process_partial_response(
        event=event, record_handler=handle, processor=_Processor(), context=context
    )


def whole_batch(
    event: dict[str, Any],
    read: Callable[[str], ReadT | None],
    story: Callable[[Mapping[str, ReadT]], Mapping[str, HeadcountError]],
    dead_letters: DeadLetters,
) -> PartialItemFailureResponse:
    """Run `story` once on all records of a queue's batch and return those that failed.

    Args:
        event: As Lambda hands it over.
        read: As for `each_record`.
        story: Takes message id -> what was read; returns message id -> why it has to come back,
            or with a PoisonRecordError must not.
        dead_letters: Takes what must not come back.
    """
    bodies = {str(record["messageId"]): str(record["body"]) for record in event["Records"]}
    wanted: dict[str, ReadT] = {}
    failed: dict[str, HeadcountError] = {}
    for message_id, body in bodies.items():
        try:
            about = read(body)
        except PoisonRecordError as fault:
            failed[message_id] = fault
            continue
        if about is not None:
            wanted[message_id] = about
    failed.update(story(wanted) if wanted else {})
    come_back: list[PartialItemFailures] = []
    for message_id, reason in failed.items():
        try:
            _settle(message_id, bodies[message_id], reason, dead_letters)
        except HeadcountError as fault:
            _log_failure(message_id, fault)
            come_back.append({"itemIdentifier": message_id})
    return {"batchItemFailures": come_back}


def _settle(message_id: str, body: str, reason: HeadcountError, dead_letters: DeadLetters) -> None:
    """Deal with a failed record for good, or raise what it has to come back for."""
    if isinstance(reason, RetiredError):
        _log_left_out(message_id, reason)
    elif isinstance(reason, PoisonRecordError):
        _refuse(message_id, body, reason, dead_letters)
    else:
        raise reason


def bus_event(*kinds: type[DetailT]) -> Callable[[str], DetailT | None]:
    """Return a reader of the records that EventBridge rules put on a queue.

    A replayed event reads as None: replay must never command a building. So that nobody speaks
    for another, an event has to come from the source it belongs to: of a BMS, from its site's.
    """
    known = {kind.detail_type: kind for kind in kinds}

    def read(body: str) -> DetailT | None:
        envelope = parsed(TypeAdapter(Envelope), body)
        if envelope.replay_name is not None:
            logger.warning("replayed event left out", replay_name=envelope.replay_name)
            return None
        if envelope.detail_type not in known:
            raise PoisonRecordError(
                f"'{envelope.detail_type}' on a queue for {', '.join(sorted(known))}. "
                "Look at the event pattern of the rule that feeds it."
            )
        detail = as_detail(known[envelope.detail_type], envelope.detail)
        _refuse_another_s(detail, envelope.source)
        return detail

    return read


def _refuse_another_s(detail: Detail, source: str) -> None:
    wanted = f"bms.{detail.site_id}" if isinstance(detail, BmsDetail) else detail.source
    if source != wanted:
        raise PoisonRecordError(
            f"{source} cannot say {detail.detail_type} of {wanted}: its source has to be {wanted}."
        )


def as_detail(kind: type[DetailT], detail: Mapping[str, Any]) -> DetailT:
    """Return an event's detail as its model.

    Raises:
        PoisonRecordError: If it does not keep the contract; names the fields, not their values.
    """
    try:
        return kind.model_validate(detail)
    except ValidationError as fault:
        raise _poison(kind.detail_type, fault) from None


def parsed(adapter: TypeAdapter[ReadT], body: str | bytes) -> ReadT:
    """Return what JSON text says, read by `adapter`.

    Raises:
        PoisonRecordError: If it is not JSON or not of that shape; does not repeat the text.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as fault:
        raise _poison("record", fault) from None


def _poison(what: str, fault: ValidationError) -> PoisonRecordError:
    # `from None` and no inputs: a traceback with the payload would put faces into the log.
    wrong = "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}"
        for one in fault.errors(include_input=False, include_url=False)
    )
    return PoisonRecordError(f"{what} cannot be read: {wrong}")


def _refuse(
    message_id: str, body: str, fault: PoisonRecordError, dead_letters: DeadLetters
) -> None:
    dead_letters(body, str(fault))
    logger.error(
        "record refused", message_id=message_id, fault=type(fault).__name__, reason=str(fault)
    )


def _log_failure(message_id: str, fault: HeadcountError) -> None:
    logger.error(
        "record failed", message_id=message_id, fault=type(fault).__name__, reason=str(fault)
    )


def _log_left_out(message_id: str, gone: RetiredError) -> None:
    logger.warning("record left out", message_id=message_id, reason=str(gone))
