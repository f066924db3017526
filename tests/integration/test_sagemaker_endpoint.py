"""SageMaker of the embedded AWS, asked by unmodified boto3 clients, with a model of ten lines."""

import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from local.launcher import EmbeddedAws

IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
    "pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
)
ROLE = "arn:aws:iam::000000000000:role/endpoint"
QUICKLY = {"Delay": 1, "MaxAttempts": 60}

# Repeats what it was told, so that a test sees which model answered.
PARROT = """
import json, os
from sagemaker_inference.errors import BaseInferenceToolkitError

def model_fn(model_dir):
    return open(model_dir + "/name.txt").read()

def input_fn(body, content_type):
    if content_type == "text/plain" and body == b"your fault":
        raise BaseInferenceToolkitError(400, "the request is at fault", "Bad Request")
    if body == b"my fault":
        raise RuntimeError("the model is at fault")
    return body if isinstance(body, str) else body.decode()

def predict_fn(said, model):
    return {"model": model, "said": said, "pid": os.getpid()}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=["local.emulator.sagemaker.app"]) as running:
        running.client("s3").create_bucket(Bucket="models")
        running.client("s3").create_bucket(Bucket="captured")
        yield running


@pytest.fixture(scope="module")
def sagemaker(aws: EmbeddedAws) -> Any:
    return aws.client("sagemaker")


@pytest.fixture(scope="module")
def runtime(aws: EmbeddedAws) -> Any:
    return aws.client("sagemaker-runtime")


@pytest.fixture(scope="module")
def make_model(aws: EmbeddedAws, sagemaker: Any) -> Callable[..., str]:
    def make(name: str, code: str = PARROT, image: str = IMAGE) -> str:
        archive = _archive({"name.txt": name, "code/inference.py": code})
        return make_from(name, archive, image)

    def make_from(name: str, archive: bytes, image: str) -> str:
        key = f"{name}/model.tar.gz"
        aws.client("s3").put_object(Bucket="models", Key=key, Body=archive)
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": image, "ModelDataUrl": f"s3://models/{key}"},
            ExecutionRoleArn=ROLE,
        )
        return name

    make.from_archive = make_from  # type: ignore[attr-defined]
    return make


@pytest.fixture
def endpoint(sagemaker: Any, make_model: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Make an endpoint `name` that serves models `name-VARIANT`, and remove it afterwards."""
    made: list[str] = []

    def make(name: str, *, weights: dict[str, float] | None = None, **config: Any) -> str:
        variants = [
            {
                "VariantName": variant,
                "ModelName": make_model(f"{name}-{variant}"),
                "InstanceType": "ml.c6i.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for variant, weight in (weights or {"main": 1.0}).items()
        ]
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **config
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=QUICKLY)
        return name

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_is_a_process_that_answers_by_the_container_contract(
    endpoint: Callable[..., str], runtime: Any
) -> None:
    name = endpoint("parrot")

    answer = runtime.invoke_endpoint(EndpointName=name, Body=b"hello", ContentType="text/plain")

    said = json.load(answer["Body"])
    assert (said["model"], said["said"]) == ("parrot-main", "hello")
    assert said["pid"] != os.getpid()
    assert answer["InvokedProductionVariant"] == "main"
    assert answer["ContentType"] == "application/json"


def test_an_endpoint_is_described_as_boto3_expects(
    endpoint: Callable[..., str], sagemaker: Any
) -> None:
    name = endpoint("described")

    described = sagemaker.describe_endpoint(EndpointName=name)

    assert described["EndpointStatus"] == "InService"
    assert described["EndpointArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}"
    assert described["CreationTime"].tzinfo is not None
    assert described["ProductionVariants"][0]["CurrentWeight"] == 1.0
    assert name in {e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]}


def test_a_fault_of_the_request_and_one_of_the_model_are_told_apart(
    endpoint: Callable[..., str], runtime: Any
) -> None:
    name = endpoint("faulty")

    with pytest.raises(runtime.exceptions.ModelError) as client_fault:
        runtime.invoke_endpoint(EndpointName=name, Body=b"your fault", ContentType="text/plain")
    with pytest.raises(runtime.exceptions.ModelError) as server_fault:
        runtime.invoke_endpoint(EndpointName=name, Body=b"my fault", ContentType="text/plain")

    assert client_fault.value.response["OriginalStatusCode"] == 400
    assert "the request is at fault" in client_fault.value.response["OriginalMessage"]
    assert server_fault.value.response["OriginalStatusCode"] == 500
    assert server_fault.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424


