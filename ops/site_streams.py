"""The Kinesis Video streams of a site: one per camera, with a notice for each marked fragment."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from headcount.errors import DeploymentError
from headcount.identifiers import stream_name
from headcount.site import Site
from ops.deployment import Deployment
from ops.site_changes import Change

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient
    from mypy_boto3_kinesisvideo.type_defs import StreamInfoTypeDef

MEDIA_TYPE = "video/h264"
# AWS makes and removes a stream within seconds; minutes mean that something is wrong.
_PATIENCE_S = 180.0
_POLL_S = 0.5


class SiteStreams:
    """Plans the streams of one site.

    Args:
        client: Kinesis Video.
        deployment: Whose prefix, key and notice topic are used.
        site_id: Whose cameras.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        client: "KinesisVideoClient",
        deployment: Deployment,
        site_id: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._site_id = site_id
        self._sleep = sleep
        self._prefix = stream_name(deployment.stream_prefix, site_id, "")

    def name(self, camera_id: str) -> str:
        """Return the name of a camera's stream."""
        return f"{self._prefix}{camera_id}"

    def deployed(self) -> "dict[str, StreamInfoTypeDef]":
        """Return the streams there are, by camera id, without those on their way out."""
        pages = self._client.get_paginator("list_streams").paginate(
            StreamNameCondition={
                "ComparisonOperator": "BEGINS_WITH",
                "ComparisonValue": self._prefix,
            }
        )
        return {
            stream["StreamName"].removeprefix(self._prefix): stream
            for page in pages
            for stream in page["StreamInfoList"]
            if stream["Status"] != "DELETING"
        }

    def arn(self, camera_id: str) -> str:
        """Return the ARN of a camera's stream."""
        name = self.name(camera_id)
        return self._client.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"]

    def missing(self, site: Site, deployed: "dict[str, StreamInfoTypeDef]") -> Iterator[Change]:
        """Yield a change for every stream to make or to alter.

        Raises:
            DeploymentError: If a stream of that name belongs to something else.
        """
        cameras = [camera.id for room in site.rooms for camera in room.cameras]
        for camera_id in cameras:
            if camera_id not in deployed:
                yield self._creation(camera_id, site.retention_hours)
        for camera_id in cameras:
            if camera_id in deployed:
                self._refuse_strangers(camera_id)
                kept = deployed[camera_id]["DataRetentionInHours"]
                if kept != site.retention_hours:
                    yield self._retention(camera_id, kept, site.retention_hours)
            if camera_id not in deployed or not self._sends_notices(camera_id):
                yield self._notices(camera_id)

    def remove(self, camera_id: str) -> None:
        """Delete a camera's stream and the video in it; one already gone is no error."""
        try:
            self._client.delete_stream(StreamARN=self.arn(camera_id))
        except self._client.exceptions.ResourceNotFoundException:
            return

    def _creation(self, camera_id: str, retention_hours: int) -> Change:
        name = self.name(camera_id)

        def create() -> None:
            self._await_gone(name)
            self._client.create_stream(
                StreamName=name,
                MediaType=MEDIA_TYPE,
                DataRetentionInHours=retention_hours,
                KmsKeyId=self._deployment.key_arn,
                Tags={
                    "headcount-stage": self._deployment.stage,
                    "headcount-site": self._site_id,
                    "headcount-camera": camera_id,
                },
            )

        return Change("+", f"stream {name}, kept for {retention_hours} h", create)

    def _retention(self, camera_id: str, kept_hours: int, wanted_hours: int) -> Change:
        def change() -> None:
            stream = self._await_active(self.name(camera_id))
            self._client.update_data_retention(
                StreamARN=stream["StreamARN"],
                CurrentVersion=stream["Version"],
                Operation="INCREASE_DATA_RETENTION"
                if wanted_hours > kept_hours
                else "DECREASE_DATA_RETENTION",
                DataRetentionChangeInHours=abs(wanted_hours - kept_hours),
            )

        name = self.name(camera_id)
        return Change("~", f"stream {name}, kept for {kept_hours} -> {wanted_hours} h", change)

    def _notices(self, camera_id: str) -> Change:
        name = self.name(camera_id)

        def configure() -> None:
            self._await_active(name)
            self._client.update_notification_configuration(
                StreamName=name,
                NotificationConfiguration={
                    "Status": "ENABLED",
                    "DestinationConfig": {"Uri": self._deployment.fragment_notice_topic_arn},
                },
            )

        return Change("+", f"notices of {name}", configure)

    def _sends_notices(self, camera_id: str) -> bool:
        try:
            answer = self._client.describe_notification_configuration(
                StreamName=self.name(camera_id)
            )
        except self._client.exceptions.ResourceNotFoundException:
            return False
        configured = answer.get("NotificationConfiguration")
        return bool(
            configured
            and configured["Status"] == "ENABLED"
            and configured["DestinationConfig"]["Uri"] == self._deployment.fragment_notice_topic_arn
        )

    def _refuse_strangers(self, camera_id: str) -> None:
        name = self.name(camera_id)
        tags = self._client.list_tags_for_stream(StreamName=name).get("Tags", {})
        if tags.get("headcount-site") != self._site_id:
            raise DeploymentError(
                f"The stream {name} exists and was not made for site {self._site_id!r} "
                f"(tags: {tags or 'none'}).\n"
                "Rename the camera in the site document, or delete that stream yourself."
            )

    def _await_active(self, name: str) -> "StreamInfoTypeDef":
        for _ in range(int(_PATIENCE_S / _POLL_S)):
            stream = self._client.describe_stream(StreamName=name)["StreamInfo"]
            if stream["Status"] == "ACTIVE":
                return stream
            self._sleep(_POLL_S)
        raise DeploymentError(
            f"The stream {name} is {stream['Status']} and not ACTIVE after {_PATIENCE_S:.0f} s.\n"
            "Look at it in the Kinesis Video console, then run the same command again."
        )

    def _await_gone(self, name: str) -> None:
        """Return when no stream of that name is on its way out any more."""
        for _ in range(int(_PATIENCE_S / _POLL_S)):
            try:
                self._client.describe_stream(StreamName=name)
            except self._client.exceptions.ResourceNotFoundException:
                return
            self._sleep(_POLL_S)
        raise DeploymentError(
            f"The stream {name} is still being deleted after {_PATIENCE_S:.0f} s.\n"
            "Run the same command again in some minutes."
        )
