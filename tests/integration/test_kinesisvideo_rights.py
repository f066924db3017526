"""What Kinesis Video does with its caller's rights: encrypt, decrypt, publish a notice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from edge.connection import Acknowledgement, PutMediaConnection
from headcount.media.muxer import NOTIFICATION_TAG, write_cluster, write_header
from local.launcher import ACCOUNT_ID, REGION, EmbeddedAws
from tests.clips import captured, encoded, walking
from tests.integration.inbox import Inbox

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/11111111-2222-3333-4444-555555555555"
STREAM = "headcount-test.hq.door"
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
PRODUCER = {"Action": "kinesisvideo:PutMedia", "Resource": "*"}
CONSUMER = {
    "Action": [
        "kinesisvideo:GetDataEndpoint",
        "kinesisvideo:ListFragments",
        "kinesisvideo:GetMediaForFragmentList",
    ],
    "Resource": "*",
}


@dataclass(frozen=True)
class Site:
    """One stream encrypted with the customer's key, whose notices end in an inbox."""

    aws: EmbeddedAws
    topic_arn: str
    notices: Inbox

    def session(self, name: str, *allowed: dict[str, Any]) -> boto3.Session:
        """Return the credentials of a new role that may do this and no more."""
        iam = self.aws.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        statements = [{"Effect": "Allow", **one} for one in allowed]
        iam.put_role_policy(
            RoleName=name,
            PolicyName="allowed",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
        given = self.aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)
        return boto3.Session(
            given["Credentials"]["AccessKeyId"],
            given["Credentials"]["SecretAccessKey"],
            given["Credentials"]["SessionToken"],
            region_name=REGION,
        )

    def put(self, session: boto3.Session) -> list[Acknowledgement]:
        """Send a fragment that asks for a notice; return what the producer is told."""
        (cluster, *_) = encoded(captured(walking(10)), fragment_s=1)
        tagged = replace(cluster, trailing_tags={NOTIFICATION_TAG: "1"})
        credentials = session.get_credentials()
        assert credentials is not None
        connection = PutMediaConnection(self.aws.endpoint_url, STREAM, REGION, credentials)
        try:
            connection.send(write_header(tagged.tracks) + write_cluster(tagged))
            connection.finish()
            return list(connection.acknowledgements())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as aws:
        topic = aws.client("sns").create_topic(Name="notices")["TopicArn"]
        notices = Inbox(aws.client("sqs"), "notices")
        notices.subscribe(aws.client("sns"), topic)
        video = aws.client("kinesisvideo")
        video.create_stream(StreamName=STREAM, DataRetentionInHours=1, KmsKeyId=KEY)
        video.update_notification_configuration(
            StreamName=STREAM,
            NotificationConfiguration={"Status": "ENABLED", "DestinationConfig": {"Uri": topic}},
        )
        yield Site(aws, topic, notices)


def test_a_producer_without_the_key_is_told_so_and_nothing_is_stored(site: Site) -> None:
    said = site.put(site.session("no-key", PRODUCER))

    assert [(one.kind, one.error_id, one.error_code) for one in said] == [
        ("ERROR", 4500, "KMS_KEY_ACCESS_DENIED")
    ]


def test_a_producer_that_may_not_publish_stores_without_a_notice(site: Site) -> None:
    encrypt = {"Action": "kms:GenerateDataKey", "Resource": KEY}

    said = site.put(site.session("no-topic", PRODUCER, encrypt))

    assert said[-1].kind == "PERSISTED"
    assert site.notices.take(1, wait_s=1) == []


def test_a_producer_with_key_and_topic_is_noticed(site: Site) -> None:
    encrypt = {"Action": "kms:GenerateDataKey", "Resource": KEY}
    publish = {"Action": "sns:Publish", "Resource": site.topic_arn}

    said = site.put(site.session("all", PRODUCER, encrypt, publish))

    (notice,) = site.notices.take(1)
    assert said[-1].fragment_number in notice["Message"]


def test_a_consumer_reads_only_what_it_may_decrypt(site: Site) -> None:
    site.put(site.aws.session())
    decrypt = {"Action": "kms:Decrypt", "Resource": KEY}
    elsewhere = {
        **decrypt,
        "Condition": {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}},
    }

    assert _read(site, site.session("reads", CONSUMER, decrypt))
    for name, allowed in (("no-decrypt", [CONSUMER]), ("elsewhere", [CONSUMER, elsewhere])):
        with pytest.raises(ClientError, match="NotAuthorizedException"):
            _read(site, site.session(name, *allowed))


def _read(site: Site, session: boto3.Session) -> bytes:
    archive = session.client("kinesis-video-archived-media", endpoint_url=site.aws.endpoint_url)
    listed = archive.list_fragments(StreamName=STREAM)["Fragments"]
    answer = archive.get_media_for_fragment_list(
        StreamName=STREAM, Fragments=[listed[-1]["FragmentNumber"]]
    )
    return bytes(answer["Payload"].read())
