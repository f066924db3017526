"""Kinesis Video Streams as an ASGI app: control plane, PutMedia, archive, notices."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from local.emulator.kinesisvideo import media
from local.emulator.kinesisvideo.connection import PutConnection, PutRequest
from local.emulator.kinesisvideo.control import ControlPlane
from local.emulator.kinesisvideo.faults import KinesisVideoError, invalid_argument
from local.emulator.kinesisvideo.notices import Notices
from local.emulator.kinesisvideo.streams import Stream, Streams
from local.emulator.service import (
    EmulatorConfig,
    ForeignService,
    May,
    Receive,
    Scope,
    Send,
    rights_of,
)

_JSON = "application/json"
# What GetMedia of AWS says of Matroska.
_MEDIA = "video/webm"


def build(config: EmulatorConfig) -> ForeignService:
    """Return the service, its media in a folder of `config.state_dir`."""
    app = KinesisVideo(config)
    return ForeignService(name="Kinesis Video", scope="kinesisvideo", app=app, stop=app.stop)


class KinesisVideo:
    """Serves every operation on one endpoint, as AWS does behind GetDataEndpoint."""

    def __init__(self, config: EmulatorConfig) -> None:
        folder = config.state_dir / "kinesisvideo"
        self._streams = Streams(config.region, config.account_id, folder)
        self._notices = Notices(config)
        control = ControlPlane(self._streams, config.endpoint_url)
        self._operations: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "/createStream": control.create_stream,
            "/describeStream": control.describe_stream,
            "/listStreams": control.list_streams,
            "/deleteStream": control.delete_stream,
            "/updateStream": control.update_stream,
            "/updateDataRetention": control.update_data_retention,
            "/getDataEndpoint": control.get_data_endpoint,
            "/tagStream": control.tag_stream,
            "/untagStream": control.untag_stream,
            "/listTagsForStream": control.list_tags_for_stream,
            "/updateNotificationConfiguration": control.update_notification_configuration,
            "/describeNotificationConfiguration": control.describe_notification_configuration,
            "/updateImageGenerationConfiguration": control.update_image_generation_configuration,
            "/describeImageGenerationConfiguration": (
                control.describe_image_generation_configuration
            ),
            "/listFragments": self._list_fragments,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = _Answer(send)
        try:
            await self._route(scope, receive, answer)
        except KinesisVideoError as fault:
            await answer.fault(fault)

    async def stop(self) -> None:
        """Publish the last notices."""
        await asyncio.to_thread(self._notices.stop)

    async def _route(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        path = scope["path"]
        if path == "/putMedia":
            await self._put_media(scope, receive, answer)
            return
        request = await _read_json(receive)
        if path == "/getMediaForFragmentList":
            stream = self._readable(request, rights_of(scope))
            await answer.media(media.media_of(stream, request.get("Fragments") or []))
        elif path == "/getMedia":
            stream = self._readable(request, rights_of(scope))
            after = media.start_of(stream, request.get("StartSelector") or {})
            pieces = media.follow(stream, after, self._streams.clock)
            await answer.endless_media(pieces, receive)
        elif path in self._operations:
            await answer.json(await self._operations[path](request))
        else:
            raise KinesisVideoError(
                "UnknownOperationException", f"The embedded Kinesis Video does not know {path}."
            )

    def _readable(self, request: Mapping[str, Any], may: May) -> Stream:
        """Return the stream a consumer names.

        Raises:
            KinesisVideoError: If there is none, or the consumer may not decrypt what is in it.
        """
        stream = self._streams.find(request)
        key = stream.customer_key
        if key is not None and not may("kms:Decrypt", key):
            raise KinesisVideoError(
                "NotAuthorizedException",
                f"{stream.name} is encrypted with {key}: the caller lacks kms:Decrypt on it.",
            )
        return stream

    async def _list_fragments(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return media.list_fragments(self._streams.find(request), request)

    async def _put_media(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        request = PutRequest.read(scope)
        connection = PutConnection(
            self._streams.find(request.stream),
            request.start_ms,
            clock=self._streams.clock,
            notices=self._notices,
            may=rights_of(scope),
            write=answer.write,
        )
        await answer.begin(200, {"Content-Type": _JSON})
        await connection.run(receive)
        await answer.end()


class _Answer:
    """Writes one HTTP answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._request_id = str(uuid.uuid4())

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head now: Hypercorn keeps it until there is a body, be it empty."""
        headers = {"x-amzn-RequestId": self._request_id, **headers}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self.write(b"")

    async def write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def json(self, content: Mapping[str, Any]) -> None:
        await self._whole(200, {}, content)

    async def fault(self, fault: KinesisVideoError) -> None:
        headers = {"x-amzn-ErrorType": fault.code}
        await self._whole(fault.status, headers, {"Message": str(fault)})

    async def _whole(
        self, status: int, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> None:
        body = json.dumps(content).encode()
        length = {"Content-Type": _JSON, "Content-Length": str(len(body))}
        await self.begin(status, {**length, **headers})
        await self.write(body)
        await self.end()

    async def media(self, pieces: Iterable[bytes]) -> None:
        await self.begin(200, {"Content-Type": _MEDIA})
        for piece in pieces:
            await self.write(piece)
        await self.end()

    async def endless_media(self, pieces: AsyncGenerator[bytes, None], receive: Receive) -> None:
        """Send media until there is no more, or the consumer goes."""
        async with aclosing(pieces):
            first = await anext(pieces)
            await self.begin(200, {"Content-Type": _MEDIA})
            await self.write(first)
            sending = asyncio.create_task(self._send_all(pieces))
            gone = asyncio.create_task(_wait_for_disconnect(receive))
            try:
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                sending.cancel()
                await asyncio.gather(sending, gone, return_exceptions=True)
        await self.end()

    async def _send_all(self, pieces: AsyncGenerator[bytes, None]) -> None:
        async for piece in pieces:
            await self.write(piece)


async def _read_json(receive: Receive) -> dict[str, Any]:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    try:
        request = json.loads(body or b"{}")
    except ValueError as fault:
        raise invalid_argument("The request is not JSON.") from fault
    if not isinstance(request, dict):
        raise invalid_argument("The request is not a JSON object.")
    return request


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
