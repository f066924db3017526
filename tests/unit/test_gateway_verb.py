"""What `headcount gateway` says when the stage does not know the camera, or does not answer."""

from dataclasses import fields
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headcount.errors import DeploymentError, StreamError
from ops.deployment import Deployment
from ops.gateway import find_binding

DEPLOYMENT = Deployment(**{field.name: field.name for field in fields(Deployment)})


class Items:
    """The rooms table, with what is stored of every camera."""

    def __init__(self, stored: str | None = None, *, refuses: bool = False) -> None:
        self._stored, self._refuses = stored, refuses

    def camera(self, _stream: str) -> str | None:
        if self._refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "Query")
        return self._stored


@pytest.mark.parametrize(
    ("items", "kind", "says"),
    [
        (Items(), StreamError, "has no camera 'door' in site 'hq'"),
        (Items(refuses=True), DeploymentError, "dynamodb:Query"),
        (Items('{"of": "another version"}'), DeploymentError, "headcount site apply"),
    ],
)
def test_a_camera_that_cannot_be_found_is_one_message_with_a_remedy(
    items: Any, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        find_binding(DEPLOYMENT, items, "hq", "door")
