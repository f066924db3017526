"""CDK entry: pick a stage, build its stacks."""

import sys

from aws_cdk import App

from cdk.config import stage_named
from cdk.stacks.data import DataStack
from cdk.stacks.serving import ServingStack
from headcount.errors import HeadcountError


def build(app: App) -> tuple[DataStack, ServingStack]:
    """Add the stacks of the stage that `-c stage=` names (default `dev`) to `app`."""
    stage = stage_named(app.node.try_get_context("stage") or "dev")
    data = DataStack(app, f"Headcount-{stage.name}-Data", stage=stage)
    serving = ServingStack(app, f"Headcount-{stage.name}-Serving", stage=stage, data=data)
    return data, serving


if __name__ == "__main__":
    application = App()
    try:
        build(application)
    except HeadcountError as fault:
        sys.exit(str(fault))
    application.synth()
