"""What SageMaker tells CloudWatch of each invocation."""

import logging
import threading
from collections import defaultdict
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("headcount.emulator.sagemaker")

_NAMESPACE = "AWS/SageMaker"
# The most values that one datum of PutMetricData carries.
_MAX_VALUES = 150

# Endpoint, variant, metric, unit.
_Series = tuple[str, str, str, str]


class InvocationMetrics:
    """Collects figures of invocations; `flush` sends them.

    Args:
        cloudwatch: A boto3 client.
    """

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch
        self._values: defaultdict[_Series, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, endpoint: str, variant: str, status: int, latency_s: float) -> None:
        """Note one invocation.

        Args:
            endpoint: The endpoint's name.
            variant: The variant that answered.
            status: Of the container's answer.
            latency_s: How long the container took, in seconds.
        """
        figures = (
            ("Invocations", "None", 1.0),
            ("Invocation4XXErrors", "None", float(400 <= status < 500)),
            ("Invocation5XXErrors", "None", float(status >= 500)),
            ("ModelLatency", "Microseconds", latency_s * 1_000_000),
        )
        with self._lock:
            for name, unit, value in figures:
                self._values[endpoint, variant, name, unit].append(value)

    def flush(self) -> None:
        """Send everything noted so far."""
        with self._lock:
            collected, self._values = self._values, defaultdict(list)
        for (endpoint, variant, name, unit), values in collected.items():
            for start in range(0, len(values), _MAX_VALUES):
                self._put(endpoint, variant, name, unit, values[start : start + _MAX_VALUES])

    def _put(self, endpoint: str, variant: str, name: str, unit: str, values: list[float]) -> None:
        try:
            self._cloudwatch.put_metric_data(
                Namespace=_NAMESPACE,
                MetricData=[
                    {
                        "MetricName": name,
                        "Unit": unit,
                        "Values": values,
                        "Dimensions": [
                            {"Name": "EndpointName", "Value": endpoint},
                            {"Name": "VariantName", "Value": variant},
                        ],
                    }
                ],
            )
        except (ClientError, BotoCoreError) as fault:
            # A metric that cannot be sent never disturbs the endpoint.
            logger.warning("No %s of endpoint %s: %s", name, endpoint, fault)
