"""What a camera gateway may do, as one policy to attach to its role or user."""

from aws_cdk import Stack
from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_iam import ManagedPolicy, PolicyStatement
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.acknowledged import acknowledge
from cdk.components.camera_streams import CameraStreams
from cdk.config import Stage


class GatewayAccess(Construct):
    """All that `headcount gateway run` asks of AWS: find its camera, put video, have it noticed."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        key: IKey,
        rooms: ITable,
        notices: ITopic,
        streams: CameraStreams,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        stacks = f"Headcount-{stage.name}-*/*"
        self.policy = ManagedPolicy(
            self,
            "Policy",
            description="Attach to the role or user of a camera gateway.",
            statements=[
                streams.allow("DescribeStream", "GetDataEndpoint", "PutMedia"),
                # Kinesis Video acts with the rights of whoever puts the fragment: it encrypts the
                # fragment with the stream's key, and publishes the notice that it is stored.
                PolicyStatement(actions=["kms:GenerateDataKey"], resources=[key.key_arn]),
                PolicyStatement(actions=["sns:Publish"], resources=[notices.topic_arn]),
                # The camera's own item says how often frames are wanted; no other item can be read.
                PolicyStatement(
                    actions=["dynamodb:Query"],
                    resources=[rooms.table_arn],
                    conditions={
                        "ForAllValues:StringLike": {
                            "dynamodb:LeadingKeys": [f"STREAM#{stage.stream_prefix}*"]
                        }
                    },
                ),
                # Through DynamoDB alone: a gateway must not be able to decrypt video.
                PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[key.key_arn],
                    conditions={
                        "StringEquals": {"kms:ViaService": f"dynamodb.{stack.region}.amazonaws.com"}
                    },
                ),
                PolicyStatement(
                    actions=["cloudformation:DescribeStacks"],
                    resources=[
                        stack.format_arn(
                            service="cloudformation", resource="stack", resource_name=stacks
                        )
                    ],
                ),
            ],
        )
        streams.acknowledge_names(self.policy)
        acknowledge(
            self.policy,
            "The stage's own stacks: the last part of a stack's ARN is not known beforehand.",
            "IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>:"
            f"stack/{stacks}]",
        )
