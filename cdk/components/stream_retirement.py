"""What removes the camera streams that `headcount site apply` made, when the stage is destroyed."""

from aws_cdk import CustomResource, Duration
from aws_cdk.aws_iam import PolicyStatement
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.camera_streams import CameraStreams
from cdk.components.python_function import PythonFunction
from cdk.components.queue_function import alarm_on_dead_letters, dead_letter_queue
from cdk.config import Stage

# A thousand cameras at the 50 deletions a second that Kinesis Video allows, ten times over.
_TIMEOUT = Duration.minutes(5)


class StreamRetirement(Construct):
    """A custom resource whose deletion deletes the stage's streams."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        streams: CameraStreams,
        core: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        alarm_on_dead_letters(self.dead_letters, of="retire_streams", tell=operations)
        worker = PythonFunction(
            self,
            "Worker",
            stage=stage,
            folder="retire_streams",
            description="Deletes the stage's Kinesis Video streams with the stack.",
            layers=[core],
            environment={"STREAM_PREFIX": stage.stream_prefix},
            timeout=_TIMEOUT,
            memory_mb=512,
            dead_letters=self.dead_letters,
        )
        self.function = worker.function
        self.function.add_to_role_policy(streams.allow("DeleteStream"))
        streams.acknowledge_names(worker.role)
        # ListStreams knows no resource narrower than all streams.
        self.function.add_to_role_policy(
            PolicyStatement(actions=["kinesisvideo:ListStreams"], resources=["*"])
        )
        resource = CustomResource(
            self,
            "Streams",
            resource_type="Custom::KinesisVideoStreams",
            service_token=self.function.function_arn,
            service_timeout=_TIMEOUT,
            properties={"StreamPrefix": stage.stream_prefix},
            # Retained in production: deleting the stack then leaves the streams alone.
            removal_policy=stage.removal_policy,
        )
        # Or the role's rights would be gone before the streams are.
        resource.node.add_dependency(worker.role)
