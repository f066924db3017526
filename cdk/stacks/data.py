"""What must survive a new version: key, state, documents, lake, bus and topics."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.components.customer_key import CustomerKey
from cdk.components.kept_frames import KeptFrames
from cdk.components.lake import Lake
from cdk.components.observation_bus import ObservationBus
from cdk.components.private_bucket import AccessLogs, own_the_log_of_emptying
from cdk.components.room_state import RoomState
from cdk.components.sites import Sites
from cdk.components.topics import AlertTopic, OperationsTopic
from cdk.config import Stage


class DataStack(Stack):
    """The stage's memory."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Headcount {stage.name}: state, lake, bus and topics.",
            termination_protection=stage.is_durable,
        )
        self.key = CustomerKey(self, "CustomerKey", stage=stage).key
        access_logs = AccessLogs(self, "AccessLogs", stage=stage)
        self.rooms = RoomState(self, "RoomState", stage=stage, key=self.key).table
        self.sites = Sites(self, "Sites", stage=stage, key=self.key, access_logs=access_logs).bucket
        self.kept_frames = KeptFrames(
            self, "KeptFrames", stage=stage, key=self.key, access_logs=access_logs
        )
        observations = ObservationBus(self, "Observations", stage=stage)
        self.bus = observations.bus
        self.alerts = AlertTopic(self, "Alerts", key=self.key).topic
        self.operations = OperationsTopic(self, "Operations", key=self.key).topic
        self.lake = Lake(
            self,
            "Lake",
            stage=stage,
            bus=self.bus,
            key=self.key,
            access_logs=access_logs,
            operations=self.operations,
        )
        own_the_log_of_emptying(self, stage)
        for name, value in {
            "RoomsTableName": self.rooms.table_name,
            "SitesBucketName": self.sites.bucket_name,
            "KeptFramesBucketName": self.kept_frames.bucket.bucket_name,
            "LakeBucketName": self.lake.bucket.bucket_name,
            "BusName": self.bus.event_bus_name,
            "AlertTopicArn": self.alerts.topic_arn,
            "OperationsTopicArn": self.operations.topic_arn,
            "LakeDatabaseName": self.lake.database.ref,
            "AthenaWorkgroupName": self.lake.workgroup.name,
            "ObservationArchiveName": observations.archive.archive_name,
            "KeyArn": self.key.key_arn,
        }.items():
            CfnOutput(self, name, value=value)
