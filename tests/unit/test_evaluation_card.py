import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.frozen_world import BRIGHT, Scene, painted, sees_both, sees_bright, usual_scenes
from training.catalogue import Catalogue
from training.evaluation.card import as_markdown, model_card, write_card
from training.evaluation.comparison import Comparison, compare
from training.evaluation.fairness import measure_fairness
from training.evaluation.frozen import frozen_sets
from training.evaluation.gate import gate
from training.manifest import Manifest, Origin, Split

WRITTEN_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Comparison]:
    folder = tmp_path_factory.mktemp("card")
    learnt = [Scene(Split.TRAIN, [BRIGHT] * 3, origin=Origin.MODEL, camera_id="attic")] * 2
    manifest = painted(folder, [*usual_scenes(), *learnt])
    compared = compare(sees_bright(folder), sees_both(folder), frozen_sets(manifest), resamples=200)
    return manifest, compared


def test_the_card_names_all_data_by_hash(world: tuple[Manifest, Comparison]) -> None:
    manifest, compared = world

    card = model_card(compared, gate(compared), manifest, WRITTEN_AT)

    assert card["evaluation_data"]["manifest_sha256"] == manifest.sha256
    assert {split: one["sha256"] for split, one in card["evaluation_data"]["sets"].items()} == (
        compared.sets
    )
    assert card["training_data"]["train"] == {
        "frames": 2,
        "faces": 6,
        "scenes": 2,
        "cameras": 1,
        "labelled_by": {"model": 2},
        "captured": None,
    }


def test_the_card_says_what_it_replaces_and_how_to_return_to_it(
    world: tuple[Manifest, Comparison],
) -> None:
    manifest, compared = world

    card = model_card(compared, gate(compared), manifest, WRITTEN_AT)

    assert card["model_details"]["sha256"] == compared.challenger.sha256
    assert card["rollback"]["to"]["sha256"] == compared.champion.sha256
    assert compared.champion.sha256 in card["rollback"]["how"]


def test_the_card_of_weights_from_elsewhere_says_their_licence(
    world: tuple[Manifest, Comparison],
) -> None:
    manifest, compared = world
    yunet = Catalogue.read().entry("yunet-n")

    card = model_card(compared, gate(compared), manifest, WRITTEN_AT, yunet)

    assert card["licence"]["weights"] == "Apache-2.0"
    assert "WIDER FACE" in card["licence"]["trained_on"]
    assert "WIDER FACE" in card["licence"]["about"]


def test_the_card_for_people_has_every_section_slice_and_reason(
    world: tuple[Manifest, Comparison],
) -> None:
    manifest, compared = world
    verdict = gate(compared)

    text = as_markdown(
        model_card(compared, verdict, manifest, WRITTEN_AT, fairness=measure_fairness(compared))
    )

    for heading in (
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Figures by slice",
        "Ethical considerations",
        "Caveats",
        "Licence",
        "How to roll back",
    ):
        assert f"\n## {heading}\n" in text
    for one in compared.slices:
        assert f"| {one.name} |" in text
    for reason in verdict.reasons:
        assert reason.words in text
    assert "Gender, age and ethnicity are not measured" in text
    assert "None" not in text


def test_the_card_is_written_for_people_and_for_programs(
    world: tuple[Manifest, Comparison], tmp_path: Path
) -> None:
    manifest, compared = world
    card = model_card(compared, gate(compared), manifest, WRITTEN_AT)

    write_card(tmp_path / "cards/challenger.md", card)

    assert json.loads((tmp_path / "cards/challenger.json").read_text()) == card
    assert (tmp_path / "cards/challenger.md").read_text() == as_markdown(card)
