"""`headcount gateway run` against a stage that has only what it needs."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import av
import pytest

from headcount.errors import SourceError, StreamError
from headcount.site import CameraBinding
from local.launcher import EmbeddedAws
from ops import gateway
from ops.deployment import Deployment
from ops.site_items import SiteItems
from tests.clips import captured, walking

TABLE = "rooms"
PREFIX = "headcount-local."


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _stage(aws: EmbeddedAws) -> None:
    named = {"rooms_table_name": TABLE, "stream_prefix": PREFIX}
    outputs = {
        "".join(word.capitalize() for word in field.name.split("_")): {
            "Value": named.get(field.name, "unused")
        }
        for field in fields(Deployment)
        if field.name != "stage"
    }
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    cloudformation = aws.client("cloudformation")
    for part in ("Data", "Serving"):
        name = f"Headcount-local-{part}"
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
    aws.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    arn = aws.client("kinesisvideo").create_stream(
        StreamName=f"{PREFIX}hq.lobby", DataRetentionInHours=1
    )["StreamARN"]
    SiteItems(aws.client("dynamodb"), TABLE).put_camera(
        CameraBinding(
            site_id="hq",
            room_id="lobby",
            camera_id="lobby",
            stream_name=f"{PREFIX}hq.lobby",
            stream_arn=arn,
            sample_every_s=1,
            fragment_s=1,
        )
    )


@pytest.fixture(autouse=True)
def _environment(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


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


def test_a_clip_is_streamed_to_its_end_with_the_sites_settings(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.run(site="hq", camera="lobby", source=str(clip), stage="local")

    last = capsys.readouterr().out.splitlines()[-1]
    assert f"{PREFIX}hq.lobby: 2 fragments put, 2 stored, 0 lost, newest " in last


def test_a_camera_that_no_site_has_is_refused_with_what_to_do(clip: Path) -> None:
    with pytest.raises(StreamError, match="headcount site apply FILE"):
        gateway.run(site="hq", camera="roof", source=str(clip), stage="local")


def test_a_source_is_looked_at_before_anything_is_asked_of_aws() -> None:
    with pytest.raises(SourceError, match="no such file"):
        gateway.run(site="hq", camera="lobby", source="no/such.mp4", stage="nowhere")
