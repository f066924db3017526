"""The Kinesis Video streams of a stage's cameras, which `headcount site apply` makes, by name."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement
from constructs import Construct, IConstruct

from cdk.components.acknowledged import acknowledge
from cdk.config import Stage


class CameraStreams(Construct):
    """Rights on every stream of the stage and on no other: CDK knows no camera."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self._names = f"{stage.stream_prefix}*"

    def allow(self, *actions: str) -> PolicyStatement:
        """Return a statement that allows `actions`, e.g. `PutMedia`, on the stage's streams."""
        streams = Stack.of(self).format_arn(
            service="kinesisvideo", resource="stream", resource_name=self._names
        )
        return PolicyStatement(
            actions=[f"kinesisvideo:{action}" for action in actions], resources=[streams]
        )

    def acknowledge_names(self, construct: IConstruct) -> None:
        """Accept, on a role or policy, that the stage's streams are named by their prefix."""
        acknowledge(
            construct,
            "Cameras come and go without a deployment; all streams of the stage share a prefix.",
            f"IAM5[Resource::arn:<AWS::Partition>:kinesisvideo:<AWS::Region>:<AWS::AccountId>:"
            f"stream/{self._names}]",
        )
