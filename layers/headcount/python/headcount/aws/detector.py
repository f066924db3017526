"""The model endpoint, asked about many frames at once."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from headcount.errors import ModelError
from headcount.events import Detection, FrameQuality, ModelReference
from headcount.identifiers import deterministic_id
from headcount.ports import CountedFrame

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# SageMaker takes 6 MiB; what is left is for the JSON around the frames.
_BODY_BYTES: Final = 6_291_456 - 65_536
# What the serving code takes in one request (training/serving/request.py).
_FRAMES_A_CALL: Final = 16


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class _Prediction(_Answer):
    frame_id: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    faces: tuple[Detection, ...]
    quality: FrameQuality


class _Model(_Answer):
    name: str
    version: str
    sha256: str
    threshold: float


class _Predictions(_Answer):
    predictions: tuple[_Prediction, ...]
    model: _Model


_ANSWERS: Final = TypeAdapter(_Predictions)


class SageMakerDetector:
    """A `FaceDetector` behind a SageMaker endpoint."""

    def __init__(self, client: "SageMakerRuntimeClient", endpoint_name: str) -> None:
        self._client = client
        self._endpoint_name = endpoint_name

    def __call__(self, jpegs: Mapping[str, bytes]) -> Mapping[str, CountedFrame]:
        """Return what is in every frame, by the ids of `jpegs`.

        Raises:
            ModelError: If the endpoint fails or its answer is not as agreed.
        """
        counted: dict[str, CountedFrame] = {}
        for instances in _requests(jpegs):
            counted.update(self._invoke(instances))
        return counted

    def _invoke(self, instances: list[dict[str, str]]) -> dict[str, CountedFrame]:
        asked = [instance["frame_id"] for instance in instances]
        # One call has one id: captured output is matched to its frames through the answer.
        inference_id = deterministic_id("inference", *asked)
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=inference_id,
                Body=json.dumps({"instances": instances}).encode(),
            )
            said = _ANSWERS.validate_json(answer["Body"].read())
        except ClientError as fault:
            error = fault.response["Error"]
            raise ModelError(
                f"Endpoint {self._endpoint_name}: {error['Code']} for {len(asked)} frames. "
                "Look into the endpoint's log; the frames are asked about again."
            ) from fault
        except BotoCoreError as fault:
            raise ModelError(
                f"Endpoint {self._endpoint_name}: {fault} Look whether it is in service; the "
                "frames are asked about again."
            ) from fault
        except ValidationError as fault:
            raise ModelError(
                f"Endpoint {self._endpoint_name}: its answer is not as agreed "
                f"({fault.error_count()} faults, the first in {fault.errors()[0]['loc']}). "
                "Look whether a model with another serving code was deployed."
            ) from fault
        missing = set(asked) - {one.frame_id for one in said.predictions}
        if missing:
            raise ModelError(
                f"Endpoint {self._endpoint_name}: {len(missing)} of {len(asked)} frames are not in "
                "its answer. Look into the endpoint's log."
            )
        model = ModelReference(
            endpoint=self._endpoint_name,
            variant=answer.get("InvokedProductionVariant", ""),
            **said.model.model_dump(),
        )
        return {
            one.frame_id: CountedFrame(
                one.width, one.height, one.faces, one.quality, model, inference_id
            )
            for one in said.predictions
        }


def _requests(jpegs: Mapping[str, bytes]) -> Iterator[list[dict[str, str]]]:
    """Yield the frames in as few requests as the endpoint's limits allow."""
    instances: list[dict[str, str]] = []
    size = 0
    for frame_id, jpeg in jpegs.items():
        encoded = base64.b64encode(jpeg).decode()
        # Names and punctuation of one instance, generously.
        added = len(encoded) + len(frame_id) + 64
        if instances and (len(instances) == _FRAMES_A_CALL or size + added > _BODY_BYTES):
            yield instances
            instances, size = [], 0
        instances.append({"frame_id": frame_id, "image_b64": encoded})
        size += added
    if instances:
        yield instances
