"""The policies that a deployment hands out, attached to roles that have nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import boto3
import pytest
from botocore.exceptions import ClientError

from headcount.events import FramesCounted
from local.launcher import ACCOUNT_ID, REGION
from ops import gateway
from tests.clips import captured, walking
from tests.integration.deployed_stage import DeployedStage

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        }
    ],
}
Holding = Callable[[str], boto3.Session]


@pytest.fixture
def holding(deployed: DeployedStage, request: pytest.FixtureRequest) -> Holding:
    """Return the session of a new role that has one policy, named by its output, and no more."""

    def hold(output: str) -> boto3.Session:
        name = request.node.originalname[:60]
        iam = deployed.aws.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        iam.attach_role_policy(RoleName=name, PolicyArn=_output(deployed, output))
        given = deployed.aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)
        return boto3.Session(
            given["Credentials"]["AccessKeyId"],
            given["Credentials"]["SecretAccessKey"],
            given["Credentials"]["SessionToken"],
            region_name=REGION,
        )

    return hold


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of ten frames a second."""
    path = tmp_path_factory.mktemp("clips") / "walking.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        for frame in captured(walking(15)):
            container.mux(video.encode(frame.image))
        container.mux(video.encode())
    return path


def test_the_gateway_policy_is_all_that_the_gateway_command_needs(
    deployed: DeployedStage, holding: Holding, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = deployed.room("gatewayed")
    given = holding("GatewayPolicyArn").get_credentials()
    assert given is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployed.aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(given.access_key))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(given.secret_key))
    monkeypatch.setenv("AWS_SESSION_TOKEN", str(given.token))

    gateway.run(site=room.site_id, camera=room.camera_id, source=str(clip), stage="local")

    assert room.await_heard(FramesCounted)


def test_a_gateway_may_not_watch_what_it_has_put(deployed: DeployedStage, holding: Holding) -> None:
    room = deployed.room("unwatched")
    (number,) = room.show(people=1)
    session = holding("GatewayPolicyArn")
    archive = session.client("kinesis-video-archived-media", endpoint_url=deployed.aws.endpoint_url)

    with pytest.raises(ClientError, match="AccessDenied"):
        archive.get_media_for_fragment_list(StreamName=room.stream, Fragments=[number])


def test_the_bms_policy_is_all_that_a_bms_needs(deployed: DeployedStage, holding: Holding) -> None:
    session, address = holding("BmsPolicyArn"), deployed.aws.endpoint_url
    events = session.client("events", endpoint_url=address)
    sqs = session.client("sqs", endpoint_url=address)

    assert _say(events, deployed, "bms.hq") == 0
    # Whether there are commands is not the question: no refusal is raised.
    sqs.receive_message(QueueUrl=deployed.deployment.bms_command_queue_url)
    with pytest.raises(ClientError, match="AccessDenied"):
        _say(events, deployed, "headcount.control")


def _say(events: Any, deployed: DeployedStage, source: str) -> int:
    """Put an event that no rule takes; return how many were not taken by the bus."""
    entry = {"EventBusName": deployed.deployment.bus_name, "Source": source}
    answer = events.put_events(Entries=[{**entry, "DetailType": "Nobody's", "Detail": "{}"}])
    return int(answer["FailedEntryCount"])


def _output(deployed: DeployedStage, key: str) -> str:
    cloudformation = deployed.aws.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName="Headcount-local-Serving")["Stacks"]
    (value,) = [one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == key]
    return str(value)
