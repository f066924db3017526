"""The model that counts, and the endpoint that serves it."""

from typing import Final

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk.aws_cloudwatch import Metric, Stats
from aws_cdk.aws_iam import (
    Grant,
    IGrantable,
    IManagedPolicy,
    PolicyStatement,
    Role,
    ServicePrincipal,
)
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket
from aws_cdk.aws_s3_assets import Asset
from aws_cdk.aws_sagemaker import CfnEndpoint, CfnEndpointConfig, CfnModel
from aws_cdk.aws_sns import ITopic
from aws_cdk.region_info import FactName
from constructs import Construct

from cdk.components.acknowledged import acknowledge
from cdk.components.alarms import Runbook, alarm_above
from cdk.components.lake import CAPTURE_PREFIX
from cdk.config import Stage
from training.package import CONTAINER_ENVIRONMENT, IMAGE_REPOSITORY, build_model, image_uri

_VARIANT: Final = "AllTraffic"
_LOG_GROUPS: Final = "/aws/sagemaker/Endpoints/*"
_ANY: Final = "IAM5[Resource::*]"
_MICROSECONDS_PER_MILLISECOND: Final = 1_000


class CountingModel(Construct):
    """A model package on a named AWS image, behind an endpoint that keeps answers, not pictures."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        key: IKey,
        capture_bucket: IBucket,
        capture_policy: IManagedPolicy,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        archive = build_model(stage.model_target, stage.model, person_model=stage.person_model)
        package = Asset(self, "Package", path=str(archive))
        self.role = self._role(package, capture_policy)
        self.model = self._model(package)
        self.endpoint = self._endpoint(stage, key=key, capture_bucket=capture_bucket)
        self._watch(stage, operations)

    @property
    def endpoint_name(self) -> str:
        """Return the endpoint's name, made by CloudFormation."""
        return self.endpoint.attr_endpoint_name

    def grant_invoke(self, grantee: IGrantable) -> Grant:
        """Let `grantee` ask this endpoint, and no other."""
        return Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:InvokeEndpoint"],
            resource_arns=[self.endpoint.ref],
        )

    def _role(self, package: Asset, capture_policy: IManagedPolicy) -> Role:
        stack = Stack.of(self)
        role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("sagemaker.amazonaws.com"),
            managed_policies=[capture_policy],
        )
        image = stack.format_arn(
            service="ecr",
            account=self._image_account(),
            resource="repository",
            resource_name=IMAGE_REPOSITORY,
        )
        logs = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=_LOG_GROUPS,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for actions, resource in (
            (["s3:GetObject"], package.bucket.arn_for_objects(package.s3_object_key)),
            (["s3:ListBucket"], package.bucket.bucket_arn),
            (
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                image,
            ),
            (["ecr:GetAuthorizationToken"], "*"),
            (["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], logs),
        ):
            role.add_to_policy(PolicyStatement(actions=actions, resources=[resource]))
        acknowledge(role, "ecr:GetAuthorizationToken is granted on * or not at all.", _ANY)
        acknowledge(
            role,
            "The endpoint's name, and so its log group's, is made after the role.",
            f"IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:"
            f"log-group:{_LOG_GROUPS}]",
        )
        return role

    def _image_account(self) -> str:
        # A mapping in the template, region by region: the stack is not bound to one.
        return Stack.of(self).regional_fact(FactName.DLC_REPOSITORY_ACCOUNT)

    def _model(self, package: Asset) -> CfnModel:
        stack = Stack.of(self)
        model = CfnModel(
            self,
            "Model",
            execution_role_arn=self.role.role_arn,
            # No calls out, to S3 included, from what is inside the container.
            enable_network_isolation=True,
            primary_container=CfnModel.ContainerDefinitionProperty(
                image=image_uri(self._image_account(), stack.region, stack.url_suffix),
                model_data_url=package.s3_object_url,
                environment=dict(CONTAINER_ENVIRONMENT),
            ),
        )
        # SageMaker reads the package and pulls the image as the role while it creates the model.
        model.node.add_dependency(self.role)
        return model

    def _endpoint(self, stage: Stage, *, key: IKey, capture_bucket: IBucket) -> CfnEndpoint:
        config = CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=_VARIANT,
                    model_name=self.model.attr_model_name,
                    instance_type=stage.endpoint_instance_type,
                    initial_instance_count=1,
                    initial_variant_weight=1,
                )
            ],
            data_capture_config=CfnEndpointConfig.DataCaptureConfigProperty(
                enable_capture=True,
                initial_sampling_percentage=stage.capture_percent,
                destination_s3_uri=f"s3://{capture_bucket.bucket_name}/{CAPTURE_PREFIX}",
                kms_key_id=key.key_arn,
                # Output only: what is kept holds boxes and scores, and no faces.
                capture_options=[CfnEndpointConfig.CaptureOptionProperty(capture_mode="Output")],
                # Without this SageMaker would store the answers as base64.
                capture_content_type_header=(
                    CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                        json_content_types=["application/json"]
                    )
                ),
            ),
        )
        return CfnEndpoint(self, "Endpoint", endpoint_config_name=config.attr_endpoint_config_name)

    def _watch(self, stage: Stage, operations: ITopic) -> None:
        variant = {"EndpointName": self.endpoint_name, "VariantName": _VARIANT}
        alarm_above(
            self,
            "Errors",
            metric=Metric(
                namespace="AWS/SageMaker",
                metric_name="Invocation5XXErrors",
                dimensions_map=variant,
                period=Duration.minutes(1),
                statistic=Stats.SUM,
            ),
            threshold=0,
            periods=3,
            runbook=Runbook.ENDPOINT_ERRORS,
            says="The model's endpoint answers with errors: rooms are becoming UNKNOWN.",
            tell=operations,
        )
        alarm_above(
            self,
            "Latency",
            metric=Metric(
                namespace="AWS/SageMaker",
                metric_name="ModelLatency",
                dimensions_map=variant,
                period=Duration.minutes(1),
                statistic=Stats.percentile(95),
            ),
            threshold=stage.alarms.endpoint_latency_ms * _MICROSECONDS_PER_MILLISECOND,
            periods=5,
            runbook=Runbook.ENDPOINT_LATENCY,
            says="The model's endpoint is slow: commands come late.",
            tell=operations,
        )
