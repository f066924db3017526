"""The `headcount` command: one module per verb."""
