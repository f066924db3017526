"""Fine-tuning the detector: one script by SageMaker's container contract. Needs torch."""
