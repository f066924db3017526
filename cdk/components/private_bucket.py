"""A bucket nobody outside can read."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_s3 import (
    BlockPublicAccess,
    Bucket,
    BucketEncryption,
    IBucket,
    LifecycleRule,
    ObjectOwnership,
)
from constructs import Construct

from cdk.components.acknowledged import acknowledge
from cdk.config import Stage

# What CDK calls the one function of a stack that empties its buckets.
_EMPTYING: Final = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


class PrivateBucket(Bucket):
    """Encrypted with the stage's key, TLS only, its accesses logged."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        key: IKey,
        access_logs: IBucket,
        versioned: bool = False,
        lifecycle_rules: Sequence[LifecycleRule] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=BlockPublicAccess.BLOCK_ALL,
            object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=versioned,
            lifecycle_rules=list(lifecycle_rules),
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/",
            removal_policy=stage.removal_policy,
            auto_delete_objects=stage.empty_buckets_on_destroy,
        )


class AccessLogs(Bucket):
    """Who has read or written which object of the stage's other buckets."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            construct_id,
            # S3 delivers access logs only to buckets encrypted with its own keys.
            encryption=BucketEncryption.S3_MANAGED,
            block_public_access=BlockPublicAccess.BLOCK_ALL,
            object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[LifecycleRule(expiration=Duration.days(stage.access_log_days))],
            removal_policy=stage.removal_policy,
            auto_delete_objects=stage.empty_buckets_on_destroy,
        )
        acknowledge(
            self, "It is the bucket of the access logs; its own would log themselves.", "S1"
        )


def own_the_log_of_emptying(stack: Stack, stage: Stage) -> None:
    """Let CDK's function that empties buckets log into the stack, if the stack has that function.

    By itself it makes a log group that has no end and that outlives the stack.
    """
    provider = stack.node.try_find_child(_EMPTYING)
    if provider is None:
        return
    log_group = LogGroup(
        stack, "EmptyingLogs", retention=stage.log_retention, removal_policy=stage.removal_policy
    )
    handler = provider.node.find_child("Handler")
    if not isinstance(handler, CfnResource):
        raise TypeError(f"{handler.node.path} is not one CloudFormation resource.")
    handler.add_property_override("LoggingConfig.LogGroup", log_group.log_group_name)
