"""SageMaker at the wire: models, endpoints that are real processes, invocations, data capture."""
