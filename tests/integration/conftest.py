"""What takes long, made once for all tests that need it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from local import deployment as cdk
from local.launcher import EmbeddedAws
from local.portraits import fetch_portraits
from ops.build import build_for_this_machine
from ops.deployment import Deployment
from tests.integration.deployed_stage import DeployedStage


@pytest.fixture(autouse=True)
def _own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    # boto3 keeps those of whoever asked first: in a process of its own, that is the command.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStage]:
    """The stage `local`, synthesized, bootstrapped and deployed by the real CDK command line."""
    folder = tmp_path_factory.mktemp("stage")
    build_for_this_machine(lambda _line: None)
    fetch_portraits()
    with EmbeddedAws() as aws:
        with ThreadPoolExecutor() as at_once:
            synthesis = at_once.submit(cdk.synth, "local", folder / "cdk.out")
            cdk.bootstrap(aws.environment())
            synthesis.result()
        cdk.deploy(aws.environment(), folder / "cdk.out")
        deployment = Deployment.find("local", aws.client("cloudformation"))
        stage = DeployedStage(aws, deployment, folder)
        with stage.listening():
            yield stage
