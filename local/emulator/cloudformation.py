"""The resource types that MiniStack's CloudFormation does not know."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from local.emulator.pin import HookPoint
from local.emulator.service import CloudFormationHandler, ForeignService

_HANDLERS = HookPoint("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
_RUNS_ON_THREAD = HookPoint(
    "services.cloudformation.stacks", "_runs_on_worker_thread", ("resource_type",)
)
_PHYSICAL_NAME = HookPoint(
    "services.cloudformation.provisioners", "_physical_name", ("stack_name", "logical_id")
)
_CREATE_ARCHIVE = HookPoint("services.eventbridge", "_create_archive", ("data",))
_UPDATE_ARCHIVE = HookPoint("services.eventbridge", "_update_archive", ("data",))
_DELETE_ARCHIVE = HookPoint("services.eventbridge", "_delete_archive", ("data",))
_CREATE_NAMED_QUERY = HookPoint("services.athena", "_create_named_query", ("data",))
_DELETE_NAMED_QUERY = HookPoint("services.athena", "_delete_named_query", ("data",))
# AWS's own limits: 48 characters for an archive, 63 for most SageMaker resources.
_ARCHIVE_NAME_LENGTH = 48
_GENERATED_NAME_LENGTH = 63

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]


class ResourceError(ValueError):
    """A service refused a resource; CloudFormation shows the message as the reason."""


def install(services: Iterable[ForeignService]) -> None:
    """Register our own types and those of the foreign services.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    for point in (
        _PHYSICAL_NAME,
        _CREATE_ARCHIVE,
        _UPDATE_ARCHIVE,
        _DELETE_ARCHIVE,
        _CREATE_NAMED_QUERY,
        _DELETE_NAMED_QUERY,
    ):
        point.current()
    handlers: dict[str, dict[str, Any]] = _HANDLERS.current()
    handlers["AWS::Events::Archive"] = {
        "create": _create_archive,
        "update": _update_archive,
        "delete": _delete_archive,
    }
    handlers["AWS::Athena::NamedQuery"] = {
        "create": _create_named_query,
        "update": _update_named_query,
        "delete": _delete_named_query,
    }
    foreign = {
        name: handler for service in services for name, handler in service.cloudformation.items()
    }
    for name, handler in foreign.items():
        handlers[name] = _as_ministack(handler)
    _run_on_threads(frozenset(foreign))


def _as_ministack(handler: CloudFormationHandler) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        # Two stacks may have the same logical id: a service names what has no name after this.
        unique: str = _PHYSICAL_NAME.current()(
            stack_name, logical_id, max_len=_GENERATED_NAME_LENGTH
        )
        return handler.create(unique, properties)

    def update(physical_id: str, old: Properties, new: Properties, _stack_name: str) -> Made:
        return handler.update(physical_id, old, new)

    return {"create": create, "update": update, "delete": handler.delete}


def _run_on_threads(types: frozenset[str]) -> None:
    """Keep handlers that call services over HTTP off the loop which answers them."""

    def wrap(runs_on_thread: Any) -> Any:
        def decide(resource_type: str) -> bool:
            return resource_type in types or bool(runs_on_thread(resource_type))

        return decide

    _RUNS_ON_THREAD.replace(wrap)


def _answer(response: tuple[int, Mapping[str, str], bytes | str]) -> dict[str, Any]:
    """Return the body of a MiniStack call.

    Raises:
        ResourceError: If the call was refused.
    """
    status, _headers, body = response
    content: dict[str, Any] = json.loads(body or b"{}")
    if status >= 400:
        raise ResourceError(str(content.get("message") or content.get("Message") or content))
    return content


def _archive_request(name: str, properties: Properties) -> Properties:
    request: Properties = {
        "ArchiveName": name,
        "EventSourceArn": properties["SourceArn"],
        "Description": properties.get("Description", ""),
        "RetentionDays": int(properties.get("RetentionDays", 0)),
    }
    pattern = properties.get("EventPattern")
    if pattern:
        request["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    if properties.get("KmsKeyIdentifier"):
        request["KmsKeyIdentifier"] = properties["KmsKeyIdentifier"]
    return request


def _create_archive(logical_id: str, properties: Properties, stack_name: str) -> Made:
    name = properties.get("ArchiveName") or _PHYSICAL_NAME.current()(
        stack_name, logical_id, max_len=_ARCHIVE_NAME_LENGTH
    )
    made = _answer(_CREATE_ARCHIVE.current()(_archive_request(name, properties)))
    return name, {"ArchiveName": name, "Arn": made["ArchiveArn"]}


def _update_archive(physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> Made:
    request = _archive_request(physical_id, new)
    del request["EventSourceArn"]
    made = _answer(_UPDATE_ARCHIVE.current()(request))
    return physical_id, {"ArchiveName": physical_id, "Arn": made["ArchiveArn"]}


def _delete_archive(physical_id: str, _properties: Properties) -> None:
    # Its one refusal is that the archive has already gone, which is what we want.
    _DELETE_ARCHIVE.current()({"ArchiveName": physical_id})


def _create_named_query(logical_id: str, properties: Properties, _stack_name: str) -> Made:
    made = _answer(
        _CREATE_NAMED_QUERY.current()(
            {
                "Name": properties.get("Name", logical_id),
                "Database": properties["Database"],
                "QueryString": properties["QueryString"],
                "Description": properties.get("Description", ""),
                "WorkGroup": properties.get("WorkGroup", "primary"),
            }
        )
    )
    return made["NamedQueryId"], {"NamedQueryId": made["NamedQueryId"]}


def _update_named_query(
    physical_id: str, _old: Properties, new: Properties, stack_name: str
) -> Made:
    # Every property of a named query is create-only: CloudFormation replaces it.
    made = _create_named_query(new.get("Name", physical_id), new, stack_name)
    _delete_named_query(physical_id, new)
    return made


def _delete_named_query(physical_id: str, _properties: Properties) -> None:
    _DELETE_NAMED_QUERY.current()({"NamedQueryId": physical_id})
