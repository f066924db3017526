"""What goes wrong on the deployed stack stays small, and is found in the dead letters."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    FramesCounted,
    RoomOccupancyChanged,
)
from headcount.media.mkv import Cluster
from tests.integration.deployed_stage import (
    QUICK_POLICY,
    DeployedStage,
    WatchedRoom,
    eventually,
)
from tests.integration.inbox import Inbox

HEADCOUNT = Path(sys.executable).with_name("headcount")
GROUPS = 2
ATTEMPTS = 2


@pytest.fixture(scope="module", autouse=True)
def changed(deployed: DeployedStage) -> WatchedRoom:
    """A room whose policy has been changed.

    Made before any test: functions remember a policy for half a minute.
    """
    room = deployed.room("changed", QUICK_POLICY)
    generous = "{hold_off_s: 1, bands: [{people: 1, levels: {ac: 2, lights: 3}}]}"
    document = deployed.document("changed", generous)
    with deployed.building():
        # One face in one frame is not yet a person.
        room.show(people=1, seconds=2)
        room.await_heard(BmsCommandAcknowledged, GROUPS)
    subprocess.run(
        [str(HEADCOUNT), "site", "apply", str(document), "--stage", "local"],
        env={**os.environ, **deployed.aws.environment()},
        check=True,
    )
    return room


def test_the_same_notice_delivered_twice_has_one_effect(deployed: DeployedStage) -> None:
    sns, topic = deployed.aws.client("sns"), deployed.deployment.fragment_notice_topic_arn
    notices = Inbox(deployed.aws.client("sqs"), "notices-heard-twice")
    notices.subscribe(sns, topic)
    room = deployed.room("twice")
    with deployed.building():
        room.show(people=2)
        (notice,) = notices.take(1)
        room.await_heard(BmsCommandRequested, GROUPS)
        deployed.settle()

        sns.publish(TopicArn=topic, Message=notice["Message"])
        notices.take(1)
        deployed.settle()

    assert len(room.heard(FramesCounted)) == 1
    assert len(room.heard(RoomOccupancyChanged)) == 1
    assert len(room.received()) == GROUPS


def test_a_corrupt_fragment_ends_in_the_dead_letters_and_its_neighbours_are_counted(
    deployed: DeployedStage,
) -> None:
    room = deployed.room("corrupt")
    good, bad, last = room.film(people=1, seconds=3)

    with deployed.building(), deployed.impatient(deployed.deployment.sample_queue_url):
        numbers = room.put([good, _garbled(bad), last])
        room.await_heard(FramesCounted, 2)
        (letter,) = eventually(deployed.take_dead_letters)

    counted = {frame.fragment_number for frame in room.heard(FramesCounted)}
    assert counted == {numbers[0], numbers[2]}
    assert json.loads(json.loads(letter)["Message"])["FragmentNumber"] == numbers[1]


def test_a_malformed_event_of_a_bms_ends_in_the_dead_letters(deployed: DeployedStage) -> None:
    malformed = {"site_id": "malformed", "device_group": "lights", "level": "high"}

    with deployed.impatient(deployed.deployment.decide_queue_url):
        deployed.put_event("bms.malformed", "BmsCommandAcknowledged.v1", json.dumps(malformed))
        (letter,) = eventually(deployed.take_dead_letters)

    assert json.loads(letter)["detail"] == malformed


@pytest.fixture(scope="module")
def unanswered(deployed: DeployedStage) -> WatchedRoom:
    """A room whose BMS does not read its commands until it is too late."""
    policy = f"{{hold_off_s: 1, ack_timeout_s: 1, max_attempts: {ATTEMPTS}}}"
    room = deployed.room("unanswered", policy)
    room.show(people=1, seconds=2)
    room.await_heard(AlertRaised, GROUPS)
    return room


def test_an_unacknowledged_command_is_repeated_under_the_same_key(unanswered: WatchedRoom) -> None:
    asked = [one for one in unanswered.heard(BmsCommandRequested) if one.device_group == "lights"]

    assert [one.attempt for one in asked] == list(range(1, ATTEMPTS + 1))
    assert len({one.idempotency_key for one in asked}) == 1
    assert len({one.id for one in asked}) == ATTEMPTS


def test_a_command_that_stays_unacknowledged_raises_one_alert_a_group(
    unanswered: WatchedRoom,
) -> None:
    alerts = unanswered.heard(AlertRaised)

    assert [one.kind for one in alerts] == ["command_unacknowledged"] * GROUPS
    assert {one.device_group for one in alerts} == {"ac", "lights"}


def test_a_late_acknowledgement_clears_the_alert(
    deployed: DeployedStage, unanswered: WatchedRoom
) -> None:
    with deployed.building():
        cleared = unanswered.await_heard(AlertCleared, GROUPS)

    assert {one.kind for one in cleared} == {"command_unacknowledged"}


def test_a_policy_changed_by_site_apply_takes_effect_without_a_deploy(
    deployed: DeployedStage, changed: WatchedRoom
) -> None:
    before = changed.heard(BmsCommandRequested)[:GROUPS]
    version = before[0].policy_version
    with deployed.building():
        # A tick may have been faster: then the new policy has already been acted upon.
        changed.show(people=2)
        after = eventually(
            lambda: told if len(told := _told_by_another(changed, version)) == GROUPS else {}
        )

    assert {one.device_group: one.level for one in before} == {"ac": 1, "lights": 2}
    assert after == {"ac": 2, "lights": 3}


def _garbled(cluster: Cluster) -> Cluster:
    """Return a cluster whose frames are there and cannot be decoded."""
    return replace(
        cluster,
        frames=tuple(replace(frame, data=b"\x00" * len(frame.data)) for frame in cluster.frames),
    )


def _told_by_another(room: WatchedRoom, version: str) -> dict[str, int]:
    """Return what each device group was told by another version of the policy."""
    return {
        one.device_group: one.level
        for one in room.heard(BmsCommandRequested)
        if one.policy_version != version
    }
