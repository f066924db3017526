"""SageMaker at the wire: models, endpoints that are processes, capture."""
