"""What SageMaker is asked for: one training job, or a search over several.

Plain dictionaries in the form of boto3's `create_training_job` and
`create_hyper_parameter_tuning_job`, so that a person, a test and the loop send the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Found in a job's output; the names are those of the lines that `training.detector.run` prints.
_NUMBER = r"([-+0-9.eE]+)"
METRICS = (
    "train_loss",
    "validation_ap50",
    "validation_mae",
    "rehearsal_ap50",
    "rehearsal_mae",
)
METRIC_DEFINITIONS = [{"Name": name, "Regex": f"{name}={_NUMBER};"} for name in METRICS]
OBJECTIVE = "validation_ap50"
# Minutes on a processor, and spot capacity may be away for hours. Chosen.
_LONGEST_RUN_S, _LONGEST_WAIT_S = 2 * 3600, 12 * 3600
_VOLUME_GB = 30
_CHECKPOINTS = "/opt/ml/checkpoints"


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Where a job runs, by whose right, and where it leaves what it made.

    Attributes:
        role_arn: The role that the job takes.
        image_uri: Of the PyTorch training image.
        source_uri: `s3://…/sourcedir.tar.gz` (`training.source_bundle`).
        output_uri: `s3://bucket/prefix` for the model and for checkpoints.
        instance_type: E.g. `ml.c7i.xlarge`.
        spot: Whether to run on spot capacity, for about a third of the price.
        kms_key: Encrypts disk and output; empty for the account's own.
    """

    role_arn: str
    image_uri: str
    source_uri: str
    output_uri: str
    instance_type: str = "ml.c7i.xlarge"
    spot: bool = True
    kms_key: str = ""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What a search varies, each from least to most.

    Attributes:
        learning_rate: Tried evenly over its logarithm.
        steps: Whole numbers.
        rehearsal_share: 0 to 0.9.
        fixed: Other hyperparameters, the same in every run.
    """

    learning_rate: tuple[float, float] = (3e-5, 4e-4)
    steps: tuple[int, int] = (60, 300)
    rehearsal_share: tuple[float, float] = (0.25, 0.75)
    fixed: Mapping[str, object] = field(default_factory=dict)


def training_job_request(
    name: str,
    place: JobPlace,
    channels: Mapping[str, str],
    hyperparameters: Mapping[str, object],
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the arguments of `create_training_job`.

    Args:
        name: Of the job, unique in the account.
        place: Where it runs.
        channels: `s3://` prefix of each channel: train, validation, rehearsal, model.
        hyperparameters: Besides the defaults; written as text, as SageMaker wants them.
        tags: E.g. the lineage.
    """
    request: dict[str, Any] = {
        "TrainingJobName": name,
        **_definition(place, channels),
        "HyperParameters": _as_texts(place, hyperparameters),
        "CheckpointConfig": _checkpoints(place, name),
    }
    if tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return request


def tuning_job_request(
    name: str,
    place: JobPlace,
    channels: Mapping[str, str],
    space: SearchSpace,
    *,
    jobs: int = 12,
    parallel: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the arguments of `create_hyper_parameter_tuning_job` for a search space.

    Args:
        name: Of the search, at most 32 characters.
        place: Where its jobs run.
        channels: As for one job.
        space: What is varied.
        jobs: How many runs in all.
        parallel: How many at once; fewer learn more from each other.
        seed: Of the search.
    """
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "RandomSeed": seed,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": OBJECTIVE},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": jobs,
                "MaxParallelTrainingJobs": parallel,
            },
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    _range("learning_rate", space.learning_rate, "Logarithmic"),
                    _range("rehearsal_share", space.rehearsal_share, "Linear"),
                ],
                "IntegerParameterRanges": [_range("steps", space.steps, "Linear")],
            },
            "TrainingJobEarlyStoppingType": "Off",
        },
        "TrainingJobDefinition": {
            **_definition(place, channels),
            "StaticHyperParameters": _as_texts(place, space.fixed),
            "CheckpointConfig": _checkpoints(place, name),
        },
    }


def _definition(place: JobPlace, channels: Mapping[str, str]) -> dict[str, Any]:
    """Return what one job and each job of a search have in common."""
    output = {"S3OutputPath": place.output_uri}
    resources: dict[str, Any] = {
        "InstanceType": place.instance_type,
        "InstanceCount": 1,
        "VolumeSizeInGB": _VOLUME_GB,
    }
    if place.kms_key:
        output["KmsKeyId"] = resources["VolumeKmsKeyId"] = place.kms_key
    stopping = {"MaxRuntimeInSeconds": _LONGEST_RUN_S}
    if place.spot:
        stopping["MaxWaitTimeInSeconds"] = _LONGEST_WAIT_S
    return {
        "RoleArn": place.role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": place.image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRIC_DEFINITIONS,
        },
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": uri,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for channel, uri in channels.items()
        ],
        "OutputDataConfig": output,
        "ResourceConfig": resources,
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": place.spot,
        # With it on, the image's toolkit could not fetch the bundle of code from S3. The bundle
        # itself is complete: nothing is installed over the network.
        "EnableNetworkIsolation": False,
    }


def _checkpoints(place: JobPlace, name: str) -> dict[str, str]:
    return {
        "S3Uri": f"{place.output_uri.rstrip('/')}/{name}/checkpoints",
        "LocalPath": _CHECKPOINTS,
    }


def _as_texts(place: JobPlace, hyperparameters: Mapping[str, object]) -> dict[str, str]:
    ours = {name: str(value) for name, value in hyperparameters.items()}
    # By these the image's toolkit finds the code.
    return ours | {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": place.source_uri,
    }


def _range(name: str, bounds: tuple[float, float], scale: str) -> dict[str, str]:
    return {
        "Name": name,
        "MinValue": str(bounds[0]),
        "MaxValue": str(bounds[1]),
        "ScalingType": scale,
    }
