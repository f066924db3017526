"""A site document applied to, changed on and retired from an embedded AWS."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headcount.domain.kept_frames import KeptFrames
from headcount.errors import DeploymentError
from headcount.site import CameraBinding, RoomConfig
from local.launcher import EmbeddedAws
from ops import cli
from ops.deployment import Deployment
from ops.site_apply import SitePlanner
from ops.site_changes import Change, SiteClients, carry_out
from ops.site_reading import read_site

DOCUMENT = """\
id: hq
time_zone: Europe/Berlin
contacts:
  - {id: desk, email: desk@example.com}
  - {id: on-call, phone: "+4930901820"}
rooms:
  - id: board
    capacity: 12
    cameras: [{id: board-1}]
    device_groups:
      - {id: ac, kind: hvac, max_level: 2}
      - {id: lights, kind: lighting, max_level: 4}
    contacts: [desk, on-call]
  - id: lab
    capacity: 8
    cameras: [{id: lab-1}]
    contacts: [desk]
"""
WITHOUT_LAB = DOCUMENT[: DOCUMENT.index("  - id: lab")]


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as running:
        yield running


@dataclass
class Stage:
    """What `cdk deploy` would have made, as far as a site needs it."""

    aws: EmbeddedAws
    deployment: Deployment
    tmp_path: Path

    @property
    def planner(self) -> SitePlanner:
        return SitePlanner(self.deployment, SiteClients.made_by(self.aws.client))

    def plan(self, document: str) -> list[Change]:
        file = self.tmp_path / "site.yaml"
        file.write_text(document)
        return self.planner.changes(read_site(file), file.read_bytes())

    def apply(self, document: str) -> list[str]:
        changes = self.plan(document)
        carry_out(changes, tell=lambda _: None)
        return [str(change) for change in changes]

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self.aws.client("dynamodb").get_item(
            TableName=self.deployment.rooms_table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}
        )
        item = answer.get("Item")
        return item and {name: value["S"] for name, value in item.items()}

    def streams(self) -> list[str]:
        found = self.aws.client("kinesisvideo").list_streams()["StreamInfoList"]
        prefix = self.deployment.stream_prefix
        return sorted(
            stream["StreamName"].removeprefix(prefix)
            for stream in found
            if stream["StreamName"].startswith(prefix) and stream["Status"] != "DELETING"
        )

    def filters(self) -> dict[str, Any]:
        sns = self.aws.client("sns")
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=self.deployment.alert_topic_arn)
        found = {}
        for one in subscriptions["Subscriptions"]:
            about = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])
            found[one["Endpoint"]] = json.loads(about["Attributes"]["FilterPolicy"])
        return found

    def unsubscribe(self, endpoint: str) -> None:
        sns = self.aws.client("sns")
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=self.deployment.alert_topic_arn)
        for one in subscriptions["Subscriptions"]:
            if one["Endpoint"] == endpoint:
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


@pytest.fixture
def stage(aws: EmbeddedAws, tmp_path: Path) -> Stage:
    name = tmp_path.name.replace("_", "-").lower()[-40:].strip("-")
    aws.client("dynamodb").create_table(
        TableName=name,
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
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("s3").create_bucket(Bucket=f"{name}-kept")
    sns = aws.client("sns")
    made = {field.name: "unused" for field in fields(Deployment)}
    made |= {
        "stage": name,
        "rooms_table_name": name,
        "sites_bucket_name": name,
        "kept_frames_bucket_name": f"{name}-kept",
        "alert_topic_arn": sns.create_topic(Name=f"{name}-alerts")["TopicArn"],
        "fragment_notice_topic_arn": sns.create_topic(Name=f"{name}-notices")["TopicArn"],
        "key_arn": aws.client("kms").create_key()["KeyMetadata"]["Arn"],
        "stream_prefix": f"headcount-{name}.",
    }
    return Stage(aws, Deployment(**made), tmp_path)


def test_applying_a_site_makes_its_streams_rooms_and_subscriptions(stage: Stage) -> None:
    changes = stage.apply(DOCUMENT)

    assert {change[0] for change in changes} == {"+"}
    assert stage.streams() == ["hq.board-1", "hq.lab-1"]
    room = stage.item("SITE#hq", "ROOM#board")
    assert room is not None
    assert RoomConfig.model_validate_json(room["config"]).capacity == 12
    assert stage.filters() == {
        "desk@example.com": {"site_id": ["hq"], "room_id": ["board", "lab"]},
        "+4930901820": {"site_id": ["hq"], "room_id": ["board"]},
    }


def test_a_stream_is_tagged_kept_and_sends_notices(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    video = stage.aws.client("kinesisvideo")
    name = f"{stage.deployment.stream_prefix}hq.lab-1"
    stream = video.describe_stream(StreamName=name)["StreamInfo"]
    notices = video.describe_notification_configuration(StreamName=name)
    binding = stage.item(f"STREAM#{name}", "CAMERA")
    assert stream["DataRetentionInHours"] == 24
    assert video.list_tags_for_stream(StreamName=name)["Tags"] == {
        "headcount-stage": stage.deployment.stage,
        "headcount-site": "hq",
        "headcount-camera": "lab-1",
    }
    assert notices["NotificationConfiguration"]["DestinationConfig"]["Uri"] == (
        stage.deployment.fragment_notice_topic_arn
    )
    assert binding is not None
    assert CameraBinding.model_validate_json(binding["config"]) == CameraBinding(
        site_id="hq",
        room_id="lab",
        camera_id="lab-1",
        stream_name=name,
        stream_arn=stream["StreamARN"],
        sample_every_s=5,
        fragment_s=2,
    )


def test_the_document_is_stored_under_its_version(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    record = stage.item("SITES", "SITE#hq")
    assert record is not None
    stored = stage.aws.client("s3").get_object(
        Bucket=stage.deployment.sites_bucket_name, Key=record["document_key"]
    )
    assert record["document_key"] == f"sites/hq/{record['version']}.yaml"
    assert stored["Body"].read().decode() == DOCUMENT


def test_applying_the_same_document_again_changes_nothing(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    assert stage.apply(f"# another layout\n{DOCUMENT}") == []


def test_what_the_document_no_longer_has_is_retired(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    stage.apply(WITHOUT_LAB)

    assert stage.streams() == ["hq.board-1"]
    assert stage.item("SITE#hq", "ROOM#lab") is None
    assert stage.item(f"STREAM#{stage.deployment.stream_prefix}hq.lab-1", "CAMERA") is None
    assert stage.filters()["desk@example.com"] == {"site_id": ["hq"], "room_id": ["board"]}


def test_a_policy_changes_without_touching_the_streams(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    changes = stage.apply(
        DOCUMENT.replace(
            "    contacts: [desk]", "    contacts: [desk]\n    policy: {hold_off_s: 60}"
        )
    )

    assert [change.split(",")[0] for change in changes if change[0] == "~"] == [
        "~ room lab",
        "~ site hq",
    ]


def test_a_longer_retention_changes_the_stream_in_place(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    stage.apply(DOCUMENT.replace("id: hq\n", "id: hq\nretention_hours: 48\n"))

    name = f"{stage.deployment.stream_prefix}hq.lab-1"
    stream = stage.aws.client("kinesisvideo").describe_stream(StreamName=name)["StreamInfo"]
    assert stream["DataRetentionInHours"] == 48


def test_an_apply_that_fails_half_way_is_completed_by_the_next(stage: Stage) -> None:
    changes = stage.plan(DOCUMENT)

    def refuse() -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutItem")

    half = len(changes) // 2
    with pytest.raises(DeploymentError, match=f"{half} of {half + 1} changes are done"):
        carry_out([*changes[:half], Change("+", "something", refuse)], tell=lambda _: None)
    rest = stage.apply(DOCUMENT)

    assert 0 < len(rest) < len(changes)
    assert stage.apply(DOCUMENT) == []


def test_a_retired_site_leaves_nothing_behind(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    carry_out(stage.planner.retirement("hq"), tell=lambda _: None)

    assert stage.streams() == []
    assert stage.filters() == {}
    items = stage.aws.client("dynamodb").scan(TableName=stage.deployment.rooms_table_name)["Items"]
    assert items == []


def test_an_address_of_two_sites_has_one_filter_for_both(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    stage.apply(WITHOUT_LAB.replace("id: hq", "id: annex"))

    assert stage.filters()["desk@example.com"] == {
        "$or": [
            {"site_id": ["annex"], "room_id": ["board"]},
            {"site_id": ["hq"], "room_id": ["board", "lab"]},
        ]
    }


def test_an_address_whose_subscription_has_ended_is_asked_again(stage: Stage) -> None:
    stage.apply(DOCUMENT)
    stage.apply(WITHOUT_LAB.replace("id: hq", "id: annex"))
    before = stage.filters()
    stage.unsubscribe("desk@example.com")

    asked = stage.apply(DOCUMENT)

    assert asked == ["+ e-mail desk@example.com is asked again to be told of board, lab"]
    assert stage.filters() == before


def test_two_sites_may_have_cameras_of_the_same_name(stage: Stage) -> None:
    stage.apply(DOCUMENT)

    stage.apply(WITHOUT_LAB.replace("id: hq", "id: annex"))

    assert stage.streams() == ["annex.board-1", "hq.board-1", "hq.lab-1"]


def test_a_stream_of_somebody_else_is_left_alone(stage: Stage) -> None:
    stage.aws.client("kinesisvideo").create_stream(
        StreamName=f"{stage.deployment.stream_prefix}hq.lab-1", DataRetentionInHours=24
    )

    with pytest.raises(DeploymentError, match="was not made for site 'hq'"):
        stage.plan(DOCUMENT)


def test_a_camera_that_is_gone_takes_its_kept_frames_with_it(stage: Stage) -> None:
    bucket, s3 = stage.deployment.kept_frames_bucket_name, stage.aws.client("s3")
    stage.apply(DOCUMENT)
    for camera_id in ("board-1", "lab-1"):
        s3.put_object(Bucket=bucket, Key=f"hq/{camera_id}/2026/03/02/a.jpg", Body=b"a picture")

    changes = stage.apply(WITHOUT_LAB)

    assert "- 1 kept frames of site hq, of camera lab-1" in changes
    left = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [found["Key"] for found in left] == ["hq/board-1/2026/03/02/a.jpg"]


def test_what_a_site_allows_of_its_frames_reaches_the_camera_s_item(stage: Stage) -> None:
    stage.apply(DOCUMENT)
    stage.apply(DOCUMENT.replace("rooms:\n", "kept_frames: {expire_days: 7}\nrooms:\n"))

    binding = stage.item(f"STREAM#{stage.deployment.stream_prefix}hq.lab-1", "CAMERA")

    assert binding is not None
    assert CameraBinding.model_validate_json(binding["config"]).kept_frames == KeptFrames(
        expire_days=7
    )


@pytest.fixture
def deployed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage with stacks whose outputs name its resources, in this process's environment."""
    outputs = {
        "".join(word.capitalize() for word in name.split("_")): {"Value": value}
        for name, value in asdict(stage.deployment).items()
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": outputs,
    }
    cloudformation = stage.aws.client("cloudformation")
    for part in ("Data", "Serving"):
        name = f"Headcount-{stage.deployment.stage}-{part}"
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
    for name, value in stage.aws.environment().items():
        monkeypatch.setenv(name, value)
    return stage


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def test_the_commands_apply_show_and_retire_a_site(
    deployed: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    file = deployed.tmp_path / "hq.yaml"
    file.write_text(DOCUMENT)
    to_stage = ("--stage", deployed.deployment.stage)

    codes = [
        run("site", "apply", str(file), *to_stage, "--dry-run"),
        run("site", "show", *to_stage),
        run("site", "apply", str(file), *to_stage),
        run("site", "apply", str(file), *to_stage),
        run("site", "show", *to_stage),
        run("site", "retire", "hq", "--yes", *to_stage),
        run("site", "retire", "hq", "--yes", *to_stage),
    ]

    said = capsys.readouterr()
    assert codes == [0, 0, 0, 0, 0, 0, 2]
    assert said.out.count("+ room board") == 2
    assert said.out.count("has no site yet") == 1
    assert said.out.count("nothing to change") == 1
    assert said.out.count("cameras board-1") == 1
    assert "- room board" in said.out
    assert "has no site 'hq'" in said.err
    assert deployed.streams() == []
