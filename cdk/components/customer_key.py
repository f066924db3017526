"""The stage's own key."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import Key
from constructs import Construct

from cdk.config import Stage


class CustomerKey(Construct):
    """One key, rotated, for everything at rest that says something about people."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.key = Key(
            self,
            "Key",
            description=f"Headcount {stage.name}: room states, site documents, lake and alerts.",
            enable_key_rotation=True,
            removal_policy=stage.removal_policy,
            # The shortest that KMS allows: a development stage should be gone when destroyed.
            pending_window=None if stage.is_durable else Duration.days(7),
        )
        # An alarm publishes to an encrypted topic as the CloudWatch service, not as a role.
        self.key.add_to_resource_policy(
            PolicyStatement(
                sid="AlarmsPublish",
                principals=[ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
