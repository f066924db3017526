"""Events as Parquet, by day, for Athena."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aws_cdk import CfnResource, Duration, Size, Stack
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk.aws_athena import CfnNamedQuery, CfnWorkGroup
from aws_cdk.aws_cloudwatch import Metric, Stats
from aws_cdk.aws_events import IEventBus, Rule, RuleTargetInput
from aws_cdk.aws_events_targets import FirehoseDeliveryStream
from aws_cdk.aws_glue import CfnDatabase, CfnTable
from aws_cdk.aws_iam import ManagedPolicy, PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_s3 import IBucket, LifecycleRule
from aws_cdk.aws_sns import ITopic
from aws_cdk.aws_sqs import Queue
from constructs import Construct, IConstruct

from cdk.components.acknowledged import acknowledge
from cdk.components.alarms import Runbook, alarm_above
from cdk.components.lake_columns import columns_of
from cdk.components.patterns import pattern_of
from cdk.components.private_bucket import PrivateBucket
from cdk.components.queue_function import alarm_on_dead_letters, dead_letter_queue
from cdk.config import Stage
from headcount import events

# What analysts ask of. A heartbeat says nothing a command does not, and a camera's health or the
# answer to a question is for the moment: they are on the bus, and not in a table.
TABLES: Final[Mapping[str, type[events.Detail]]] = {
    "frames_counted": events.FramesCounted,
    "room_occupancy": events.RoomOccupancyChanged,
    "bms_commands": events.BmsCommandRequested,
    "bms_acknowledgements": events.BmsCommandAcknowledged,
    "bms_proposals": events.BmsCommandProposed,
    "bms_overrides": events.BmsOverrideChanged,
    "bookings": events.BmsScheduleChanged,
    "presence": events.BmsPresenceSensed,
    "meter_readings": events.BmsMeterRead,
    "alerts": events.AlertRaised,
}
_QUERIES: Final = Path(__file__).parent / "queries"
# The least that Firehose takes when it converts to Parquet.
_PARQUET_BUFFER: Final = Size.mebibytes(64)
# Before the first event of any stage: production keeps its events for ever, and a day outside of
# the projected range is a day that no query finds.
_FIRST_DAY: Final = "2026-01-01"
_RESULTS_KEPT: Final = Duration.days(7)
# A query that reads more is a mistake: a year of a hundred cameras is below it.
_SCAN_LIMIT_BYTES: Final = 20 * 1024**3
CAPTURE_PREFIX: Final = "capture"
_UNUSED_MAPPING: Final = "@aws-cdk--aws-kinesisfirehose.CidrBlocks"


@dataclass(frozen=True, slots=True)
class _Stores:
    """What every table of the lake shares."""

    stage: Stage
    bus: IEventBus
    bucket: IBucket
    key: IKey
    database: CfnDatabase
    dead_letters: Queue
    delivery: Role
    operations: ITopic


class LakeTable(Construct):
    """One event: rule, Firehose, and a Glue table with the event's own fields."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        event: type[events.Detail],
        stores: _Stores,
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = name
        self.table = self._table(event, stores)
        self.stream = self._stream(stores)
        self._deliver(event, stores)
        alarm_above(
            self,
            "Delay",
            metric=Metric(
                namespace="AWS/Firehose",
                metric_name="DeliveryToS3.DataFreshness",
                dimensions_map={"DeliveryStreamName": self.stream.delivery_stream_name},
                period=Duration.minutes(5),
                statistic=Stats.MAXIMUM,
            ),
            threshold=stores.stage.alarms.lake_delay_s,
            periods=2,
            runbook=Runbook.LAKE_DELAY,
            says=f"Lake table {name} is late: Firehose holds events it has not written.",
            tell=stores.operations,
        )

    def _table(self, event: type[events.Detail], stores: _Stores) -> CfnTable:
        location = f"s3://{stores.bucket.bucket_name}/{self._name}/"
        return CfnTable(
            self,
            "Table",
            catalog_id=Stack.of(self).account,
            database_name=stores.database.ref,
            table_input=CfnTable.TableInputProperty(
                name=self._name,
                description=(event.__doc__ or "").split("\n", 1)[0],
                table_type="EXTERNAL_TABLE",
                # Projection: a new day is a partition without a crawler or a repair.
                parameters={
                    "classification": "parquet",
                    "projection.enabled": "true",
                    "projection.day.type": "date",
                    "projection.day.format": "yyyy-MM-dd",
                    "projection.day.range": f"{_FIRST_DAY},NOW+1DAYS",
                    "projection.day.interval": "1",
                    "projection.day.interval.unit": "DAYS",
                    "storage.location.template": f"{location}day=${{day}}/",
                },
                partition_keys=[
                    CfnTable.ColumnProperty(
                        name="day", type="string", comment="UTC day of delivery, yyyy-MM-dd."
                    )
                ],
                storage_descriptor=CfnTable.StorageDescriptorProperty(
                    location=location,
                    input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                    serde_info=CfnTable.SerdeInfoProperty(
                        serialization_library=(
                            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                        )
                    ),
                    columns=[
                        CfnTable.ColumnProperty(
                            name=column.name, type=column.type, comment=column.comment or None
                        )
                        for column in columns_of(event)
                    ],
                ),
            ),
        )

    def _stream(self, stores: _Stores) -> firehose.DeliveryStream:
        day = "!{timestamp:yyyy-MM-dd}"
        stage = stores.stage
        log_group = LogGroup(
            self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy
        )
        return firehose.DeliveryStream(
            self,
            "Delivery",
            role=stores.delivery,
            encryption=firehose.StreamEncryption.customer_managed_key(stores.key),
            destination=firehose.S3Bucket(
                stores.bucket,
                role=stores.delivery,
                data_output_prefix=f"{self._name}/day={day}/",
                error_output_prefix=(
                    f"errors/{self._name}/!{{firehose:error-output-type}}/day={day}/"
                ),
                buffering_interval=Duration.seconds(stage.firehose_buffer_s),
                buffering_size=_PARQUET_BUFFER,
                encryption_key=stores.key,
                logging_config=firehose.EnableLogging(log_group),
                data_format_conversion=firehose.DataFormatConversionProps(
                    input_format=firehose.InputFormat.OPENX_JSON,
                    output_format=firehose.OutputFormat.PARQUET,
                    schema_configuration=firehose.SchemaConfiguration.from_cfn_table(self.table),
                ),
            ),
        )

    def _deliver(self, event: type[events.Detail], stores: _Stores) -> None:
        rule = Rule(
            self,
            "Rule",
            event_bus=stores.bus,
            event_pattern=pattern_of(event),
        )
        rule.add_target(
            FirehoseDeliveryStream(self.stream, message=RuleTargetInput.from_event_path("$.detail"))
        )
        # The construct for this target has no dead-letter property; CloudFormation's has.
        _resource(rule).add_property_override(
            "Targets.0.DeadLetterConfig", {"Arn": stores.dead_letters.queue_arn}
        )
        stores.dead_letters.add_to_resource_policy(
            PolicyStatement(
                principals=[ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[stores.dead_letters.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}},
            )
        )