def test_invocations_and_their_errors_are_metrics(
    endpoint: Callable[..., str], runtime: Any, aws: EmbeddedAws
) -> None:
    name = endpoint("measured")
    _who(runtime, name)
    with pytest.raises(ClientError):
        runtime.invoke_endpoint(EndpointName=name, Body=b"my fault", ContentType="text/plain")

    _await(lambda: _metric_sum(aws, name, "Invocations") == 2)

    assert _metric_sum(aws, name, "Invocation5XXErrors") == 1
    assert _metric_sum(aws, name, "Invocation4XXErrors") == 0
    assert _metric_sum(aws, name, "ModelLatency") > 100


def test_weights_and_the_target_variant_choose_who_answers(
    endpoint: Callable[..., str], runtime: Any
) -> None:
    name = endpoint("two", weights={"blue": 1.0, "green": 0.0})

    weighed = {_who(runtime, name) for _ in range(10)}
    targeted = _who(runtime, name, TargetVariant="green")

    assert weighed == {"two-blue"}
    assert targeted == "two-green"


def test_an_unknown_endpoint_or_variant_is_a_validation_error(
    endpoint: Callable[..., str], runtime: Any
) -> None:
    name = endpoint("known")

    with pytest.raises(runtime.exceptions.ValidationError, match="Endpoint nobody"):
        _who(runtime, "nobody")
    with pytest.raises(runtime.exceptions.ValidationError, match="Variant absent"):
        _who(runtime, name, TargetVariant="absent")


def test_a_malformed_request_is_refused_by_the_service_model(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName="nothing")
    with pytest.raises(ClientError, match="regular expression"):
        sagemaker.create_model(
            ModelName="-not-a-name", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE
        )


def test_output_is_captured_in_the_real_layout_and_input_is_not(
    endpoint: Callable[..., str], runtime: Any, aws: EmbeddedAws
) -> None:
    name = endpoint(
        "captured",
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captured/observed",
            "CaptureOptions": [{"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )

    runtime.invoke_endpoint(
        EndpointName=name, Body=b"a face", ContentType="image/jpeg", InferenceId="frame-1"
    )

    key = _captured_key(aws, f"observed/{name}/main/")
    day, minute_second = key.rsplit("/", 1)[0].split("/", 3)[3], key.rsplit("/", 1)[1]
    time.strptime(day, "%Y/%m/%d/%H")
    time.strptime(minute_second[:5], "%M-%S")
    (line,) = _body(aws, key).splitlines()
    record = json.loads(line)
    output = record["captureData"]["endpointOutput"]
    assert set(record["captureData"]) == {"endpointOutput"}
    assert "a face" in json.loads(output["data"])["said"]
    assert (output["encoding"], output["mode"]) == ("JSON", "OUTPUT")
    assert record["eventMetadata"]["inferenceId"] == "frame-1"
    assert record["eventVersion"] == "0"


def test_a_broken_archive_fails_the_endpoint_and_says_why(
    sagemaker: Any, make_model: Callable[..., str]
) -> None:
    make_model.from_archive("broken", b"not a tar", IMAGE)  # type: ignore[attr-defined]

    reason = _failure(sagemaker, "broken")

    assert "Failed to extract model data archive" in reason


def test_code_that_cannot_be_imported_fails_the_endpoint_with_the_end_of_its_log(
    sagemaker: Any, make_model: Callable[..., str]
) -> None:
    make_model("import-fails", code="import a_package_left_out")

    reason = _failure(sagemaker, "import-fails")

    assert "No module named 'a_package_left_out'" in reason


def test_an_image_that_nobody_knows_fails_the_endpoint(
    sagemaker: Any, make_model: Callable[..., str]
) -> None:
    make_model("strange", image="example.com/strange:1")

    reason = _failure(sagemaker, "strange")

    assert "cannot be run here" in reason


def test_an_update_shifts_all_traffic_and_ends_the_old_process(
    endpoint: Callable[..., str], sagemaker: Any, runtime: Any, make_model: Callable[..., str]
) -> None:
    name = endpoint("updated")
    old_pid = _say(runtime, name)["pid"]
    _config(sagemaker, "updated-next", make_model("updated-next"))

    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="updated-next")
    while_updating = _who(runtime, name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=QUICKLY)

    assert while_updating == "updated-main"
    assert _who(runtime, name) == "updated-next"
    _await(lambda: not Path(f"/proc/{old_pid}").exists())


def test_no_invocation_fails_while_an_endpoint_is_updated(
    endpoint: Callable[..., str], sagemaker: Any, runtime: Any, make_model: Callable[..., str]
) -> None:
    name = endpoint("busy")
    _config(sagemaker, "busy-next", make_model("busy-next"))

    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="busy-next")
    answered = [_who(runtime, name)]
    deadline = time.monotonic() + 60
    while answered[-1] == "busy-main" and time.monotonic() < deadline:
        answered.append(_who(runtime, name))

    assert set(answered) == {"busy-main", "busy-next"}


def test_a_container_that_dies_is_started_again(endpoint: Callable[..., str], runtime: Any) -> None:
    name = endpoint("mortal")
    pid = _say(runtime, name)["pid"]

    os.kill(pid, signal.SIGKILL)

    _await(lambda: _pid_or_none(runtime, name) not in (None, pid))


def test_an_update_that_fails_keeps_the_old_configuration_in_service(
    endpoint: Callable[..., str], sagemaker: Any, runtime: Any, make_model: Callable[..., str]
) -> None:
    name = endpoint("kept")
    _config(sagemaker, "kept-broken", make_model("kept-broken", code="raise SystemExit(3)"))

    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="kept-broken")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=QUICKLY)

    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == name
    assert "ended while it started" in described["FailureReason"]
    assert _who(runtime, name) == "kept-main"


