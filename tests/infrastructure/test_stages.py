"""That a stage says what it should, before anything is synthesized."""

import pytest

from cdk.components.patterns import pattern_of
from cdk.config import STAGES, Stage, stage_named
from headcount.errors import DeploymentError
from headcount.events import AlertRaised, BmsCommandRequested
from training.package import target_named


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_layers_are_built_for_what_functions_run_on(stage: Stage) -> None:
    if stage.layer_target.platform is not None:
        built_for = stage.layer_target.platform.split("-")[0]

        assert built_for == {"arm64": "aarch64", "x86_64": "x86_64"}[stage.architecture.name]


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_every_stage_names_a_model_package_that_can_be_built(stage: Stage) -> None:
    assert target_named(stage.model_target).name == stage.model_target


def test_stages_do_not_see_each_others_streams() -> None:
    prefixes = [stage.stream_prefix for stage in STAGES.values()]

    assert not [a for a in prefixes for b in prefixes if a != b and a.startswith(b)]


def test_an_unknown_stage_is_refused_with_those_there_are() -> None:
    with pytest.raises(DeploymentError, match=r"No stage 'staging'.*dev, prod, local"):
        stage_named("staging")


def test_one_rule_cannot_take_events_of_two_sources() -> None:
    with pytest.raises(ValueError, match="one source"):
        pattern_of(AlertRaised, BmsCommandRequested)
