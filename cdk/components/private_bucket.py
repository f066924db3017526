"""A bucket nobody outside can read."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk.aws_kms import IKey
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
