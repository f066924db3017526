"""The model endpoint, asked about many frames at once."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from headcount.errors import ModelError
from headcount.events import Detection, FrameQuality, ModelReference
from headcount.identifiers import deterministic_id
from headcount.ports import CountedFrame, FrameContext

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
    persons: tuple[Detection, ...] = ()
    quality: FrameQuality


class _Model(_Answer):
    name: str
    version: str
    sha256: str
    threshold: float


class _Predictions(_Answer):
    predictions: tuple[_Prediction, ...]
    model: _Model
    person_model: _Model | None = None


_ANSWERS: Final = TypeAdapter(_Predictions)


class SageMakerDetector:
    """A `FaceDetector` behind a SageMaker endpoint."""

    def __init__(self, client: "SageMakerRuntimeClient", endpoint_name: str) -> None:
        self._client = client
        self._endpoint_name = endpoint_name

    def __call__(
        self, jpegs: Mapping[str, bytes], contexts: Mapping[str, FrameContext]
    ) -> Mapping[str, CountedFrame]:
        """Return what is in every frame, by the ids of `jpegs`.

        Raises:
            ModelError: If the endpoint fails or its answer is not as agreed.
        """
        counted: dict[str, CountedFrame] = {}
        for instances in _requests(jpegs, contexts):
            counted.update(self._invoke(instances))
        return counted

    def _invoke(self, instances: list[dict[str, Any]]) -> dict[str, CountedFrame]:
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
        variant = answer.get("InvokedProductionVariant", "")
        model = self._reference(said.model, variant)
        persons_by = said.person_model
        return {
            one.frame_id: CountedFrame(
                width=one.width,
                height=one.height,
                faces=one.faces,
                quality=one.quality,
                model=model,
                inference_id=inference_id,
                persons=one.persons,
                person_model=None if persons_by is None else self._reference(persons_by, variant),
            )
            for one in said.predictions
        }

    def _reference(self, said: _Model, variant: str) -> ModelReference:
        return ModelReference(endpoint=self._endpoint_name, variant=variant, **said.model_dump())


def _requests(
    jpegs: Mapping[str, bytes], contexts: Mapping[str, FrameContext]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the frames in as few requests as the endpoint's limits allow."""
    instances: list[dict[str, Any]] = []
    size = 0
    for frame_id, jpeg in jpegs.items():
        encoded = base64.b64encode(jpeg).decode()
        instance: dict[str, Any] = {"frame_id": frame_id, "image_b64": encoded}
        if frame_id in contexts:
            instance["context"] = asdict(contexts[frame_id])
        # Names and punctuation of one instance, generously.
        added = len(encoded) + len(frame_id) + len(str(instance.get("context", ""))) + 64
        if instances and (len(instances) == _FRAMES_A_CALL or size + added > _BODY_BYTES):
            yield instances
            instances, size = [], 0
        instances.append(instance)
        size += added
    if instances:
        yield instances
