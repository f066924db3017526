"""Each hook into MiniStack, seen from outside: a test here fails when a hook no longer bites."""

import io
import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.launcher import ACCOUNT_ID, EMULATOR_PYTHON, REGION, REPOSITORY, EmbeddedAws

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/any"
LAKE_COLUMNS = {
    "camera_id": "string",
    "people": "int",
    "captured_at": "string",
    "faces": "array<struct<box:array<double>,score:double>>",
}
OBSERVED = {
    "camera_id": "north",
    "people": 2,
    "captured_at": "2026-01-31T10:00:00.250Z",
    "faces": [
        {"box": [0.1, 0.2, 0.3, 0.4], "score": 0.9},
        {"box": [0.5, 0.2, 0.3, 0.4], "score": 0.8},
    ],
}


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=["tests.integration.echo_service"]) as running:
        running.client("iam").create_role(
            RoleName="any", AssumeRolePolicyDocument=json.dumps({"Statement": []})
        )
        yield running


def eventually(ask: Callable[[], Any], within_s: float = 60) -> Any:
    """Return the first true answer of `ask`, or its last one."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def make_stack(aws: EmbeddedAws, name: str, resources: dict[str, Any]) -> dict[str, str]:
    """Create or update a stack; return the physical id of each resource."""
    cloudformation = aws.client("cloudformation")
    names = {stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]}
    change = cloudformation.update_stack if name in names else cloudformation.create_stack
    change(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

    def done() -> bool:
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        assert "ROLLBACK" not in status, cloudformation.describe_stack_events(StackName=name)
        return str(status).endswith("_COMPLETE")

    assert eventually(done)
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def delete_stack(aws: EmbeddedAws, name: str) -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    eventually(
        lambda: name not in {s["StackName"] for s in cloudformation.describe_stacks()["Stacks"]}
    )


def zipped(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path.replace("__", "/") + ".py", text)
    return content.getvalue()


def make_function(aws: EmbeddedAws, name: str, body: str, layers: tuple[str, ...] = ()) -> None:
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE,
        Handler="handler.handle",
        Code={"ZipFile": zipped(handler=body)},
        Layers=list(layers),
        Timeout=10,
    )


def invoke(aws: EmbeddedAws, name: str) -> Any:
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    return json.loads(answer["Payload"].read())


def queue_arn(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{url.rsplit('/', 1)[1]}"


def admit_rules(aws: EmbeddedAws, url: str) -> None:
    """Let rules of this account put events on a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn(url),
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def test_a_hook_that_finds_nothing_names_the_place_and_the_pinned_version() -> None:
    python = (
        "from local.emulator.pin import HookPoint\n"
        "HookPoint('services.athena', '_run_duckdb', ('sql',)).current()"
    )
    tried = subprocess.run(
        [str(EMULATOR_PYTHON), "-c", python],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "ministack.services.athena._run_duckdb takes" in tried.stderr
    assert "made for 1.5.33" in tried.stderr


def test_an_archive_is_made_changed_and_removed_by_cloudformation(aws: EmbeddedAws) -> None:
    events = aws.client("events")
    source = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/default"
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {"SourceArn": source, "RetentionDays": 3, "EventPattern": {"source": ["a"]}},
    }

    name = make_stack(aws, "archive", {"Archive": archive})["Archive"]
    assert events.describe_archive(ArchiveName=name)["RetentionDays"] == 3

    archive["Properties"]["RetentionDays"] = 5  # type: ignore[index]
    assert make_stack(aws, "archive", {"Archive": archive})["Archive"] == name
    assert events.describe_archive(ArchiveName=name)["RetentionDays"] == 5

    delete_stack(aws, "archive")
    assert events.list_archives()["Archives"] == []


