"""AWS::SageMaker::Model, EndpointConfig and Endpoint for CloudFormation."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.sagemaker.catalogue import Catalogue, Document
from local.emulator.sagemaker.endpoints import Endpoints
from local.emulator.sagemaker.faults import SageMakerFault
from local.emulator.service import CloudFormationHandler

# Seconds. CloudFormation itself waits longer; an endpoint here starts in a few.
IN_SERVICE_TIMEOUT_S = 300.0
# What a replaced resource's generated name ends in, and how long names may be.
_REPLACEMENT = re.compile(r"-[0-9a-f]{8}$")
_NAME_LENGTH = 63

Made = tuple[str, dict[str, str]]


class ResourceFailedError(ValueError):
    """A resource did not come up; CloudFormation shows the message."""


def handlers(catalogue: Catalogue, endpoints: Endpoints) -> Mapping[str, CloudFormationHandler]:
    """Return the handlers by resource type.

    Ref of each type is the resource's ARN, as on AWS; Fn::GetAtt has its name.
    """
    return {
        "AWS::SageMaker::Model": _replaced_on_change(
            "ModelName", catalogue.name_of, catalogue.create_model, catalogue.delete_model
        ),
        "AWS::SageMaker::EndpointConfig": _replaced_on_change(
            "EndpointConfigName",
            catalogue.name_of,
            catalogue.create_endpoint_config,
            catalogue.delete_endpoint_config,
        ),
        "AWS::SageMaker::Endpoint": _endpoint(endpoints, catalogue.name_of),
    }


def _replaced_on_change(
    name_field: str,
    name_of: Callable[[str], str],
    create: Callable[[Document], Document],
    delete: Callable[[Document], Document],
) -> CloudFormationHandler:
    """Return the handler of a type whose every property is create-only."""

    def make(generated: str, properties: Document) -> Made:
        name = properties.get(name_field) or generated[:_NAME_LENGTH].strip("-")
        answer = create({**properties, name_field: name})
        (arn,) = answer.values()
        return arn, {name_field: name}

    def replace(arn: str, old: Document, new: Document) -> Made:
        if old == new:
            return arn, {name_field: name_of(arn)}
        digest = hashlib.sha256(json.dumps(new, sort_keys=True).encode()).hexdigest()[:8]
        stem = _REPLACEMENT.sub("", name_of(arn))[: _NAME_LENGTH - 9].strip("-")
        made = make(f"{stem}-{digest}", new)
        remove(arn, old)
        return made

    def remove(arn: str, _properties: Document) -> None:
        _ignore_missing(delete, {name_field: name_of(arn)})

    return CloudFormationHandler(create=make, update=replace, delete=remove)


def _endpoint(endpoints: Endpoints, name_of: Callable[[str], str]) -> CloudFormationHandler:
    def create(generated: str, properties: Document) -> Made:
        name = properties.get("EndpointName") or generated[:_NAME_LENGTH].strip("-")
        endpoints.create({**_request(properties, name_of), "EndpointName": name})
        described = endpoints.wait_until_settled(name, IN_SERVICE_TIMEOUT_S)
        if described["EndpointStatus"] != "InService":
            # CloudFormation never learns its physical id: nobody else would remove it.
            endpoints.delete({"EndpointName": name})
            raise ResourceFailedError(described["FailureReason"])
        return described["EndpointArn"], {"EndpointName": name}

    def update(arn: str, old: Document, new: Document) -> Made:
        name = name_of(arn)
        wanted = new["EndpointConfigName"]
        if old["EndpointConfigName"] != wanted:
            endpoints.update({**_request(new, name_of), "EndpointName": name})
            described = endpoints.wait_until_settled(name, IN_SERVICE_TIMEOUT_S)
            if described["EndpointConfigName"] != name_of(wanted):
                raise ResourceFailedError(described["FailureReason"])
        return arn, {"EndpointName": name}

    def delete(arn: str, _properties: Document) -> None:
        _ignore_missing(endpoints.delete, {"EndpointName": name_of(arn)})

    return CloudFormationHandler(create=create, update=update, delete=delete)


def _request(properties: Document, name_of: Callable[[str], str]) -> Document:
    """Return the parts of a template's endpoint that the API takes too."""
    taken = ("EndpointConfigName", "DeploymentConfig", "Tags")
    request = {key: properties[key] for key in taken if key in properties}
    # A template may give the configuration by Ref, which is its ARN.
    request["EndpointConfigName"] = name_of(request["EndpointConfigName"])
    return request


def _ignore_missing(delete: Callable[[Document], Any], request: Document) -> None:
    try:
        delete(request)
    except SageMakerFault as fault:
        if not fault.is_missing:
            raise
