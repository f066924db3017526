"""A queue that wakes its own reader later."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

from headcount.causes import RoomCheckDue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# SQS delays a message by this much at most; who is woken early asks again.
_LONGEST_DELAY_S: Final = 900


class SqsCheckScheduler:
    """A `CheckScheduler` on a queue's delay."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def __call__(self, site_id: str, room_id: str, due_at: datetime, now: datetime) -> None:
        """Have the room looked at again at `due_at`, or as near before it as can be."""
        wait_s = math.ceil((due_at - now).total_seconds())
        check = RoomCheckDue(site_id=site_id, room_id=room_id, due_at=due_at)
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=check.model_dump_json(),
            DelaySeconds=min(max(0, wait_s), _LONGEST_DELAY_S),
        )
