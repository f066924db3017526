"""Start a training job by hand with the SageMaker SDK: `python -m training.launch`.

The loop itself uses boto3; the SDK is for people: it knows each region's image, brings local
channels to S3 and follows the job's log. It has an environment of its own (`make launch`).
"""

import argparse
import importlib
import json
import logging
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headcount.errors import HeadcountError, TrainingError
from training.channel_folders import MANIFEST
from training.detector.hyperparameters import read_hyperparameters
from training.job_requests import JobPlace, training_job_request
from training.manifest import read_manifest
from training.source_bundle import build_bundle

# The newest PyTorch image for processors that the SDK knew when this was written: its Python is
# what the bundle is built for.
FRAMEWORK, FRAMEWORK_VERSION, IMAGE_PYTHON = "pytorch", "2.6.0", "py312"
CHANNELS = ("train", "validation", "rehearsal", "model")
_REFUSED = 2
_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"
# Where things go in a dry run, which has no bucket.
_DRY_BUCKET = "s3://YOUR-BUCKET"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to start.

    Attributes:
        channels: Name to local folder or `s3://` prefix.
        role_arn: The role that the job takes.
        region: Where it runs.
        instance_type: E.g. `ml.c7i.xlarge`.
        hyperparameters: Besides the defaults.
        spot: Whether on spot capacity.
        name: Of the job.
    """

    channels: dict[str, str]
    role_arn: str
    region: str
    instance_type: str
    hyperparameters: dict[str, str]
    spot: bool
    name: str


def image_uri(region: str, instance_type: str) -> str:
    """Return the training image's address, as the SDK knows it.

    Raises:
        TrainingError: If the SDK is not installed or knows no such image.
    """
    try:
        found: str = _sdk("sagemaker.image_uris").retrieve(
            FRAMEWORK,
            region,
            version=FRAMEWORK_VERSION,
            py_version=IMAGE_PYTHON,
            instance_type=instance_type,
            image_scope="training",
        )
    except ValueError as fault:
        raise TrainingError(
            f"The SDK knows no {FRAMEWORK} {FRAMEWORK_VERSION} image for {instance_type} in "
            f"{region}: {str(fault).partition('. ')[0]}.\nChoose another region or instance type."
        ) from fault
    return found


def check(wish: Wish) -> None:
    """Refuse what would fail in the job, before anything is sent or paid for.

    Raises:
        TrainingError: If the role, a channel or a hyperparameter is wrong.
        ManifestError: If a local channel's manifest cannot be read.
    """
    if not re.fullmatch(_ROLE, wish.role_arn):
        raise TrainingError(
            f"{wish.role_arn!r} is no role's ARN.\nGive one: arn:aws:iam::ACCOUNT:role/NAME."
        )
    asked = read_hyperparameters(dict(wish.hyperparameters))
    needed = {"train", "validation"} | ({"rehearsal"} if asked.rehearsal_share > 0 else set())
    missing = needed - set(wish.channels)
    if missing:
        raise TrainingError(
            f"The job has no channel {', '.join(sorted(missing))}.\n"
            "Give each with --channel NAME=FOLDER_OR_S3_PREFIX."
        )
    # An image in the account has no CenterFace of its own.
    if "model" not in wish.channels:
        raise TrainingError(
            "The job has no channel model, and the image has no champion of its own.\n"
            "Give --channel model=FOLDER with model.onnx, or the s3:// prefix of model.tar.gz."
        )
    for name, where in wish.channels.items():
        if name != "model" and not where.startswith("s3://"):
            read_manifest(Path(where) / MANIFEST)


def request_of(wish: Wish, channels: dict[str, str], source_uri: str, output_uri: str) -> Any:
    """Return the arguments of `create_training_job` for a wish.

    Args:
        wish: What is wanted.
        channels: Every channel by its `s3://` prefix.
        source_uri: Of the bundle.
        output_uri: Where the job leaves what it made.

    Raises:
        TrainingError: If the SDK is not installed or knows no image.
    """
    place = JobPlace(
        role_arn=wish.role_arn,
        image_uri=image_uri(wish.region, wish.instance_type),
        source_uri=source_uri,
        output_uri=output_uri,
        instance_type=wish.instance_type,
        spot=wish.spot,
    )
    return training_job_request(wish.name, place, channels, wish.hyperparameters)


def dry_run(wish: Wish) -> Any:
    """Return the request that would be sent; nothing is sent, built or uploaded."""
    base = f"{_DRY_BUCKET}/{wish.name}"
    channels = {
        name: where if where.startswith("s3://") else f"{base}/input/{name}"
        for name, where in wish.channels.items()
    }
    return request_of(wish, channels, f"{base}/source/sourcedir.tar.gz", f"{base}/output")


def launch(wish: Wish, *, wait: bool) -> str:
    """Upload what is local, start the job, and return its name.

    Args:
        wish: What is wanted.
        wait: Whether to follow the job's log to its end.

    Raises:
        TrainingError: If the SDK is not installed.
    """
    boto3, sagemaker = _sdk("boto3"), _sdk("sagemaker.session")
    session = sagemaker.Session(boto3.Session(region_name=wish.region))
    bucket = session.default_bucket()
    base = f"headcount-training/{wish.name}"
    channels = {
        name: where
        if where.startswith("s3://")
        else session.upload_data(where, bucket=bucket, key_prefix=f"{base}/input/{name}")
        for name, where in wish.channels.items()
    }
    source = session.upload_data(
        str(build_bundle("aws")), bucket=bucket, key_prefix=f"{base}/source"
    )
    request = request_of(wish, channels, source, f"s3://{bucket}/{base}/output")
    session.sagemaker_client.create_training_job(**request)
    if wait:
        session.logs_for_job(wish.name, wait=True)
    return wish.name


def main(arguments: Sequence[str] | None = None) -> int:
    """Start a job, or print what would be sent."""
    parser = argparse.ArgumentParser(prog="python -m training.launch", description=__doc__)
    parser.add_argument(
        "--channel", action="append", default=[], metavar="NAME=FOLDER_OR_S3_PREFIX",
        help=f"one of {', '.join(CHANNELS)}; repeat it",
    )  # fmt: skip
    parser.add_argument("--role", required=True, help="ARN of the role that the job takes")
    parser.add_argument("--region", required=True)
    parser.add_argument("--instance-type", default="ml.c7i.xlarge")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a hyperparameter; repeat it")  # fmt: skip
    parser.add_argument("--on-demand", action="store_true", help="not on spot capacity")
    parser.add_argument("--name", help="of the job; by default after the time")
    parser.add_argument("--dry-run", action="store_true", help="print the request, send nothing")
    parser.add_argument("--wait", action="store_true", help="follow the log to the job's end")
    asked = parser.parse_args(arguments)
    try:
        wish = Wish(
            channels=_pairs(asked.channel, "--channel", CHANNELS),
            role_arn=asked.role,
            region=asked.region,
            instance_type=asked.instance_type,
            hyperparameters=_pairs(asked.set, "--set"),
            spot=not asked.on_demand,
            name=asked.name or f"headcount-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        )
        check(wish)
        said = (
            json.dumps(dry_run(wish), indent=2) if asked.dry_run else launch(wish, wait=asked.wait)
        )
    except HeadcountError as refused:
        sys.stderr.write(f"launch: {refused}\n")
        return _REFUSED
    sys.stdout.write(f"{said}\n")
    return 0


def _pairs(texts: list[str], option: str, known: tuple[str, ...] = ()) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value or (known and name not in known):
            wanted = f" with one of {', '.join(known)}" if known else ""
            raise TrainingError(f"{option} {text!r} is no NAME=VALUE.\nWrite it so{wanted}.")
        pairs[name] = value
    return pairs


def _sdk(module: str) -> Any:
    """Return a module of the launch environment, imported when it is needed.

    Raises:
        TrainingError: If it is not installed.
    """
    # It tells on standard output which settings it did not find, and on error that 3.x is out.
    for logger in ("sagemaker.config", "sagemaker"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as fault:
        raise TrainingError(
            f"The SageMaker SDK is not installed here ({fault}).\n"
            "Run `make launch`, then .build/launch/bin/python -m training.launch."
        ) from fault


if __name__ == "__main__":
    sys.exit(main())
