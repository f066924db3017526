"""Where frames are kept to learn from, if a site allows it."""

from typing import Final

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk.aws_iam import ManagedPolicy, PolicyStatement
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket, LifecycleRule
from constructs import Construct

from cdk.components.acknowledged import acknowledge
from cdk.components.private_bucket import PrivateBucket
from cdk.config import Stage
from headcount.domain.kept_frames import LONGEST_DAYS, SHORTEST_DAYS
from headcount.identifiers import EXPIRY_TAG

_PICTURES: Final = "*.jpg"


class KeptFrames(Construct):
    """Pictures of people: encrypted, deleted by themselves, and gone for good when erased."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, key: IKey, access_logs: IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(
            self,
            "Pictures",
            stage=stage,
            key=key,
            access_logs=access_logs,
            # A version that outlives its deletion would make erasing a promise nobody keeps.
            versioned=False,
            lifecycle_rules=_expiring(),
        )
        self.keeping_policy = self._keeping_policy(key)

    def _keeping_policy(self, key: IKey) -> ManagedPolicy:
        """Return what a function needs to keep frames: it may neither read, list nor delete any."""
        policy = ManagedPolicy(
            self,
            "KeepingPolicy",
            description="What a function needs to keep frames.",
            statements=[
                PolicyStatement(
                    actions=["s3:PutObject", "s3:PutObjectTagging"],
                    resources=[self.bucket.arn_for_objects(_PICTURES)],
                ),
                PolicyStatement(actions=["kms:GenerateDataKey"], resources=[key.key_arn]),
            ],
        )
        bucket = self.bucket.node.default_child
        if not isinstance(bucket, CfnResource):
            raise TypeError(f"{self.bucket.node.path} is not one CloudFormation resource.")
        acknowledge(
            policy,
            "Pictures are named after site, camera, day and frame, and CDK knows no site.",
            f"IAM5[Resource::<{Stack.of(self).get_logical_id(bucket)}.Arn>/{_PICTURES}]",
        )
        return policy


def _expiring() -> list[LifecycleRule]:
    """Return a rule for each age that a site may choose: rounding up would break its promise."""
    chosen = [
        LifecycleRule(
            id=f"after-{days}-days",
            tag_filters={EXPIRY_TAG: str(days)},
            expiration=Duration.days(days),
        )
        for days in range(SHORTEST_DAYS, LONGEST_DAYS + 1)
    ]
    # Whatever else gets in, by whatever way. Of several rules, S3 obeys the earliest.
    return [*chosen, LifecycleRule(id="everything", expiration=Duration.days(LONGEST_DAYS))]