def test_a_named_query_is_made_changed_and_removed_by_cloudformation(aws: EmbeddedAws) -> None:
    athena = aws.client("athena")
    query = {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {"Database": "lake", "Name": "today", "QueryString": "select 1"},
    }

    first = make_stack(aws, "query", {"Query": query})["Query"]
    query["Properties"]["QueryString"] = "select 2"  # type: ignore[index]
    second = make_stack(aws, "query", {"Query": query})["Query"]

    assert athena.list_named_queries()["NamedQueryIds"] == [second] != [first]
    kept = athena.get_named_query(NamedQueryId=second)["NamedQuery"]
    assert (kept["Name"], kept["QueryString"]) == ("today", "select 2")

    delete_stack(aws, "query")
    assert athena.list_named_queries()["NamedQueryIds"] == []


def test_a_foreign_type_is_made_by_its_service_which_may_call_others(aws: EmbeddedAws) -> None:
    stream = {"Type": "AWS::KinesisVideo::Stream", "Properties": {"DataRetentionInHours": 1}}

    name = make_stack(aws, "foreign", {"Stream": stream})["Stream"]
    marker = aws.state_dir / "echo" / name
    assert json.loads(marker.read_text())["DataRetentionInHours"] in {1, "1"}

    stream["Properties"]["DataRetentionInHours"] = 2  # type: ignore[index]
    make_stack(aws, "foreign", {"Stream": stream})
    assert json.loads(marker.read_text())["DataRetentionInHours"] in {2, "2"}

    delete_stack(aws, "foreign")
    assert not marker.exists()


@pytest.fixture(scope="module")
def lake(aws: EmbeddedAws) -> str:
    """A bus rule to a Firehose stream to a Parquet table; returns the bucket."""
    bucket = "the-lake"
    aws.client("s3").create_bucket(Bucket=bucket)
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    parquet = "org.apache.hadoop.hive.ql.io.parquet"
    for table in ("seen", "empty"):
        glue.create_table(
            DatabaseName="lake",
            TableInput={
                "Name": table,
                "Parameters": {
                    "projection.enabled": "true",
                    "projection.day.type": "date",
                    "projection.day.range": "2026-01-01,NOW",
                    "projection.day.format": "yyyy-MM-dd",
                },
                "PartitionKeys": [{"Name": "day", "Type": "string"}],
                "StorageDescriptor": {
                    "Columns": [{"Name": n, "Type": t} for n, t in LAKE_COLUMNS.items()],
                    "Location": f"s3://{bucket}/{table}/",
                    "InputFormat": f"{parquet}.MapredParquetInputFormat",
                    "OutputFormat": f"{parquet}.MapredParquetOutputFormat",
                    "SerdeInfo": {"SerializationLibrary": f"{parquet}.serde.ParquetHiveSerDe"},
                },
            },
        )
    stream = aws.client("firehose").create_delivery_stream(
        DeliveryStreamName="to-lake",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "Prefix": "seen/day=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 64},
            "DataFormatConversionConfiguration": {
                "Enabled": True,
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
                "SchemaConfiguration": {
                    "DatabaseName": "lake",
                    "TableName": "seen",
                    "RoleARN": ROLE,
                },
            },
        },
    )["DeliveryStreamARN"]
    events = aws.client("events")
    events.put_rule(Name="whole", EventPattern=json.dumps({"detail-type": ["Seen"]}))
    events.put_targets(
        Rule="whole",
        Targets=[{"Id": "lake", "Arn": stream, "RoleArn": ROLE, "InputPath": "$.detail"}],
    )
    events.put_rule(Name="part", EventPattern=json.dumps({"detail-type": ["SeenPart"]}))
    transformer = {
        "InputPathsMap": {"camera": "$.detail.camera_id"},
        "InputTemplate": '{"camera_id": "transformed-<camera>", "people": 0}',
    }
    events.put_targets(
        Rule="part",
        Targets=[{"Id": "lake", "Arn": stream, "RoleArn": ROLE, "InputTransformer": transformer}],
    )
    return bucket


