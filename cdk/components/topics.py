"""Who is told."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sns import Topic
from constructs import Construct


class AlertTopic(Construct):
    """Alerts about rooms, for building managers. They subscribe by e-mail or SMS."""

    def __init__(self, scope: Construct, construct_id: str, *, key: IKey) -> None:
        super().__init__(scope, construct_id)
        self.topic = Topic(
            self, "Topic", display_name="Headcount alerts", master_key=key, enforce_ssl=True
        )


class OperationsTopic(Construct):
    """Alarms about Headcount itself, for those who run it: never for building managers."""

    def __init__(self, scope: Construct, construct_id: str, *, key: IKey) -> None:
        super().__init__(scope, construct_id)
        self.topic = Topic(
            self, "Topic", display_name="Headcount operations", master_key=key, enforce_ssl=True
        )
        self.topic.add_to_resource_policy(
            PolicyStatement(
                sid="AlarmsPublish",
                principals=[ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
