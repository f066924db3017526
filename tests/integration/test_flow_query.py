"""`headcount query` against the deployed stack's lake."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headcount.events import BmsCommandAcknowledged
from tests.integration.deployed_stage import DeployedStage, eventually

HEADCOUNT = Path(sys.executable).with_name("headcount")
Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def query(deployed: DeployedStage) -> Ask:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(HEADCOUNT), "query", *arguments, "--stage", "local"],
            env={**os.environ, **deployed.aws.environment()},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_without_a_name_the_queries_are_listed(query: Ask) -> None:
    listed = query()

    assert listed.returncode == 0, listed.stderr
    assert {"faces_by_camera", "people_by_room_and_hour", "why"} <= set(listed.stdout.split())


def test_a_query_answers_in_json(deployed: DeployedStage, query: Ask) -> None:
    room = deployed.room("queried")
    with deployed.building():
        room.show(people=3)
        room.await_heard(BmsCommandAcknowledged)

    def answered() -> list[dict[str, object]]:
        finished = query("faces_by_camera", "--json")
        assert finished.returncode == 0, finished.stderr
        return [row for row in json.loads(finished.stdout)["rows"] if row["site_id"] == "queried"]

    (row,) = eventually(answered)
    assert (row["camera_id"], row["frames_sampled"], row["faces_median"]) == ("door", 1, 3)


def test_an_unknown_query_is_refused_with_those_that_there_are(query: Ask) -> None:
    refused = query("faces")

    assert refused.returncode == 2
    assert "There is no query 'faces'" in refused.stderr
    assert "faces_by_camera" in refused.stderr
