"""SageMaker's two wire protocols: JSON 1.1 for the control plane, REST for invocations."""

import asyncio
import http.client
import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from urllib.parse import unquote

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from local.emulator.sagemaker.artifacts import ArtifactStore
from local.emulator.sagemaker.capture import DataCapture, Invocation, Payload, now
from local.emulator.sagemaker.catalogue import Catalogue, Document
from local.emulator.sagemaker.cloudformation import handlers
from local.emulator.sagemaker.endpoints import Endpoints
from local.emulator.sagemaker.faults import SageMakerFault
from local.emulator.sagemaker.metrics import InvocationMetrics
from local.emulator.sagemaker.periodic import Periodic
from local.emulator.service import EmulatorConfig, ForeignService, Receive, Scope, Send

logger = logging.getLogger("headcount.emulator.sagemaker")

# Bytes: the most that InvokeEndpoint carries.
MAX_BODY_BYTES = 6_291_456
# Seconds. AWS writes captures and metrics after minutes; locally somebody is waiting for them.
REPORT_EVERY_S = 1.0
# Invocations wait for a container; more at once than this wait for a thread.
_THREADS = 32
_INVOCATIONS = re.compile(r"^/endpoints/([^/]+)/invocations$")
_TARGET_PREFIX = "SageMaker."

Answer = tuple[int, dict[str, str], bytes]


