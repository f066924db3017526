"""The monitor: is what the cameras show still what the model knows?

A Processing container's code that honours SageMaker Model Monitor's contract for containers of
one's own, and the same thing on a laptop. `docs/monitoring.md` says how it decides.
"""
