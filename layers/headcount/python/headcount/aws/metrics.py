"""Numbers for alarms, as CloudWatch's embedded metric format."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric


class EmbeddedMetric:
    """A `Tally`: a line in the log that CloudWatch makes a metric of.

    Args:
        namespace: The stage's, so that one account may hold several.
        service: Which function counts.
        name: Of the metric.
    """

    def __init__(self, namespace: str, service: str, name: str) -> None:
        self._namespace = namespace
        self._service = service
        self._name = name

    def __call__(self, number: int, /) -> None:
        """Add a number to the metric."""
        with single_metric(
            name=self._name, unit=MetricUnit.Count, value=number, namespace=self._namespace
        ) as metric:
            metric.add_dimension(name="service", value=self._service)