def publish(aws: EmbeddedAws, detail_type: str, *details: dict[str, Any]) -> None:
    answer = aws.client("events").put_events(
        Entries=[
            {"Source": "a", "DetailType": detail_type, "Detail": json.dumps(detail)}
            for detail in details
        ]
    )
    assert answer["FailedEntryCount"] == 0


def keys(aws: EmbeddedAws, bucket: str, prefix: str) -> list[str]:
    found = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", [])]


def query(aws: EmbeddedAws, sql: str) -> list[list[str | None]]:
    """Return the rows of an Athena query, the header among them."""
    athena = aws.client("athena")
    execution = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": "lake"},
        ResultConfiguration={"OutputLocation": "s3://the-lake/results/"},
    )["QueryExecutionId"]

    def status() -> dict[str, Any] | None:
        found = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        return found if found["State"] in {"SUCCEEDED", "FAILED"} else None

    ended = eventually(status)
    assert ended["State"] == "SUCCEEDED", ended
    rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]


def test_events_reach_the_lake_through_firehose_several_in_one_object(
    aws: EmbeddedAws, lake: str
) -> None:
    publish(aws, "Seen", *[OBSERVED] * 5)
    publish(aws, "SeenPart", OBSERVED)

    assert len(eventually(lambda: keys(aws, lake, "seen/"))) == 1

    header, *rows = query(
        aws,
        """
        SELECT camera_id, day, count(*) AS n,
               approx_percentile(people, 0.5) AS people,
               max(cardinality(faces)) AS faces,
               max(date_diff('second', from_iso8601_timestamp('2026-01-31T09:59:00Z'),
                             from_iso8601_timestamp(captured_at))) AS later_s,
               min(date_format(from_iso8601_timestamp(captured_at), '%Y-%m-%d %H')) AS at
        FROM "lake"."seen"
        WHERE day >= date_format(current_date - interval '1' day, '%Y-%m-%d')
        GROUP BY camera_id, day ORDER BY camera_id
        """,
    )

    assert header == ["camera_id", "day", "n", "people", "faces", "later_s", "at"]
    assert [(row[0], row[2], *row[3:]) for row in rows] == [
        ("north", "5", "2", "2", "60", "2026-01-31 10"),
        ("transformed-north", "1", "0", None, None, None),
    ]


def test_a_record_that_cannot_be_converted_does_not_take_its_neighbours_along(
    aws: EmbeddedAws, lake: str
) -> None:
    before = query(aws, "SELECT count(*) FROM seen WHERE people = 7")[1]

    publish(aws, "Seen", {**OBSERVED, "people": 7}, {**OBSERVED, "people": "many"})

    assert before == ["0"]
    assert eventually(lambda: keys(aws, lake, "errors/format-conversion-failed/"))
    assert eventually(lambda: query(aws, "SELECT count(*) FROM seen WHERE people = 7")[1] == ["1"])


def test_athena_reads_an_empty_table_with_nested_columns(aws: EmbeddedAws, lake: str) -> None:
    assert query(aws, "SELECT sum(cardinality(faces)) AS n FROM empty") == [["n"], [None]]


def test_athena_names_and_writes_results_as_athena_does(aws: EmbeddedAws, lake: str) -> None:
    rows = query(
        aws,
        """SELECT json_extract_scalar('{"a": {"b": 1}}', '$.a.b'), true AS yes,
                  from_iso8601_timestamp('2026-01-31T10:00:00.250+01:00') AS at""",
    )

    assert rows == [["_col0", "yes", "at"], ["1", "true", "2026-01-31 09:00:00.250 UTC"]]


