"""The deployed estimator and control, run over recorded or made-up days."""
