"""What cameras see when nobody is there, remembered in DynamoDB."""

from typing import TYPE_CHECKING, Final

import numpy as np
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from headcount.aws.rooms import is_conflict
from headcount.media.keyframe import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, Picture, scene_change
from headcount.ports import SampledFrame

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_SORT_KEY: Final = "SIGHT"


class DynamoVacantViews:
    """A `VacantViews`: one grey thumbnail per camera and light mode."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def difference(self, camera_key: str, frame: SampledFrame) -> float | None:
        """Return the share of the picture that differs, or None if nothing is remembered."""
        answer = self._table.get_item(Key=_key(camera_key, frame))
        kept = answer.get("Item", {}).get("thumbnail")
        if not isinstance(kept, Binary):
            return None
        return scene_change(_picture(bytes(kept.value)), _picture(frame.thumbnail))

    def remember(self, camera_key: str, frame: SampledFrame) -> None:
        """Remember this frame as the empty view, unless a newer one is remembered."""
        captured_at = frame.captured_at.isoformat(timespec="microseconds")
        try:
            self._table.put_item(
                Item={
                    **_key(camera_key, frame),
                    "thumbnail": frame.thumbnail,
                    "captured_at": captured_at,
                },
                # Producer time, as text of one length in UTC: a late frame never wins.
                ConditionExpression="attribute_not_exists(pk) OR captured_at < :now",
                ExpressionAttributeValues={":now": captured_at},
            )
        except ClientError as fault:
            if not is_conflict(fault):
                raise


def _key(camera_key: str, frame: SampledFrame) -> dict[str, str]:
    return {"pk": camera_key, "sk": f"{_SORT_KEY}#{frame.light_mode.value}"}


def _picture(pixels: bytes) -> Picture:
    return np.frombuffer(pixels, dtype=np.uint8).reshape(THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH)