def test_two_functions_share_one_unpacked_layer(aws: EmbeddedAws) -> None:
    layer = aws.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped(python__from_layer="NAME = 'layer'")}
    )["LayerVersionArn"]
    body = (
        "import os, from_layer\n"
        "def handle(event, context):\n"
        "    return [from_layer.NAME, os.path.realpath(from_layer.__file__)]\n"
    )
    for name in ("layered-one", "layered-two"):
        make_function(aws, name, body, (layer,))

    one, two = invoke(aws, "layered-one"), invoke(aws, "layered-two")

    assert one == two
    assert one[0] == "layer"


def test_a_worker_finds_this_aws_and_not_the_repository(aws: EmbeddedAws) -> None:
    make_function(
        aws,
        "surroundings",
        "import os, boto3, importlib.util\n"
        "def handle(event, context):\n"
        "    return {'events': boto3.client('events').meta.endpoint_url,\n"
        "            'region': os.environ['AWS_REGION'],\n"
        "            'headcount': bool(importlib.util.find_spec('headcount'))}\n",
    )

    seen = invoke(aws, "surroundings")

    assert seen == {"events": aws.endpoint_url, "region": REGION, "headcount": False}


def test_a_silent_handler_is_not_waited_for(aws: EmbeddedAws) -> None:
    make_function(aws, "silent", "def handle(event, context):\n    return 1\n")
    client = aws.client("lambda")

    def seconds() -> float:
        began = time.perf_counter()
        client.invoke(FunctionName="silent", Payload=b"{}")
        return time.perf_counter() - began

    # MiniStack alone waits 50 ms each time; a busy machine delays some, not all of them.
    assert min(seconds() for _ in range(20)) < 0.045


def test_an_error_has_the_name_of_its_exception(aws: EmbeddedAws) -> None:
    make_function(
        aws,
        "failing",
        "class ConflictError(Exception): ...\n"
        "def handle(event, context):\n    raise ConflictError('taken')\n",
    )

    assert invoke(aws, "failing") == {"errorMessage": "taken", "errorType": "ConflictError"}


def test_embedded_metrics_in_a_log_become_metrics(aws: EmbeddedAws) -> None:
    document = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Test",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "PeopleCounted", "Unit": "Count"}],
                }
            ],
        },
        "service": "sampler",
        "PeopleCounted": [3, 4],
    }
    make_function(
        aws, "measuring", f"def handle(event, context):\n    print({json.dumps(document)!r})\n"
    )

    invoke(aws, "measuring")

    now = time.time()
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="Test",
        MetricName="PeopleCounted",
        Dimensions=[{"Name": "service", "Value": "sampler"}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 7


def test_an_alarm_that_changes_is_an_event(aws: EmbeddedAws) -> None:
    sqs, events, cloudwatch = aws.client("sqs"), aws.client("events"), aws.client("cloudwatch")
    url = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    events.put_rule(Name="alarms", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    admit_rules(aws, url)
    events.put_targets(Rule="alarms", Targets=[{"Id": "queue", "Arn": queue_arn(url)}])
    cloudwatch.put_metric_alarm(
        AlarmName="many",
        Namespace="Test",
        MetricName="Dead",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )

    cloudwatch.set_alarm_state(AlarmName="many", StateValue="ALARM", StateReason="a test")

    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
    event = json.loads(received["Body"])
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["alarmName"] == "many"
    assert event["detail"]["state"]["value"] == "ALARM"


def test_a_rule_reaches_only_a_queue_whose_policy_admits_it(aws: EmbeddedAws) -> None:
    sqs, events = aws.client("sqs"), aws.client("events")
    events.put_rule(Name="strict", EventPattern=json.dumps({"source": ["strict"]}))
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("closed", "open")]
    admit_rules(aws, urls[1])
    targets = [{"Id": url.rsplit("/", 1)[1], "Arn": queue_arn(url)} for url in urls]
    events.put_targets(Rule="strict", Targets=targets)

    events.put_events(Entries=[{"Source": "strict", "DetailType": "Said", "Detail": "{}"}])

    assert sqs.receive_message(QueueUrl=urls[1], WaitTimeSeconds=5)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=urls[0])
