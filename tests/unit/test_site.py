"""Site documents as the functions and commands use them."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from headcount.domain.policy import Policy
from headcount.errors import SiteError
from headcount.site import CameraConfig, RoomConfig, Site
from headcount.site_hours import OpenSpan
from ops.site_reading import examine_site, read_site

EXAMPLE = Path(__file__).parents[2] / "sites/example.yaml"


@pytest.fixture
def example() -> Site:
    return read_site(EXAMPLE)


def test_a_room_without_a_policy_has_the_default_one() -> None:
    site = Site.model_validate(
        {
            "id": "hq",
            "time_zone": "UTC",
            "rooms": [{"id": "a", "capacity": 4, "cameras": [{"id": "a-1"}]}],
        }
    )

    assert site.room("a").policy == Policy()


def test_the_default_bands_are_one_and_two_then_two_and_four() -> None:
    policy = Policy()

    levels = {
        people: (policy.level("ac", people), policy.level("lights", people))
        for people in (0, 1, 4, 5, 10)
    }

    assert levels == {0: (0, 0), 1: (1, 2), 4: (1, 2), 5: (2, 4), 10: (2, 4)}


def test_a_room_gets_the_shared_policy_it_names(example: Site) -> None:
    assert example.room("open-plan").policy == example.policies["office"]


def test_the_example_waits_at_most_twenty_minutes_before_it_switches_off(example: Site) -> None:
    assert max(room.policy.hold_off_s for room in example.room_configs) <= 20 * 60


def test_a_room_survives_being_stored(example: Site) -> None:
    for room in example.room_configs:
        assert RoomConfig.model_validate_json(room.model_dump_json()) == room


def test_every_room_of_the_example_is_one_the_domain_accepts(example: Site) -> None:
    rooms = [room.as_room(example.id) for room in example.room_configs]

    assert [room.room_id for room in rooms] == ["open-plan", "boardroom", "canteen", "server-room"]


def test_a_comment_does_not_change_the_version(example: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(f"# a comment\n{EXAMPLE.read_text()}")

    assert read_site(other).version == example.version


def test_the_policy_version_changes_with_the_policy_and_not_with_the_camera(example: Site) -> None:
    room = example.room("boardroom")

    moved = room.model_copy(update={"cameras": example.room("canteen").cameras})
    patient = room.model_copy(update={"policy": Policy(hold_off_s=1)})

    assert moved.policy_version == room.policy_version
    assert patient.policy_version != room.policy_version


def test_opening_hours_may_end_at_midnight() -> None:
    span = OpenSpan.parse("8:00-24:00")

    assert (span.opens_min, span.closes_min) == (480, 1440)
    assert str(span) == "08:00-24:00"


def test_the_hours_of_a_room_are_read_by_the_clock_of_the_site(example: Site) -> None:
    hours = example.room("open-plan").as_room(example.id).hours
    in_berlin = ZoneInfo("Europe/Berlin")

    assert hours is not None
    assert hours.is_open(datetime(2026, 7, 6, 7, tzinfo=in_berlin))
    assert not hours.is_open(datetime(2026, 7, 6, 7, tzinfo=UTC).replace(hour=4, minute=59))
    assert not hours.is_open(datetime(2026, 12, 25, 12, tzinfo=in_berlin))


def test_a_room_without_a_schedule_has_no_hours_for_a_rule_to_ask(example: Site) -> None:
    assert example.room("server-room").as_room(example.id).hours is None


def test_a_capacity_decides_about_alerts_and_so_belongs_to_the_policy_version(
    example: Site,
) -> None:
    room = example.room("boardroom")

    assert room.model_copy(update={"capacity": 13}).policy_version != room.policy_version


def test_what_was_measured_of_a_camera_reaches_the_estimator() -> None:
    config = CameraConfig(id="a", detection_rate=0.7, false_alarm_rate=0.02, overlap=0.25)

    camera = config.as_camera()

    assert (camera.detection_rate, camera.false_alarm_rate, camera.overlap) == (0.7, 0.02, 0.25)


def test_the_example_shows_what_a_device_group_may_say(example: Site) -> None:
    ac, lights = example.room("boardroom").as_room(example.id).devices[:2]
    aired = example.room("open-plan").as_room(example.id).devices[0]

    assert ac.precondition_s > 0
    assert aired.standby_level == 1
    assert lights.device_power_w is not None
    assert str(lights.point) == "bacnet://260013/analog-value,2/present-value"


def test_a_source_without_its_variable_is_an_error(example: Site) -> None:
    camera = example.room("boardroom").cameras[0]

    with pytest.raises(KeyError, match="BOARDROOM_LOGIN"):
        camera.source_with({})


def test_reading_a_faulty_site_raises_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("id: hq\ntime_zone: Nowhere\n")

    with pytest.raises(SiteError) as refused:
        read_site(file)

    assert f"{file}:1: rooms: `rooms` is missing." in str(refused.value)
    assert f"{file}:2: time_zone: there is no time zone 'Nowhere'." in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "rooms: 5",
        "rooms: [5, null, {}]",
        "id: [a]\ntime_zone: {}\nrooms: {a: b}",
        "policies: [1]\nrooms: [{policy: 7, device_groups: {a: 1}, contacts: x, occupancy: 3}]",
        "rooms: [{policy: {bands: [1, {people: x, levels: [1]}], hold_off_s: []}}]",
        "a: &a [*a]",
        "? [x]\n: y",
        "rooms: [{id: a, policy: {bands: {people: 1}, when_empty: no}, cameras: [null]}]",
        "contacts: [[], {id: 7}]\nrooms: [{contacts: [{}, 1]}]",
    ],
)
def test_a_document_of_wrong_types_is_refused_and_not_stumbled_over(
    text: str, tmp_path: Path
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)

    reading = examine_site(file)

    assert reading.site is None
    assert reading.faults
