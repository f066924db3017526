"""A Lambda function as every function of Headcount is."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_lambda import Code, Function, ILayerVersion, Tracing
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_sqs import IQueue
from constructs import Construct

from cdk.assets import ROOT
from cdk.components.acknowledged import acknowledge
from cdk.config import RUNTIME, Stage


class PythonFunction(Construct):
    """One folder of functions/: its role, its log group, and the function."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        folder: str,
        layers: Sequence[ILayerVersion],
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mb: int,
        description: str,
        dead_letters: IQueue | None = None,
    ) -> None:
        """Add the function; a queue in `dead_letters` takes failed asynchronous calls."""
        super().__init__(scope, construct_id)
        self.log_group = LogGroup(
            self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy
        )
        # A role of its own instead of AWSLambdaBasicExecutionRole: it may write to its own log
        # group and to no other.
        self.role = Role(self, "Role", assumed_by=ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        self.function = Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=stage.architecture,
            code=Code.from_asset(
                str(ROOT / "functions" / folder), exclude=["__pycache__", "**/__pycache__", "*.pyc"]
            ),
            handler="handler.lambda_handler",
            layers=list(layers),
            environment={"POWERTOOLS_SERVICE_NAME": folder, **environment},
            timeout=timeout,
            memory_size=memory_mb,
            role=self.role,
            log_group=self.log_group,
            tracing=Tracing.ACTIVE,
            dead_letter_queue=dead_letters,
        )
        acknowledge(
            self.function, "3.13 is the version that is tested; it has support until 2029.", "L1"
        )
        acknowledge(
            self.role,
            "X-Ray has no resources to name: xray:PutTraceSegments is granted on * or not at all.",
            "IAM5[Resource::*]",
        )
        acknowledge(
            self.role,
            "CDK's grant on the stage's key: variants of one permission, on that key alone.",
            "IAM5[Action::kms:GenerateDataKey*]",
            "IAM5[Action::kms:ReEncrypt*]",
        )