def test_no_container_outlives_the_embedded_aws(make_model: Callable[..., str]) -> None:
    with EmbeddedAws(services=["local.emulator.sagemaker.app"]) as other:
        other.client("s3").create_bucket(Bucket="models")
        archive = _archive({"name.txt": "orphan", "code/inference.py": PARROT})
        other.client("s3").put_object(Bucket="models", Key="m", Body=archive)
        control = other.client("sagemaker")
        control.create_model(
            ModelName="orphan",
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://models/m"},
            ExecutionRoleArn=ROLE,
        )
        _config(control, "orphan", "orphan")
        control.create_endpoint(EndpointName="orphan", EndpointConfigName="orphan")
        control.get_waiter("endpoint_in_service").wait(EndpointName="orphan", WaiterConfig=QUICKLY)
        pid = _say(other.client("sagemaker-runtime"), "orphan")["pid"]

    _await(lambda: not Path(f"/proc/{pid}").exists())


def _archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _config(sagemaker: Any, name: str, model: str) -> None:
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "main",
                "ModelName": model,
                "InstanceType": "ml.c6i.large",
                "InitialInstanceCount": 1,
            }
        ],
    )


def _failure(sagemaker: Any, model: str) -> str:
    _config(sagemaker, model, model)
    sagemaker.create_endpoint(EndpointName=model, EndpointConfigName=model)
    with pytest.raises(WaiterError):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=model, WaiterConfig=QUICKLY)
    reason: str = sagemaker.describe_endpoint(EndpointName=model)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=model)
    return reason


def _say(runtime: Any, endpoint: str, **options: Any) -> dict[str, Any]:
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b"who?", ContentType="text/plain", **options
    )
    said: dict[str, Any] = json.load(answer["Body"])
    return said


def _pid_or_none(runtime: Any, endpoint: str) -> int | None:
    try:
        return int(_say(runtime, endpoint)["pid"])
    except ClientError:
        return None


def _who(runtime: Any, endpoint: str, **options: Any) -> str:
    return str(_say(runtime, endpoint, **options)["model"])


def _metric_sum(aws: EmbeddedAws, endpoint: str, metric: str) -> float:
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "main"},
        ],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(float(point["Sum"]) for point in points)


def _captured_key(aws: EmbeddedAws, prefix: str) -> str:
    found: list[str] = []

    def look() -> bool:
        listed = aws.client("s3").list_objects_v2(Bucket="captured", Prefix=prefix)
        found[:] = [entry["Key"] for entry in listed.get("Contents", [])]
        return bool(found)

    _await(look)
    return found[0]


def _body(aws: EmbeddedAws, key: str) -> str:
    return str(aws.client("s3").get_object(Bucket="captured", Key=key)["Body"].read().decode())


def _await(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
