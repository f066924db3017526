"""The control plane: streams, tags, retention, notices. Each function answers one operation."""

import re
from collections.abc import Mapping
from typing import Any

from local.emulator.kinesisvideo.faults import KinesisVideoError, invalid_argument
from local.emulator.kinesisvideo.streams import Stream, Streams

Request = Mapping[str, Any]
Answer = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
_MAX_RETENTION_H = 87_600
_MAX_TAGS = 50
_MAX_LISTED = 10_000
_API_NAMES = frozenset(
    {
        "PUT_MEDIA",
        "GET_MEDIA",
        "LIST_FRAGMENTS",
        "GET_MEDIA_FOR_FRAGMENT_LIST",
        "GET_HLS_STREAMING_SESSION_URL",
        "GET_DASH_STREAMING_SESSION_URL",
        "GET_CLIP",
        "GET_IMAGES",
    }
)


class ControlPlane:
    """Answers what boto3's `kinesisvideo` client asks."""

    def __init__(self, streams: Streams, endpoint_url: str) -> None:
        self._streams = streams
        self._endpoint_url = endpoint_url

    async def create_stream(self, request: Request) -> Answer:
        """CreateStream: the stream is active at once."""
        name = request.get("StreamName") or ""
        if not _NAME.fullmatch(name):
            raise invalid_argument(f"StreamName {name!r} is not 1 to 256 of a-z A-Z 0-9 _ . -")
        retention_h = request.get("DataRetentionInHours") or 0
        if not 0 <= retention_h <= _MAX_RETENTION_H:
            raise invalid_argument(f"DataRetentionInHours {retention_h} is not 0 to 87600.")
        stream = self._streams.create(name)
        stream.retention_h = retention_h
        stream.media_type = request.get("MediaType")
        stream.device_name = request.get("DeviceName")
        stream.kms_key_id = request.get("KmsKeyId") or stream.kms_key_id
        stream.tags = dict(request.get("Tags") or {})
        return {"StreamARN": stream.arn}

    async def describe_stream(self, request: Request) -> Answer:
        """DescribeStream."""
        return {"StreamInfo": _describe(self._streams.find(request))}

    async def list_streams(self, request: Request) -> Answer:
        """ListStreams; the token is the last name of the page before."""
        condition = request.get("StreamNameCondition") or {}
        found = self._streams.named_from(condition.get("ComparisonValue") or "")
        token = request.get("NextToken") or ""
        rest = [stream for stream in found if stream.name > token]
        count = request.get("MaxResults") or _MAX_LISTED
        if not 1 <= count <= _MAX_LISTED:
            raise invalid_argument(f"MaxResults {count} is not 1 to 10000.")
        page = rest[:count]
        answer: Answer = {"StreamInfoList": [_describe(stream) for stream in page]}
        if len(rest) > count:
            answer["NextToken"] = page[-1].name
        return answer

    async def delete_stream(self, request: Request) -> Answer:
        """DeleteStream: at once, with what it holds."""
        stream = self._streams.find(request)
        _check_version(stream, request.get("CurrentVersion"))
        await self._streams.delete(stream)
        return {}

    async def update_data_retention(self, request: Request) -> Answer:
        """UpdateDataRetention: up or down by so many hours."""
        stream = self._streams.find(request)
        _check_version(stream, request.get("CurrentVersion"))
        change_h = request.get("DataRetentionChangeInHours") or 0
        if request.get("Operation") == "DECREASE_DATA_RETENTION":
            change_h = -change_h
        elif request.get("Operation") != "INCREASE_DATA_RETENTION":
            raise invalid_argument("Operation is not INCREASE_ or DECREASE_DATA_RETENTION.")
        if change_h == 0 or not 0 <= stream.retention_h + change_h <= _MAX_RETENTION_H:
            raise invalid_argument(f"A retention of {stream.retention_h + change_h} hours.")
        stream.retention_h += change_h
        stream.touch()
        stream.trim(self._streams.clock())
        return {}

    async def update_stream(self, request: Request) -> Answer:
        """UpdateStream: device name and media type."""
        stream = self._streams.find(request)
        _check_version(stream, request.get("CurrentVersion"))
        stream.device_name = request.get("DeviceName") or stream.device_name
        stream.media_type = request.get("MediaType") or stream.media_type
        stream.touch()
        return {}

    async def get_data_endpoint(self, request: Request) -> Answer:
        """GetDataEndpoint: ours serves everything."""
        self._streams.find(request)
        if request.get("APIName") not in _API_NAMES:
            raise invalid_argument(f"APIName {request.get('APIName')!r} is unknown.")
        return {"DataEndpoint": self._endpoint_url}

    async def tag_stream(self, request: Request) -> Answer:
        """TagStream."""
        stream = self._streams.find(request)
        tags = {**stream.tags, **(request.get("Tags") or {})}
        if len(tags) > _MAX_TAGS:
            raise KinesisVideoError("TagsPerResourceExceededLimitException", f"{len(tags)} tags.")
        stream.tags = tags
        return {}

    async def untag_stream(self, request: Request) -> Answer:
        """UntagStream."""
        stream = self._streams.find(request)
        for name in request.get("TagKeyList") or []:
            stream.tags.pop(name, None)
        return {}

    async def list_tags_for_stream(self, request: Request) -> Answer:
        """ListTagsForStream: all in one page."""
        return {"Tags": self._streams.find(request).tags}

    async def update_notification_configuration(self, request: Request) -> Answer:
        """UpdateNotificationConfiguration: null removes it; in force at once (AWS: a minute)."""
        stream = self._streams.find(request)
        stream.notification = _media_setting(stream, request.get("NotificationConfiguration"))
        return {}

    async def describe_notification_configuration(self, request: Request) -> Answer:
        """DescribeNotificationConfiguration."""
        found = self._streams.find(request).notification
        return {"NotificationConfiguration": found} if found else {}

    async def update_image_generation_configuration(self, request: Request) -> Answer:
        """UpdateImageGenerationConfiguration: kept and described, but no image is made."""
        stream = self._streams.find(request)
        setting = _media_setting(stream, request.get("ImageGenerationConfiguration"))
        stream.image_generation = setting
        return {}

    async def describe_image_generation_configuration(self, request: Request) -> Answer:
        """DescribeImageGenerationConfiguration."""
        found = self._streams.find(request).image_generation
        return {"ImageGenerationConfiguration": found} if found else {}


def _describe(stream: Stream) -> Answer:
    info = {
        "DeviceName": stream.device_name,
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "MediaType": stream.media_type,
        "KmsKeyId": stream.kms_key_id,
        "Version": _version(stream),
        "Status": "ACTIVE",
        "CreationTime": stream.created_s,
        "DataRetentionInHours": stream.retention_h,
    }
    return {name: value for name, value in info.items() if value is not None}


def _version(stream: Stream) -> str:
    return f"v{stream.version}"


def _check_version(stream: Stream, version: str | None) -> None:
    if version is not None and version != _version(stream):
        raise KinesisVideoError(
            "VersionMismatchException", f"The stream is at {_version(stream)}, not {version}."
        )


def _media_setting(stream: Stream, setting: dict[str, Any] | None) -> dict[str, Any] | None:
    if setting is None:
        return None
    if stream.retention_h == 0:
        raise KinesisVideoError(
            "NoDataRetentionException", f"The stream {stream.name} has a data retention of 0."
        )
    uri = (setting.get("DestinationConfig") or {}).get("Uri")
    if setting.get("Status") not in ("ENABLED", "DISABLED") or not uri:
        raise invalid_argument("Status (ENABLED or DISABLED) and DestinationConfig.Uri are needed.")
    return setting
