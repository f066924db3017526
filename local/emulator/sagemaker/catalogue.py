"""Models, endpoint configurations and tags: what the control plane only stores."""

import re
import threading
import time
from typing import Any

from local.emulator.sagemaker.faults import could_not_find, invalid

Document = dict[str, Any]

_NAME = re.compile(r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")


class Catalogue:
    """What has been created and is not running: thread-safe, kept in memory."""

    def __init__(self, region: str, account_id: str) -> None:
        self.lock = threading.RLock()
        self._prefix = f"arn:aws:sagemaker:{region}:{account_id}:"
        self._models: dict[str, Document] = {}
        self._configs: dict[str, Document] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._names: dict[str, str] = {}

    def arn(self, kind: str, name: str) -> str:
        """Return a resource's ARN; SageMaker writes names in lower case there."""
        arn = f"{self._prefix}{kind}/{name.lower()}"
        self._names.setdefault(arn, name)
        return arn

    def name_of(self, arn: str) -> str:
        """Return the name that an ARN was made for, in its own case."""
        return self._names.get(arn, arn.rsplit("/", 1)[-1])

    def create_model(self, request: Document) -> Document:
        """CreateModel."""
        name = checked_name(request["ModelName"], "modelName")
        arn = self.arn("model", name)
        if "PrimaryContainer" not in request and not request.get("Containers"):
            raise invalid("A model needs a PrimaryContainer.")
        self._add(self._models, name, f'Cannot create already existing model "{arn}".', request)
        self._models[name]["ModelArn"] = arn
        self.tag(arn, request.get("Tags", []))
        return {"ModelArn": arn}

    def describe_model(self, request: Document) -> Document:
        """DescribeModel."""
        return without_tags(self._get(self._models, "model", request["ModelName"]))

    def delete_model(self, request: Document) -> Document:
        """DeleteModel."""
        self._remove(self._models, "model", request["ModelName"])
        return {}

    def list_models(self, request: Document) -> Document:
        """ListModels."""
        keys = ("ModelName", "ModelArn", "CreationTime")
        return {"Models": self._list(self._models, keys, request)}

    def create_endpoint_config(self, request: Document) -> Document:
        """CreateEndpointConfig."""
        name = checked_name(request["EndpointConfigName"], "endpointConfigName")
        arn = self.arn("endpoint-config", name)
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) != len(names):
            raise invalid(f"Variant names must differ: {', '.join(names)}.")
        for variant in request["ProductionVariants"]:
            if "ServerlessConfig" in variant:
                raise invalid("Serverless variants cannot be run here. Name an InstanceType.")
            self._get(self._models, "model", variant["ModelName"])
        already = f'Cannot create already existing endpoint configuration "{arn}".'
        self._add(self._configs, name, already, request)
        self._configs[name]["EndpointConfigArn"] = arn
        self.tag(arn, request.get("Tags", []))
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, request: Document) -> Document:
        """DescribeEndpointConfig."""
        return without_tags(self.config(request["EndpointConfigName"]))

    def delete_endpoint_config(self, request: Document) -> Document:
        """DeleteEndpointConfig."""
        self._remove(self._configs, "endpoint-config", request["EndpointConfigName"])
        return {}

    def list_endpoint_configs(self, request: Document) -> Document:
        """ListEndpointConfigs."""
        keys = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        return {"EndpointConfigs": self._list(self._configs, keys, request)}

    def add_tags(self, request: Document) -> Document:
        """AddTags."""
        self.tag(request["ResourceArn"], request["Tags"])
        return {"Tags": self.list_tags(request)["Tags"]}

    def list_tags(self, request: Document) -> Document:
        """ListTags."""
        with self.lock:
            tags = self._tags.get(request["ResourceArn"], {})
            return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def delete_tags(self, request: Document) -> Document:
        """DeleteTags."""
        with self.lock:
            tags = self._tags.get(request["ResourceArn"], {})
            for key in request["TagKeys"]:
                tags.pop(key, None)
        return {}

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add tags to a resource."""
        with self.lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def untag(self, arn: str) -> None:
        """Forget a resource's tags."""
        with self.lock:
            self._tags.pop(arn, None)

    def config(self, name: str) -> Document:
        """Return an endpoint configuration.

        Raises:
            SageMakerFault: If there is none of that name.
        """
        return self._get(self._configs, "endpoint-config", name)

    def container_of(self, model_name: str) -> Document:
        """Return the container definition of a model.

        Raises:
            SageMakerFault: If there is no such model.
        """
        model = self._get(self._models, "model", model_name)
        container: Document = model.get("PrimaryContainer") or model["Containers"][0]
        return container

    def _add(self, store: dict[str, Document], name: str, already: str, request: Document) -> None:
        with self.lock:
            if name in store:
                raise invalid(already)
            store[name] = {**request, "CreationTime": time.time()}

    def _get(self, store: dict[str, Document], kind: str, name: str) -> Document:
        with self.lock:
            if name not in store:
                raise could_not_find(kind.replace("-", " "), self.arn(kind, name))
            return store[name]

    def _remove(self, store: dict[str, Document], kind: str, name: str) -> None:
        with self.lock:
            self._get(store, kind, name)
            del store[name]
            self.untag(self.arn(kind, name))

    def _list(
        self, store: dict[str, Document], keys: tuple[str, ...], request: Document
    ) -> list[Document]:
        wanted = request.get("NameContains", "").lower()
        with self.lock:
            return [
                {key: document[key] for key in keys}
                for name, document in sorted(store.items())
                if wanted in name.lower()
            ]


def checked_name(name: str, field: str) -> str:
    """Return a name that SageMaker accepts.

    Raises:
        SageMakerFault: For any other.
    """
    if not _NAME.match(name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at '{field}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_NAME.pattern[1:-1]}"
        )
    return name


def without_tags(document: Document) -> Document:
    """Return a resource as Describe answers it: tags have calls of their own."""
    return {key: value for key, value in document.items() if key != "Tags"}
