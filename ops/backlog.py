"""How much is still on its way through a deployed stage."""

from typing import TYPE_CHECKING, Final

from ops.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_WAITING: Final = "ApproximateNumberOfMessages"
_IN_HAND: Final = "ApproximateNumberOfMessagesNotVisible"


def backlog(deployment: Deployment, sqs: "SQSClient") -> int:
    """Return how many messages wait between fragment and command, or are being worked on."""
    urls = (
        deployment.sample_queue_url,
        deployment.estimate_queue_url,
        deployment.decide_queue_url,
        deployment.notify_queue_url,
    )
    counts = (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, _IN_HAND])["Attributes"]
        for url in urls
    )
    return sum(int(found[_WAITING]) + int(found[_IN_HAND]) for found in counts)
