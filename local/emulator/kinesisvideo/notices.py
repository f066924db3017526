"""Notices: an SNS message for each stored fragment whose producer asked for one."""

import json
import logging
import queue
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from headcount.media.muxer import NOTIFICATION_TAG
from local.emulator.kinesisvideo.streams import StoredFragment, Stream
from local.emulator.service import EmulatorConfig, May

logger = logging.getLogger(__name__)

_SUBJECT = "Kinesis Video Streams Notification"
_STOP_TIMEOUT_S = 2.0


class Notices:
    """Publishes in the order of storing, on a thread: SNS is served by the loop that stores."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._config = config
        self._waiting: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._publish, name="notices", daemon=True)
        self._thread.start()

    def stored(self, stream: Stream, fragment: StoredFragment, may: May) -> None:
        """Queue the notice of a fragment, if its producer and its stream want one.

        Kinesis Video publishes with the rights of the producer, which are in `may`.
        """
        setting = stream.notification
        if NOTIFICATION_TAG not in fragment.tags or not setting or setting["Status"] != "ENABLED":
            return
        topic = setting["DestinationConfig"]["Uri"]
        if not may("sns:Publish", topic):
            # Not an error that a producer is told of, in AWS neither.
            logger.warning("No notice to %s: the producer lacks sns:Publish on it.", topic)
            return
        message = {
            "StreamArn": stream.arn,
            "FragmentNumber": fragment.number,
            "FragmentStartProducerTimestamp": round(fragment.producer_s * 1000),
            "FragmentStartServerTimestamp": round(fragment.server_s * 1000),
            "NotificationType": "PERSISTED",
            "NotificationPayload": {
                name: value for name, value in fragment.tags.items() if not name.startswith("AWS_")
            },
        }
        self._waiting.put((topic, json.dumps(message)))

    def stop(self) -> None:
        """Publish what is waiting, and end the thread."""
        self._waiting.put(None)
        self._thread.join(_STOP_TIMEOUT_S)

    def _publish(self) -> None:
        # Made before the first notice, which would otherwise wait 0.2 s for it.
        client = _sns(self._config)
        while (notice := self._waiting.get()) is not None:
            topic, message = notice
            try:
                client.publish(TopicArn=topic, Subject=_SUBJECT, Message=message)
            except (BotoCoreError, ClientError) as fault:
                # AWS drops a notice that it cannot deliver as well; the sweeper finds the fragment.
                logger.warning("A notice was not published to %s: %s", topic, fault)


def _sns(config: EmulatorConfig) -> Any:
    # A session of its own: boto3's default one is not to be shared between threads.
    session = boto3.Session("test", "test", region_name=config.region)
    return session.client(
        "sns",
        endpoint_url=config.endpoint_url,
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2}),
    )
