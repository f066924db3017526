"""What an AWS service that MiniStack lacks must bring to be part of the embedded AWS."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
# Whether the sender of a request may do something, by IAM action and resource ARN.
May = Callable[[str, str], bool]

_MAY = "headcount.may"


def with_rights(scope: Scope, may: May) -> Scope:
    """Return a request's scope that says what its sender may do."""
    return {**scope, _MAY: may}


def rights_of(scope: Scope) -> May:
    """Return what a request's sender may do: anything, where IAM is not enforced."""
    may: May = scope.get(_MAY, _anything)
    return may


def _anything(_action: str, _resource: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """Where this emulator listens and keeps its state.

    Attributes:
        endpoint_url: `http://127.0.0.1:PORT`, the one endpoint of every service.
        region: e.g. `us-east-1`.
        account_id: Twelve digits.
        state_dir: A folder of this emulator alone; removed by whoever started it.
        python: The interpreter that an endpoint's container runs on, without packages.
    """

    endpoint_url: str
    region: str
    account_id: str
    state_dir: Path
    python: Path


@dataclass(frozen=True, slots=True)
class CloudFormationHandler:
    """How CloudFormation makes, changes and removes one resource type.

    `create` takes (logical id, properties) and returns (physical id, attributes for Fn::GetAtt).
    `update` takes (physical id, old properties, new properties) and returns the same pair.
    `delete` takes (physical id, properties) and must accept a resource already gone.
    """

    create: Callable[[str, dict[str, Any]], tuple[str, dict[str, str]]]
    update: Callable[[str, dict[str, Any], dict[str, Any]], tuple[str, dict[str, str]]]
    delete: Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ForeignService:
    """One service, chosen by the credential scope of a SigV4 signature."""

    name: str
    scope: str
    app: AsgiApp
    stop: Callable[[], Awaitable[None]]
    cloudformation: Mapping[str, CloudFormationHandler] = field(default_factory=dict)
