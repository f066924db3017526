"""What differs between the environments Headcount runs in, typed."""

import platform
from dataclasses import dataclass
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk.aws_lambda import Architecture, Runtime
from aws_cdk.aws_logs import RetentionDays

from cdk.assets import AWS_ARM64, LayerTarget, host_target
from headcount.errors import DeploymentError
from training.catalogue import SHIPPED

# What is tested is what is deployed: docs/adr says why not newer.
RUNTIME: Final = Runtime.PYTHON_3_13


@dataclass(frozen=True, slots=True)
class AlarmThresholds:
    """When somebody should look. Chosen; tune them with a month of metrics.

    Attributes:
        oldest_message_s: Age of a queue's oldest message. Above it commands are late.
        endpoint_latency_ms: p95 of the model's own time for one request.
        lake_delay_s: Age of the oldest event that Firehose has not yet written.
    """

    oldest_message_s: int = 120
    endpoint_latency_ms: int = 2_000
    lake_delay_s: int = 1_800


@dataclass(frozen=True, slots=True)
class Stage:
    """One environment.

    Attributes:
        name: Part of every stack's and stream's name.
        removal_policy: What becomes of data when the stacks are destroyed.
        empty_buckets_on_destroy: Let CDK's own function empty buckets before it removes them.
        architecture: What functions run on.
        layer_target: What their layers are built for; must agree with `architecture`.
        model_target: Which model package runs on the endpoint: `aws` or `local`.
        model: What it counts with: a name of the catalogue (docs/models.md).
        person_model: One that finds persons, to look at the same pictures; None for none.
        endpoint_instance_type: What the endpoint runs on.
        capture_percent: Share of the endpoint's answers kept for the monitor, 0 to 100.
        capture_days: How long those answers are kept.
        archive_days: How long observations can be replayed.
        lake_days: How long events stay in the lake; None is for ever.
        log_retention: Of every log group.
        access_log_days: How long it is remembered who read which object.
        firehose_buffer_s: How long Firehose collects before it writes a Parquet object.
        sample_batch_window_s: How long fragments wait to share one endpoint call.
        sample_batch_size: How many may share it.
        queue_concurrency: Batches of one queue worked on at once; spares the endpoint.
        tick_minutes: How often control looks at every room without being told.
        alarms: When somebody should look.
    """

    name: str
    removal_policy: RemovalPolicy
    empty_buckets_on_destroy: bool
    architecture: Architecture
    layer_target: LayerTarget
    model_target: str
    model: str = SHIPPED
    person_model: str | None = None
    # The deep-learning image is x86-64 only, so the cheaper Graviton types (ml.c7g) cannot run it.
    # ml.c6i.large: the smallest compute type with AVX-512, which onnxruntime's kernels use.
    endpoint_instance_type: str = "ml.c6i.large"
    capture_percent: int = 100
    capture_days: int = 30
    archive_days: int = 14
    lake_days: int | None = 90
    log_retention: RetentionDays = RetentionDays.TWO_WEEKS
    access_log_days: int = 90
    firehose_buffer_s: int = 60
    sample_batch_window_s: int = 0
    sample_batch_size: int = 10
    queue_concurrency: int = 10
    tick_minutes: int = 1
    alarms: AlarmThresholds = AlarmThresholds()

    @property
    def stream_prefix(self) -> str:
        """Return how the name of every Kinesis Video stream of this stage begins."""
        return f"headcount-{self.name}."

    @property
    def is_durable(self) -> bool:
        """Return whether data outlives its stack."""
        return self.removal_policy is RemovalPolicy.RETAIN


def _host_architecture() -> Architecture:
    return (
        Architecture.ARM_64 if platform.machine() in {"arm64", "aarch64"} else Architecture.X86_64
    )


def _stages() -> dict[str, Stage]:
    dev = Stage(
        name="dev",
        removal_policy=RemovalPolicy.DESTROY,
        empty_buckets_on_destroy=True,
        architecture=Architecture.ARM_64,
        layer_target=AWS_ARM64,
        model_target="aws",
    )
    prod = Stage(
        name="prod",
        removal_policy=RemovalPolicy.RETAIN,
        empty_buckets_on_destroy=False,
        architecture=Architecture.ARM_64,
        layer_target=AWS_ARM64,
        model_target="aws",
        archive_days=90,
        lake_days=None,
        log_retention=RetentionDays.SIX_MONTHS,
        # Parquet objects of minutes, not seconds: Athena is billed and slowed by small ones.
        firehose_buffer_s=300,
        sample_batch_window_s=2,
        # A hundred cameras at a frame per five seconds, with room for a burst.
        queue_concurrency=50,
    )
    local = Stage(
        name="local",
        removal_policy=RemovalPolicy.DESTROY,
        # The embedded AWS removes a bucket with what is in it, and CDK's emptying function is
        # Node code that needs an SDK no laptop has.
        empty_buckets_on_destroy=False,
        architecture=_host_architecture(),
        layer_target=host_target(),
        model_target="local",
        # A laptop that is busy falls behind, and batches fill up: ten frames would take it longer
        # than the endpoint is waited for, and be counted minutes later.
        sample_batch_size=3,
        # A worker is a process of 70 MB: two cores do not gain from more of them.
        queue_concurrency=2,
    )
    return {stage.name: stage for stage in (dev, prod, local)}


STAGES: Final = _stages()


def stage_named(name: str) -> Stage:
    """Return the stage called `name`.

    Raises:
        DeploymentError: If there is none.
    """
    if name not in STAGES:
        raise DeploymentError(f"No stage {name!r}. Use -c stage= with one of {', '.join(STAGES)}.")
    return STAGES[name]
