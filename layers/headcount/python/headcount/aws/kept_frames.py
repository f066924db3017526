"""Frames to learn from, kept in S3."""

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import KeepingError
from headcount.events import FramesCounted
from headcount.identifiers import EXPIRY_TAG, kept_frame_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3FrameKeeper:
    """A `FrameKeeper`: one object a frame, which the bucket encrypts and deletes in time.

    What is known of a frame is metadata of its object, so that no trace stays when it goes.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def __call__(self, seen: FramesCounted, jpeg: bytes, expire_days: int) -> None:
        """Keep a frame; the same frame is the same object.

        Raises:
            KeepingError: If S3 does not take it.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=kept_frame_key(seen.site_id, seen.camera_id, seen.captured_at, seen.id),
                Body=jpeg,
                ContentType="image/jpeg",
                Tagging=urlencode({EXPIRY_TAG: expire_days}),
                Metadata={
                    "camera-id": seen.camera_id,
                    "captured-at": seen.captured_at.isoformat(),
                    "light-mode": seen.light_mode.value,
                    "inference-id": seen.inference_id,
                    "width": str(seen.frame_width),
                    "height": str(seen.frame_height),
                    "sha256": hashlib.sha256(jpeg).hexdigest(),
                },
            )
        except ClientError as fault:
            raise KeepingError(
                f"S3 did not keep a frame: {fault.response['Error']['Code']}.\n"
                "The function needs s3:PutObject and s3:PutObjectTagging on the bucket of kept "
                "frames, and kms:GenerateDataKey on the stage's key."
            ) from fault
        except BotoCoreError as fault:
            raise KeepingError(
                f"S3 did not keep a frame: {type(fault).__name__}.\nS3 cannot be reached."
            ) from fault
