"""The detector: weights, package, evaluation, and what runs on the endpoint."""
