"""Endpoints: brought into service, updated blue to green, rolled back, taken away."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.emulator.sagemaker.artifacts import ArtifactStore
from local.emulator.sagemaker.catalogue import Catalogue, Document, checked_name
from local.emulator.sagemaker.faults import SageMakerFault, could_not_find, invalid
from local.emulator.sagemaker.fleet import Fleet, FleetError, Variant

logger = logging.getLogger("headcount.emulator.sagemaker")

# EventBridge writes states in upper snake case, the API in camel case.
_EVENT_STATUS = {
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "RollingBack": "ROLLING_BACK",
    "InService": "IN_SERVICE",
    "Failed": "FAILED",
    "Deleting": "DELETING",
}


@dataclass(slots=True)
class Endpoint:
    """One endpoint and what serves it now."""

    name: str
    arn: str
    config: Document
    status: str
    created_at_s: float
    changed_at_s: float
    failure_reason: str | None = None
    fleet: Fleet | None = None
    deployment: Document = field(default_factory=dict)
    revision: int = 0


class Endpoints:
    """All endpoints. Slow work runs on threads of its own; the rest is under one lock.

    Args:
        catalogue: Where models and configurations are found.
        artifacts: Where models are unpacked.
        python: The interpreter that containers run on.
        folder: Where containers' logs go.
        announce: Called with the detail of each "SageMaker Endpoint State Change".
    """

    def __init__(
        self,
        catalogue: Catalogue,
        artifacts: ArtifactStore,
        python: Path,
        folder: Path,
        announce: Callable[[Document], None],
    ) -> None:
        self._catalogue = catalogue
        self._artifacts = artifacts
        self._python = python
        self._folder = folder
        self._announce = announce
        self._endpoints: dict[str, Endpoint] = {}
        self._settled = threading.Condition(catalogue.lock)

    def create(self, request: Document) -> Document:
        """CreateEndpoint."""
        name = checked_name(request["EndpointName"], "endpointName")
        arn = self._catalogue.arn("endpoint", name)
        _refuse_unsupported(request.get("DeploymentConfig", {}))
        with self._settled:
            if name in self._endpoints:
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            config = self._catalogue.config(request["EndpointConfigName"])
            now = time.time()
            endpoint = Endpoint(name, arn, config, "Creating", now, now)
            endpoint.deployment = request.get("DeploymentConfig", {})
            self._endpoints[name] = endpoint
            self._catalogue.tag(arn, request.get("Tags", []))
        self._in_background(self._bring_up, endpoint, config)
        return {"EndpointArn": arn}

    def update(self, request: Document) -> Document:
        """UpdateEndpoint, all at once: a new fleet beside the old one, then all traffic to it."""
        deployment = request.get("DeploymentConfig", {})
        _refuse_unsupported(deployment)
        with self._settled:
            endpoint = self._get(request["EndpointName"])
            config = self._catalogue.config(request["EndpointConfigName"])
            if endpoint.status != "InService":
                raise invalid(f"Cannot update in-progress endpoint {endpoint.arn!r}.")
            if config["EndpointConfigName"] == endpoint.config["EndpointConfigName"]:
                raise invalid(
                    f"Cannot update endpoint {endpoint.arn!r}: it has this configuration already."
                )
            if deployment or not request.get("RetainDeploymentConfig"):
                endpoint.deployment = deployment
            self._set_status(endpoint, "Updating")
        self._in_background(self._shift, endpoint, config)
        return {"EndpointArn": endpoint.arn}

    def describe(self, request: Document) -> Document:
        """DescribeEndpoint."""
        with self._settled:
            endpoint = self._get(request["EndpointName"])
            answer: Document = {
                "EndpointName": endpoint.name,
                "EndpointArn": endpoint.arn,
                "EndpointConfigName": endpoint.config["EndpointConfigName"],
                "EndpointStatus": endpoint.status,
                "CreationTime": endpoint.created_at_s,
                "LastModifiedTime": endpoint.changed_at_s,
            }
            if endpoint.fleet is not None:
                answer["ProductionVariants"] = _variant_summaries(endpoint.fleet)
            if endpoint.failure_reason:
                answer["FailureReason"] = endpoint.failure_reason
            if endpoint.deployment:
                answer["LastDeploymentConfig"] = endpoint.deployment
            capture = endpoint.config.get("DataCaptureConfig")
            if capture:
                answer["DataCaptureConfig"] = {
                    "EnableCapture": capture.get("EnableCapture", False),
                    "CaptureStatus": "Started" if capture.get("EnableCapture") else "Stopped",
                    "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                    "DestinationS3Uri": capture["DestinationS3Uri"],
                    "KmsKeyId": capture.get("KmsKeyId", ""),
                }
            return answer

    def delete(self, request: Document) -> Document:
        """DeleteEndpoint."""
        with self._settled:
            endpoint = self._get(request["EndpointName"])
            if endpoint.status in ("Creating", "Updating"):
                raise invalid(f"Cannot delete in-progress endpoint {endpoint.arn!r}.")
            del self._endpoints[endpoint.name]
            self._set_status(endpoint, "Deleting")
            self._catalogue.untag(endpoint.arn)
            fleet, endpoint.fleet = endpoint.fleet, None
        if fleet is not None:
            self._in_background(fleet.stop)
        return {}

    def list(self, request: Document) -> Document:
        """ListEndpoints."""
        wanted = request.get("NameContains", "").lower()
        status = request.get("StatusEquals")
        with self._settled:
            return {
                "Endpoints": [
                    {
                        "EndpointName": endpoint.name,
                        "EndpointArn": endpoint.arn,
                        "EndpointStatus": endpoint.status,
                        "CreationTime": endpoint.created_at_s,
                        "LastModifiedTime": endpoint.changed_at_s,
                    }
                    for name, endpoint in sorted(self._endpoints.items())
                    if wanted in name.lower() and status in (None, endpoint.status)
                ]
            }

    def wait_until_settled(self, name: str, timeout_s: float) -> Document:
        """Return an endpoint's description once it is neither creating nor updating.

        Raises:
            SageMakerFault: If it goes away.
            TimeoutError: If it takes longer.
        """
        with self._settled:
            if not self._settled.wait_for(
                lambda: self._get(name).status in ("InService", "Failed"), timeout_s
            ):
                raise TimeoutError(f"Endpoint {name} was not in service after {timeout_s:.0f} s.")
            return self.describe({"EndpointName": name})

    def reserve(self, name: str, target: str | None) -> tuple[Variant, Document]:
        """Return a variant that stays until it was invoked once, and its configuration.

        Args:
            name: The endpoint.
            target: A variant's name; without one the weights choose.

        Raises:
            SageMakerFault: If there is no such endpoint or variant, or nothing serves it.
        """
        with self._settled:
            endpoint = self._endpoints.get(name)
            if endpoint is None:
                raise SageMakerFault("ValidationError", f"Endpoint {name} not found.")
            if endpoint.fleet is None:
                raise SageMakerFault(
                    "ValidationError", f"Endpoint {name} is {endpoint.status}, not InService."
                )
            variant = endpoint.fleet.choose(target)
            if variant is None:
                raise SageMakerFault(
                    "ValidationError",
                    f"Variant {target} not found for endpoint {name}."
                    if target
                    else f"No variant of endpoint {name} has any weight.",
                )
            variant.reserve()
            return variant, endpoint.config

    def stop(self) -> None:
        """End every container now."""
        with self._settled:
            fleets = [each.fleet for each in self._endpoints.values() if each.fleet]
            self._endpoints.clear()
        for fleet in fleets:
            fleet.kill()

    def _bring_up(self, endpoint: Endpoint, config: Document) -> None:
        self._announce(self._event_detail(endpoint))
        fleet: Fleet | None = None
        # What stands unless we come to know better: nobody may wait for a thread that has died.
        reason = "The embedded SageMaker itself failed; its log has the traceback."
        try:
            fleet = self._start_fleet(endpoint, config)
        except (FleetError, SageMakerFault) as fault:
            reason = str(fault)
        finally:
            if fleet is None:
                self._fail(endpoint, reason)
        if fleet is not None:
            self._put_in_service(endpoint, config, fleet)

    def _fail(self, endpoint: Endpoint, reason: str) -> None:
        logger.error("Endpoint %s failed: %s", endpoint.name, reason)
        with self._settled:
            endpoint.failure_reason = reason
            self._set_status(endpoint, "Failed")
        self._announce(self._event_detail(endpoint))

    def _shift(self, endpoint: Endpoint, config: Document) -> None:
        self._announce(self._event_detail(endpoint))
        try:
            green = self._start_fleet(endpoint, config)
        except (FleetError, SageMakerFault) as fault:
            logger.error("Endpoint %s keeps its configuration: %s", endpoint.name, fault)
            with self._settled:
                endpoint.failure_reason = str(fault)
                self._set_status(endpoint, "InService")
            self._announce(self._event_detail(endpoint))
            return
        blue = endpoint.fleet
        self._put_in_service(endpoint, config, green)
        if blue is not None:
            policy = endpoint.deployment.get("BlueGreenUpdatePolicy", {})
            time.sleep(policy.get("TerminationWaitInSeconds", 0))
            blue.stop()

    def _start_fleet(self, endpoint: Endpoint, config: Document) -> Fleet:
        fleet = Fleet(
            [
                Variant(specification, self._catalogue.container_of(specification["ModelName"]))
                for specification in config["ProductionVariants"]
            ]
        )
        endpoint.revision += 1
        fleet.start(
            self._artifacts, self._python, self._folder / endpoint.name / str(endpoint.revision)
        )
        return fleet

    def _put_in_service(self, endpoint: Endpoint, config: Document, fleet: Fleet) -> None:
        with self._settled:
            is_gone = self._endpoints.get(endpoint.name) is not endpoint
            if not is_gone:
                endpoint.fleet, endpoint.config = fleet, config
                endpoint.failure_reason = None
                self._set_status(endpoint, "InService")
        if is_gone:
            # The emulator was stopped while the fleet started.
            fleet.kill()
            return
        self._announce(self._event_detail(endpoint))

    def _set_status(self, endpoint: Endpoint, status: str) -> None:
        endpoint.status = status
        endpoint.changed_at_s = time.time()
        self._settled.notify_all()

    def _get(self, name: str) -> Endpoint:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise could_not_find("endpoint", self._catalogue.arn("endpoint", name))
        return endpoint

    def _event_detail(self, endpoint: Endpoint) -> Document:
        with self._settled:
            return {
                "EndpointName": endpoint.name,
                "EndpointArn": endpoint.arn,
                "EndpointConfigName": endpoint.config["EndpointConfigName"],
                "ProductionVariants": _variant_summaries(endpoint.fleet) if endpoint.fleet else [],
                "EndpointStatus": _EVENT_STATUS[endpoint.status],
                "CreationTime": round(endpoint.created_at_s * 1000),
                "LastModifiedTime": round(endpoint.changed_at_s * 1000),
            }

    def _in_background(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, name="endpoint", daemon=True).start()


def _variant_summaries(fleet: Fleet) -> list[Document]:
    return [
        {
            "VariantName": variant.name,
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.weight,
            "CurrentInstanceCount": variant.instance_count,
            "DesiredInstanceCount": variant.instance_count,
        }
        for variant in fleet.variants
    ]


def _refuse_unsupported(deployment: Document) -> None:
    """Refuse what would otherwise be pretended.

    Raises:
        SageMakerFault: For a deployment that is not all at once.
    """
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if "RollingUpdatePolicy" in deployment or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise invalid(
            "The embedded AWS deploys ALL_AT_ONCE only. "
            "Leave canary, linear and rolling deployments to a stage on AWS."
        )