class SageMaker:
    """The service: an ASGI application in front of catalogue, endpoints and capture."""

    def __init__(self, config: EmulatorConfig) -> None:
        folder = config.state_dir / "sagemaker"
        (folder / "models").mkdir(parents=True, exist_ok=True)
        s3 = _client("s3", config)
        self._events = _client("events", config)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sagemaker")
        self._capture = DataCapture(s3)
        self._metrics = InvocationMetrics(_client("cloudwatch", config))
        self._reporting = [
            Periodic(self._capture.flush, REPORT_EVERY_S, "data-capture"),
            Periodic(self._metrics.flush, REPORT_EVERY_S, "metrics"),
        ]
        self.catalogue = Catalogue(config.region, config.account_id)
        self.endpoints = Endpoints(
            self.catalogue,
            ArtifactStore(s3, folder / "models"),
            config.python,
            folder / "logs",
            self._announce,
        )
        self._operations: dict[str, Callable[[Document], Document]] = {
            "CreateModel": self.catalogue.create_model,
            "DescribeModel": self.catalogue.describe_model,
            "DeleteModel": self.catalogue.delete_model,
            "ListModels": self.catalogue.list_models,
            "CreateEndpointConfig": self.catalogue.create_endpoint_config,
            "DescribeEndpointConfig": self.catalogue.describe_endpoint_config,
            "DeleteEndpointConfig": self.catalogue.delete_endpoint_config,
            "ListEndpointConfigs": self.catalogue.list_endpoint_configs,
            "CreateEndpoint": self.endpoints.create,
            "UpdateEndpoint": self.endpoints.update,
            "DescribeEndpoint": self.endpoints.describe,
            "DeleteEndpoint": self.endpoints.delete,
            "ListEndpoints": self.endpoints.list,
            "AddTags": self.catalogue.add_tags,
            "ListTags": self.catalogue.list_tags,
            "DeleteTags": self.catalogue.delete_tags,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        body = await _read_body(receive)
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        invocation = _INVOCATIONS.match(scope["path"])
        loop = asyncio.get_running_loop()
        if invocation:
            answer = await loop.run_in_executor(
                self._threads, self._invoke, unquote(invocation.group(1)), body, headers
            )
        else:
            answer = await loop.run_in_executor(self._threads, self._operate, body, headers)
        status, answered, content = answer
        answered["x-amzn-RequestId"] = str(uuid.uuid4())
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (key.lower().encode(), value.encode()) for key, value in answered.items()
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def stop(self) -> None:
        """End every container, and write what is captured."""
        await asyncio.to_thread(self.endpoints.stop)
        for report in self._reporting:
            await asyncio.to_thread(report.stop)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _operate(self, body: bytes, headers: dict[str, str]) -> Answer:
        operation = headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)
        try:
            carry_out = self._operations.get(operation)
            if carry_out is None:
                raise SageMakerFault(
                    "UnknownOperationException",
                    f"The embedded AWS has no sagemaker:{operation or 'operation'}. "
                    f"It has {', '.join(sorted(self._operations))}.",
                )
            status, content = 200, carry_out(_checked_request(operation, body))
        except SageMakerFault as fault:
            status, content = fault.status, {"__type": fault.code, "message": fault.message}
        return (
            status,
            {"Content-Type": "application/x-amz-json-1.1"},
            json.dumps(content).encode(),
        )

    def _invoke(self, name: str, body: bytes, headers: dict[str, str]) -> Answer:
        try:
            return self._answer_invocation(name, body, headers)
        except SageMakerFault as fault:
            return _runtime_fault(fault, {"Message": fault.message})

    def _answer_invocation(self, name: str, body: bytes, headers: dict[str, str]) -> Answer:
        if len(body) > MAX_BODY_BYTES:
            raise SageMakerFault(
                "ValidationError",
                f"The body has {len(body)} bytes; at most {MAX_BODY_BYTES} are accepted.",
                413,
            )
        variant, config = self.endpoints.reserve(
            name, headers.get("x-amzn-sagemaker-target-variant")
        )
        sent_type = headers.get("content-type", "application/octet-stream")
        attributes = headers.get("x-amzn-sagemaker-custom-attributes")
        forwarded = {
            "Content-Type": sent_type,
            "Accept": headers.get("accept", "*/*"),
            **({"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {}),
        }
        started_s = time.perf_counter()
        try:
            answer = variant.invoke(body, forwarded)
        except (OSError, http.client.HTTPException) as fault:
            self._metrics.add(name, variant.name, 503, time.perf_counter() - started_s)
            raise SageMakerFault(
                "ServiceUnavailable",
                f"The container of variant {variant.name} did not answer ({fault!r}).",
                503,
            ) from fault
        self._metrics.add(name, variant.name, answer.status, time.perf_counter() - started_s)
        if answer.status != 200:
            return _model_error(name, answer.status, answer.body.decode(errors="replace").strip())
        self._capture.add(
            Invocation(
                endpoint=name,
                variant=variant.name,
                sent=Payload(body, sent_type),
                answered=Payload(answer.body, answer.content_type),
                at=now(),
                inference_id=headers.get("x-amzn-sagemaker-inference-id"),
                custom_attributes=attributes,
            ),
            config.get("DataCaptureConfig", {}),
        )
        return (
            200,
            {
                "Content-Type": answer.content_type,
                "x-Amzn-Invoked-Production-Variant": variant.name,
            },
            answer.body,
        )

    def _announce(self, detail: Document) -> None:
        """Put a "SageMaker Endpoint State Change" on the default bus, as AWS does."""
        try:
            self._events.put_events(
                Entries=[
                    {
                        "Source": "aws.sagemaker",
                        "DetailType": "SageMaker Endpoint State Change",
                        "Resources": [detail["EndpointArn"]],
                        "Detail": json.dumps(detail),
                    }
                ]
            )
        except (ClientError, BotoCoreError) as fault:
            # An event on the way is never a condition of the endpoint's own state.
            logger.warning("No event for endpoint %s: %s", detail["EndpointName"], fault)


def build(config: EmulatorConfig) -> ForeignService:
    """Return SageMaker and its runtime, which sign with the same credential scope."""
    service = SageMaker(config)
    return ForeignService(
        name="sagemaker",
        scope="sagemaker",
        app=service,
        stop=service.stop,
        cloudformation=handlers(service.catalogue, service.endpoints),
    )


def _client(service: str, config: EmulatorConfig) -> Any:
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=config.endpoint_url,
        region_name=config.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - what the embedded AWS takes
        config=Config(s3={"addressing_style": "path"}),
    )


@cache
def _api() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def _checked_request(operation: str, body: bytes) -> Document:
    """Return a control-plane request that AWS's own service model accepts.

    Raises:
        SageMakerFault: If a field is missing, unknown or of another type.
    """
    try:
        request = json.loads(body or b"{}")
    except ValueError as fault:
        raise SageMakerFault("SerializationException", f"Not JSON: {fault}") from fault
    shape = _api().operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape) if shape else None
    if report and report.has_errors():
        raise SageMakerFault("ValidationException", report.generate_report())
    checked: Document = request
    return checked


def _model_error(endpoint: str, status: int, text: str) -> Answer:
    party = "client" if status < 500 else "server"
    stream = f"/aws/sagemaker/Endpoints/{endpoint}"
    return _runtime_fault(
        SageMakerFault("ModelError", text, 424),
        {
            "ErrorCode": "MODEL_ERROR",
            "LogStreamArn": stream,
            "Message": f'Received {party} error ({status}) from primary with message "{text}".',
            "OriginalMessage": text,
            "OriginalStatusCode": status,
        },
    )


def _runtime_fault(fault: SageMakerFault, content: Document) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": fault.code}
    return fault.status, headers, json.dumps(content).encode()


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
