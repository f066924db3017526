"""IAM for the services and condition keys that MiniStack does not know."""

import json
import re
from functools import partial
from typing import Any

from local.emulator.pin import HookPoint
from local.emulator.routing import access_key_id, header
from local.emulator.service import (
    AsgiApp,
    EmulatorConfig,
    Message,
    Receive,
    Scope,
    Send,
    with_rights,
)

_PRINCIPAL = HookPoint("core.iam_evaluator", "resolve_principal", ("access_key_id", "account_id"))
_CONTEXT = HookPoint("core.iam_evaluator", "EvalContext")
_EVALUATE = HookPoint("core.iam_evaluator", "evaluate", ("ctx",))
_CONDITION_KEYS = HookPoint(
    "core.iam_actions", "request_tag_context", ("service", "iam_action", "body")
)

_INVOCATION = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations")
# PutMedia's body is the video: its stream is named in a header, and its body is not for us.
_PUT_MEDIA = "/putMedia"


def install() -> None:
    """Let policies ask for the source of an event, and look for MiniStack's policy evaluation.

    Raises:
        HookError: If it is not where we know it.
    """
    for point in (_PRINCIPAL, _CONTEXT, _EVALUATE):
        point.current()
    _CONDITION_KEYS.replace(_with_event_sources)


def _with_event_sources(keys_of: Any) -> Any:
    def keys(service: str, action: str, body: bytes, *more: Any) -> dict[str, Any]:
        found: dict[str, Any] = keys_of(service, action, body, *more)
        if action == "events:PutEvents":
            entries = _document(body).get("Entries") or []
            sources = sorted({str(entry.get("Source", "")) for entry in entries})
            # AWS decides for each entry. Here a call is allowed or refused as a whole, so that a
            # condition on the source refuses a call that speaks for several.
            found["events:source"] = sources[0] if len(sources) == 1 else sources
        return found

    return keys


def authorized(app: AsgiApp, service: str, config: EmulatorConfig) -> AsgiApp:
    """Return `app` behind the identity policies of whoever signs its requests."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        body = b"" if scope["path"] == _PUT_MEDIA else await _read(receive)
        action = requested_action(service, scope)
        resource = requested_resource(service, scope, body, config)
        sender = access_key_id(scope)
        refusal = _refusal(sender, action, resource, config)
        if refusal is not None:
            await _refuse(refusal, send)
            return
        # What a service does on the sender's behalf it asks about itself.
        allowed = with_rights(scope, partial(_may, sender, config))
        if scope["path"] == _PUT_MEDIA:
            await app(allowed, receive, send)
        else:
            await app(allowed, _replay(body, receive), send)

    return guarded


def requested_action(service: str, scope: Scope) -> str:
    """Return what a request asks for in IAM's words, e.g. `kinesisvideo:PutMedia`."""
    target = header(scope, b"x-amz-target")
    if target is not None:
        return f"{service}:{target.rsplit('.', 1)[-1]}"
    if _INVOCATION.fullmatch(scope["path"]):
        return f"{service}:InvokeEndpoint"
    operation: str = scope["path"].strip("/").split("/")[0]
    return f"{service}:{operation[:1].upper()}{operation[1:]}"


def requested_resource(service: str, scope: Scope, body: bytes, config: EmulatorConfig) -> str:
    """Return the ARN that a request is about, or `*` if it names none."""
    prefix = f"arn:aws:{service}:{config.region}:{config.account_id}"
    invocation = _INVOCATION.fullmatch(scope["path"])
    if invocation:
        return f"{prefix}:endpoint/{invocation['name'].lower()}"
    named = _document(body)
    stream_arn = header(scope, b"x-amzn-stream-arn") or _text(named, "StreamARN", "ResourceARN")
    if stream_arn:
        return stream_arn
    stream = header(scope, b"x-amzn-stream-name") or _text(named, "StreamName")
    # The last part of a stream's ARN is when it was made; policies have a wildcard there.
    return f"{prefix}:stream/{stream}/0" if stream and service == "kinesisvideo" else "*"


def _may(key: str | None, config: EmulatorConfig, action: str, resource: str) -> bool:
    return _refusal(key, action, resource, config) is None


def _refusal(key: str | None, action: str, resource: str, config: EmulatorConfig) -> str | None:
    principal = _PRINCIPAL.current()(key or "", config.account_id)
    policies = getattr(principal, "policies", ())
    if policies is None:
        # The account's root, which is what a laptop's own commands are.
        return None
    if not policies and not hasattr(principal, "arn"):
        return str(principal.message)
    context = _CONTEXT.current()(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=config.region,
        principal_keys=principal.keys,
    )
    if _EVALUATE.current()(context, policies, *principal.limits).decision == "Allow":
        return None
    return (
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} "
        "because no identity-based policy allows the action"
    )


async def _refuse(message: str, send: Send) -> None:
    content = {"__type": "AccessDeniedException", "Message": message}
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", b"AccessDeniedException"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` once, and afterwards what comes anew."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _document(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        # An image for the model names nothing.
        return {}
    return content if isinstance(content, dict) else {}


def _text(document: dict[str, Any], *names: str) -> str | None:
    return next((str(document[name]) for name in names if document.get(name)), None)