class Lake(Construct):
    """Bucket, catalogue, one table per event, and the workgroup that analysts use."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        bus: IEventBus,
        key: IKey,
        access_logs: IBucket,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(
            self,
            "Events",
            stage=stage,
            key=key,
            access_logs=access_logs,
            lifecycle_rules=_lifecycle(stage),
        )
        self.database = CfnDatabase(
            self,
            "Database",
            catalog_id=Stack.of(self).account,
            # Analysts type this name: a readable one, and one per stage.
            database_input=CfnDatabase.DatabaseInputProperty(
                name=f"headcount_{stage.name}", description="Headcount's events, one table each."
            ),
        )
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        acknowledge(self.dead_letters, "It is the dead-letter queue of the lake's rules.", "SQS3")
        alarm_on_dead_letters(self.dead_letters, of="The lake", tell=operations)
        stores = _Stores(
            stage=stage,
            bus=bus,
            bucket=self.bucket,
            key=key,
            database=self.database,
            dead_letters=self.dead_letters,
            delivery=self._delivery_role(),
            operations=operations,
        )
        self.tables = {
            name: LakeTable(self, _construct_id(name), name=name, event=event, stores=stores)
            for name, event in TABLES.items()
        }
        # Firehose's construct leaves a table of addresses for destinations in a VPC; unused here.
        Stack.of(self).node.try_remove_child(_UNUSED_MAPPING)
        self.capture_policy = self._capture_policy(key)
        self.workgroup = self._workgroup(stage, key)
        self._named_queries()

    def _delivery_role(self) -> Role:
        """Return the role that Firehose writes every table with: one, as all share one bucket."""
        role = Role(self, "DeliveryRole", assumed_by=ServicePrincipal("firehose.amazonaws.com"))
        bucket = Stack.of(self).get_logical_id(_resource(self.bucket))
        acknowledge(
            role,
            "CDK's own grants to Firehose: variants of one permission, on this bucket and key.",
            "IAM5[Action::kms:GenerateDataKey*]",
            "IAM5[Action::kms:ReEncrypt*]",
            "IAM5[Action::s3:Abort*]",
            "IAM5[Action::s3:DeleteObject*]",
            "IAM5[Action::s3:GetBucket*]",
            "IAM5[Action::s3:GetObject*]",
            "IAM5[Action::s3:List*]",
            f"IAM5[Resource::<{bucket}.Arn>/*]",
        )
        acknowledge(
            role,
            "glue:GetSchemaVersion names no table; CDK grants it for the conversion to Parquet.",
            "IAM5[Resource::*]",
        )
        return role

    def _capture_policy(self, key: IKey) -> ManagedPolicy:
        """Return what an endpoint may do to keep its answers: write them, and read nothing."""
        objects = f"{CAPTURE_PREFIX}/*"
        policy = ManagedPolicy(
            self,
            "CapturePolicy",
            description="What an endpoint needs to keep its answers in the lake.",
            statements=[
                PolicyStatement(
                    actions=["s3:PutObject"], resources=[self.bucket.arn_for_objects(objects)]
                ),
                PolicyStatement(
                    actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]
                ),
            ],
        )
        bucket = Stack.of(self).get_logical_id(_resource(self.bucket))
        acknowledge(
            policy,
            "SageMaker chooses the names of the files it captures, below this one prefix.",
            f"IAM5[Resource::<{bucket}.Arn>/{objects}]",
        )
        return policy

    def _workgroup(self, stage: Stage, key: IKey) -> CfnWorkGroup:
        return CfnWorkGroup(
            self,
            "Workgroup",
            name=f"headcount-{stage.name}",
            description="Queries over Headcount's events.",
            recursive_delete_option=not stage.is_durable,
            work_group_configuration=CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=_SCAN_LIMIT_BYTES,
                result_configuration=CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.bucket.bucket_name}/athena-results/",
                    encryption_configuration=CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=key.key_arn
                    ),
                ),
            ),
        )

    def _named_queries(self) -> None:
        for path in sorted(_QUERIES.glob("*.sql")):
            text = path.read_text()
            query = CfnNamedQuery(
                self,
                _construct_id(path.stem),
                name=path.stem,
                description=text.split("\n", 1)[0].removeprefix("-- "),
                database=self.database.ref,
                work_group=self.workgroup.name,
                query_string=text,
            )
            query.add_resource_dependency(self.workgroup)


def _resource(construct: IConstruct) -> CfnResource:
    resource = construct.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{construct.node.path} is not one CloudFormation resource.")
    return resource


def _construct_id(snake_case: str) -> str:
    return "".join(word.title() for word in snake_case.split("_"))


def _lifecycle(stage: Stage) -> list[LifecycleRule]:
    rules = [
        LifecycleRule(prefix="athena-results/", expiration=_RESULTS_KEPT),
        LifecycleRule(prefix=f"{CAPTURE_PREFIX}/", expiration=Duration.days(stage.capture_days)),
    ]
    if stage.lake_days is not None:
        rules += [
            LifecycleRule(prefix=f"{name}/", expiration=Duration.days(stage.lake_days))
            for name in TABLES
        ]
    return rules
