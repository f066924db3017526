"""Kept frames through S3: put by the function's adapter, fetched into a pool, erased for good."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from headcount.aws.kept_frames import S3FrameKeeper
from headcount.domain.terms import LightMode
from headcount.events import FramesCounted
from headcount.identifiers import deterministic_id
from local.launcher import EmbeddedAws
from ops import cli
from ops.deployment import Deployment
from ops.site_apply import SitePlanner
from ops.site_changes import SiteClients, carry_out
from tests.samples import FRAMES_COUNTED
from training.data.pool import read_pool
from training.manifest import Origin

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAGE = "kept"
BUCKET = "kept-frames"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws) -> Deployment:
    """What `cdk deploy` would have made, as far as kept frames need it."""
    aws.client("dynamodb").create_table(
        TableName="rooms",
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
    made = {field.name: "unused" for field in fields(Deployment)} | {
        "stage": STAGE,
        "kept_frames_bucket_name": BUCKET,
        "rooms_table_name": "rooms",
        "alert_topic_arn": aws.client("sns").create_topic(Name="alerts")["TopicArn"],
        "stream_prefix": "headcount-kept.",
    }
    outputs = {
        "".join(word.capitalize() for word in name.split("_")): {"Value": value}
        for name, value in made.items()
    }
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    cloudformation = aws.client("cloudformation")
    for part in ("Data", "Serving"):
        name = f"Headcount-{STAGE}-{part}"
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
    return Deployment(**made)


@dataclass
class Kept:
    """The bucket, and what the function's adapter puts into it."""

    aws: EmbeddedAws
    deployment: Deployment
    s3: Any

    def keep(self, camera_id: str, at: datetime, picture: bytes = b"a picture") -> FramesCounted:
        seen = FRAMES_COUNTED.model_copy(
            update={
                "id": deterministic_id(camera_id, at.isoformat()),
                "site_id": "hq",
                "camera_id": camera_id,
                "captured_at": at,
            }
        )
        S3FrameKeeper(self.s3, BUCKET)(seen, picture, 7)
        return seen

    def objects(self) -> list[str]:
        return [
            found["Key"] for found in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        ]


@pytest.fixture
def kept(aws: EmbeddedAws, deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    found = Kept(aws, deployed, aws.client("s3"))
    found.s3.create_bucket(Bucket=BUCKET)
    yield found
    for key in found.objects():
        found.s3.delete_object(Bucket=BUCKET, Key=key)
    found.s3.delete_bucket(Bucket=BUCKET)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def of_site(*more: str) -> tuple[str, ...]:
    return ("--stage", STAGE, "--site", "hq", *more)


def test_the_same_frame_twice_is_one_object_that_knows_when_it_expires(kept: Kept) -> None:
    seen = kept.keep("door", NOON)
    kept.keep("door", NOON)

    (key,) = kept.objects()
    tags = kept.s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert key == f"hq/door/2026/03/02/{seen.id}.jpg"
    assert tags == [{"Key": "expire-days", "Value": "7"}]


def test_what_is_fetched_is_a_pool_that_says_where_when_and_in_which_light(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = kept.keep("door", NOON)
    kept.keep("hall", NOON + timedelta(days=1), b"another")

    code = run("data", "fetch", *of_site("--out", str(tmp_path / "pool")))

    first, second = read_pool(tmp_path / "pool").frames
    assert code == 0
    assert "2 of 2 kept frames" in capsys.readouterr().out
    assert (first.camera_id, first.captured_at) == ("door", NOON)
    assert (first.width_px, first.height_px) == (seen.frame_width, seen.frame_height)
    assert (first.light_mode, first.inference_id) == (LightMode.DAY, seen.inference_id)
    assert first.origin is Origin.NOBODY
    assert (tmp_path / "pool" / second.source).read_bytes() == b"another"
    assert (tmp_path / "pool").stat().st_mode & 0o077 == 0


def test_a_second_fetch_downloads_what_is_new_and_keeps_what_is_there(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keep("door", NOON)
    pool = str(tmp_path / "pool")
    run("data", "fetch", *of_site("--out", pool))
    kept.keep("door", NOON + timedelta(hours=1))

    run("data", "fetch", *of_site("--out", pool))

    assert "1 of 2 kept frames" in capsys.readouterr().out
    assert len(read_pool(tmp_path / "pool").frames) == 2


def test_a_fetch_takes_the_camera_and_the_days_that_were_asked_for(
    kept: Kept, tmp_path: Path
) -> None:
    for days in range(4):
        kept.keep("door", NOON + timedelta(days=days))
        kept.keep("door-2", NOON + timedelta(days=days))

    asked = ("--camera", "door", "--since", "2026-03-03", "--before", "2026-03-05")
    run("data", "fetch", *of_site(*asked, "--out", str(tmp_path)))

    frames = read_pool(tmp_path).frames
    assert {frame.camera_id for frame in frames} == {"door"}
    assert [frame.captured_at for frame in frames] == [
        NOON + timedelta(days=1),
        NOON + timedelta(days=2),
    ]


def test_a_picture_that_is_not_the_one_that_was_kept_is_refused(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keep("door", NOON)
    (key,) = kept.objects()
    known = kept.s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    kept.s3.put_object(Bucket=BUCKET, Key=key, Body=b"poisoned", Metadata=known)

    code = run("data", "fetch", *of_site("--out", str(tmp_path / "pool")))

    assert code == 2
    assert "is not the picture that was kept" in capsys.readouterr().err
    assert not list((tmp_path / "pool").rglob("*.jpg"))


def test_a_fetch_of_nothing_says_what_lets_frames_be_kept(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("data", "fetch", *of_site("--out", str(tmp_path)))

    assert code == 2
    assert "kept no frame of site hq" in capsys.readouterr().err


def test_what_is_erased_is_gone_and_the_rest_is_left(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keep("door", NOON)
    left = kept.keep("door-2", NOON)

    code = run("data", "erase", *of_site("--camera", "door", "--yes"))

    assert code == 0
    assert "1 were there, 0 are left" in capsys.readouterr().out
    assert kept.objects() == [f"hq/door-2/2026/03/02/{left.id}.jpg"]


def test_erasing_looks_again_and_says_so_if_a_camera_kept_another_frame_meanwhile(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keep("door", NOON)
    session = boto3.Session()

    def keep_another(**_: Any) -> None:
        kept.keep("door", NOON + timedelta(hours=1))

    session.events.register("after-call.s3.DeleteObjects", keep_another)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)

    code = run("data", "erase", *of_site("--yes"))

    assert code == 1
    assert "1 were there, 1 are left" in capsys.readouterr().out


def test_retiring_a_site_erases_its_frames_and_no_other_s(kept: Kept) -> None:
    kept.keep("door", NOON)
    kept.s3.put_object(Bucket=BUCKET, Key="hq2/door/2026/03/02/a.jpg", Body=b"")
    clients = SiteClients.made_by(kept.aws.client)
    changes = SitePlanner(kept.deployment, clients).retirement("hq")

    carry_out(changes, tell=lambda _change: None)

    assert "- 1 kept frames of site hq" in [str(change) for change in changes]
    assert kept.objects() == ["hq2/door/2026/03/02/a.jpg"]
