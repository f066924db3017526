"""A foreign service for the embedded AWS's own tests. Runs inside the emulator's environment."""

import asyncio
import json
from pathlib import Path
from typing import Any

import boto3

from local.emulator.service import (
    CloudFormationHandler,
    EmulatorConfig,
    ForeignService,
    Receive,
    Scope,
    Send,
)


def build(config: EmulatorConfig) -> ForeignService:
    """Answer each request chunk as it comes; make a marker file per CloudFormation resource."""
    made = config.state_dir / "echo"
    made.mkdir(exist_ok=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
            if not message.get("more_body"):
                break
        await send({"type": "http.response.body", "body": b"end"})

    async def stop() -> None:
        await asyncio.sleep(0)

    return ForeignService(
        name="Echo",
        scope="kinesisvideo",
        app=app,
        stop=stop,
        cloudformation={"AWS::KinesisVideo::Stream": _handler(config, made)},
    )


def _handler(config: EmulatorConfig, made: Path) -> CloudFormationHandler:
    def create(logical_id: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
        # A handler may call other services over HTTP while CloudFormation waits for it.
        buckets = boto3.client("s3", endpoint_url=config.endpoint_url).list_buckets()
        (made / logical_id).write_text(json.dumps(properties))
        return logical_id, {"Arn": f"arn:echo:{logical_id}", "Buckets": str(len(buckets))}

    def update(
        physical_id: str, _old: dict[str, Any], new: dict[str, Any]
    ) -> tuple[str, dict[str, str]]:
        (made / physical_id).write_text(json.dumps(new))
        return physical_id, {"Arn": f"arn:echo:{physical_id}"}

    def delete(physical_id: str, _properties: dict[str, Any]) -> None:
        (made / physical_id).unlink(missing_ok=True)

    return CloudFormationHandler(create=create, update=update, delete=delete)
