"""What `cdk deploy` made, found by the outputs of its stacks."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from headcount.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_STACKS = ("Data", "Serving")
# Chosen: somebody waits at a terminal, and boto3 alone would try an unreachable AWS for minutes.
PATIENCE = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The names of one stage's resources; each field is an output of the same name in PascalCase.

    Attributes:
        stage: dev, prod or local.
        dead_letter_queue_urls: Separated by commas, as the output has them.
        stream_prefix: What every Kinesis Video stream's name begins with, e.g. `headcount-dev.`.
    """

    stage: str
    rooms_table_name: str
    sites_bucket_name: str
    kept_frames_bucket_name: str
    lake_bucket_name: str
    bus_name: str
    alert_topic_arn: str
    lake_database_name: str
    athena_workgroup_name: str
    observation_archive_name: str
    key_arn: str
    fragment_notice_topic_arn: str
    sample_queue_url: str
    estimate_queue_url: str
    decide_queue_url: str
    notify_queue_url: str
    dead_letter_queue_urls: str
    bms_command_queue_url: str
    endpoint_name: str
    stream_prefix: str

    @classmethod
    def find(cls, stage: str, cloudformation: "CloudFormationClient | None" = None) -> Self:
        """Return the deployment of `stage` in the account and region that boto3 is set up for.

        Raises:
            DeploymentError: If AWS cannot be asked, or a stack or an output is missing.
        """
        try:
            client = cloudformation or boto3.client("cloudformation", config=PATIENCE)
            found = dict(_outputs(client, stage))
        except (BotoCoreError, ResponseParserError) as fault:
            raise DeploymentError(
                f"AWS cannot be asked about stage {stage!r}: {fault}\n"
                "Set AWS_DEFAULT_REGION and credentials (`aws sts get-caller-identity` shows whose "
                "they are); for the embedded AWS also AWS_ENDPOINT_URL. A proxy on the way may "
                "have answered in AWS's place."
            ) from fault
        names = {field.name: _output_key(field.name) for field in fields(cls)}
        del names["stage"]
        missing = [key for key in names.values() if key not in found]
        if missing:
            raise DeploymentError(
                f"The stacks of stage {stage!r} lack the outputs {', '.join(missing)}: "
                "they are of another version.\n"
                f"Run `npx cdk deploy --all -c stage={stage}`."
            )
        return cls(stage=stage, **{name: found[key] for name, key in names.items()})


def another_version(stage: str, what: str) -> DeploymentError:
    """Return the error that what a stage has stored is not as this version writes it."""
    return DeploymentError(
        f"What stage {stage} has stored of {what} is of another version of Headcount.\n"
        "Run `headcount site apply FILE` with its document again."
    )


def _output_key(field_name: str) -> str:
    return "".join(word.capitalize() for word in field_name.split("_"))


def _outputs(client: "CloudFormationClient", stage: str) -> Iterator[tuple[str, str]]:
    for part in _STACKS:
        name = f"Headcount-{stage}-{part}"
        try:
            stacks = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as fault:
            # CloudFormation says ValidationError, and nothing more precise, of a missing stack.
            if fault.response["Error"]["Code"] != "ValidationError":
                raise DeploymentError(
                    f"CloudFormation refused to describe {name}: {fault}\n"
                    "The caller needs cloudformation:DescribeStacks."
                ) from fault
            raise DeploymentError(
                f"There is no stack {name} in this account and region.\n"
                f"Deploy it with `npx cdk deploy --all -c stage={stage}`, or name another "
                "stage with --stage."
            ) from fault
        for output in stacks[0].get("Outputs", []):
            yield output["OutputKey"], output["OutputValue"]
