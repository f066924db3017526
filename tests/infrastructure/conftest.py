"""Each stage synthesized once a session, in this process, with cdk-nag looking on."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("dev", "prod", "local")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    template: Mapping[str, Any]

    @property
    def arn(self) -> dict[str, list[str]]:
        """How the same template refers to the resource's ARN."""
        return {"Fn::GetAtt": [self.logical_id, "Arn"]}


@dataclass(frozen=True, slots=True)
class Synthesized:
    """One stage's cloud assembly."""

    folder: Path
    templates: Mapping[str, Mapping[str, Any]]
    findings: tuple[str, ...]

    def resources(self, of_type: str) -> list[Resource]:
        """Return the resources of one type, of all stacks."""
        return [found for found in self.everything() if found.type == of_type]

    def everything(self) -> Iterator[Resource]:
        """Yield every resource of every stack."""
        for template in self.templates.values():
            for logical_id, resource in template["Resources"].items():
                yield Resource(
                    logical_id, resource["Type"], resource.get("Properties", {}), template
                )

    def functions(self) -> dict[str, Resource]:
        """Return our own functions by their folder's name."""
        return {
            found.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: found
            for found in self.resources("AWS::Lambda::Function")
            if found.properties["Handler"] == "handler.lambda_handler"
        }


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Synthesized]:
    """Return a function that synthesizes a stage, the first time it is asked to."""

    @cache
    def synthesized(stage: str) -> Synthesized:
        return _synthesize(stage, tmp_path_factory.mktemp(f"assembly-{stage}"))

    return synthesized


@pytest.fixture(params=STAGES, scope="session")
def stage(request: pytest.FixtureRequest, synthesize: Callable[[str], Synthesized]) -> Synthesized:
    """Every stage in turn."""
    return synthesize(request.param)


@pytest.fixture(scope="session")
def dev(synthesize: Callable[[str], Synthesized]) -> Synthesized:
    """The stage that a developer deploys."""
    return synthesize("dev")


def _synthesize(stage: str, folder: Path) -> Synthesized:
    # Imported here: aws_cdk starts a Node process, which collecting tests should not.
    from aws_cdk import App, Validations
    from cdk_nag import AwsSolutionsChecks

    from app import build

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    application = App(context={**context, "stage": stage}, outdir=str(folder))
    build(application)
    Validations.of(application).add_plugins(AwsSolutionsChecks(application))
    report = folder / "validation-report.json"
    try:
        application.synth()
    except RuntimeError:
        # Findings stop a synthesis after everything has been written; one test lists them.
        if not report.exists():
            raise
    return Synthesized(
        folder=folder,
        templates={
            path.name.removesuffix(".template.json"): json.loads(path.read_text())
            for path in sorted(folder.glob("*.template.json"))
        },
        findings=tuple(_findings(json.loads(report.read_text()))),
    )


def _findings(report: Mapping[str, Any]) -> Iterator[str]:
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for construct in violation["violatingConstructs"]:
                yield f"{violation['ruleName']} at {construct['constructPath']}"
