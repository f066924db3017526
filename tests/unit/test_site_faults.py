"""Each fault of a site document is named at its line, with a remedy."""

from pathlib import Path

import pytest

from ops.site_reading import Reading, dotted, examine_site

VALID = """\
id: hq
time_zone: Europe/Berlin
contacts:
  - id: desk
    email: desk@example.com
policies:
  office:
    bands:
      - {people: 1, levels: {ac: 1, lights: 2}}
      - {people: 5, levels: {ac: 2, lights: 4}}
    hold_off_s: 900
rooms:
  - id: board
    capacity: 12
    cameras:
      - id: board-1
        sample_every_s: 5
    device_groups:
      - id: ac
        kind: hvac
        max_level: 2
      - {id: lights, kind: lighting, max_level: 4}
    policy: office
    contacts: [desk]
  - id: lab
    capacity: 8
    cameras:
      - id: lab-1
    device_groups:
      - {id: ac, kind: hvac, max_level: 2}
      - {id: lights, kind: lighting, max_level: 4}
    policy:
      bands:
        - {people: 1, levels: {ac: 1, lights: 2}}
        - {people: 5, levels: {ac: 2, lights: 4}}
      when_empty: tell
      hold_off_s: 600
    occupancy:
      vacancy_confirm_s: 300
    schedule:
      open:
        monday: ["08:00-18:00"]
      holidays: [2026-12-25]
    contacts: [desk]
"""

# What is replaced in VALID, by what, and the faults this must give: (line, path, words).
FAULTS: dict[str, tuple[str, str, list[tuple[int, str, str]]]] = {
    "an unknown key": (
        "    capacity: 12",
        "    capacty: 12",
        [(13, "rooms[0].capacity", "is missing"), (14, "rooms[0].capacty", "mean `capacity`")],
    ),
    "an unknown key of a band": (
        "- {people: 1, levels: {ac: 1, lights: 2}}\n      - {people: 5",
        "- {people: 1, level: {ac: 1, lights: 2}}\n      - {people: 5",
        [
            (9, "policies.office.bands[0].level", "mean `levels`"),
            (9, "policies.office.bands[0].levels", "is missing"),
        ],
    ),
    "an unknown key of a policy": (
        "hold_off_s: 600",
        "holdoff_s: 600",
        [(37, "rooms[1].policy.holdoff_s", "mean `hold_off_s`")],
    ),
    "an unknown time zone": (
        "Europe/Berlin",
        "Europe/Bonn",
        [(2, "time_zone", "no time zone 'Europe/Bonn'")],
    ),
    "a bad site id": ("id: hq", "id: HQ Berlin", [(1, "id", "Use 1 to 60")]),
    "a room id given twice": (
        "  - id: lab\n",
        "  - id: board\n",
        [(25, "rooms[1].id", "taken by rooms.0")],
    ),
    "a camera id given twice in the site": (
        "id: lab-1",
        "id: board-1",
        [(28, "rooms[1].cameras[0].id", "taken by")],
    ),
    "a device group given twice": (
        "- {id: lights, kind: lighting, max_level: 4}\n    policy: office",
        "- {id: ac, kind: hvac, max_level: 4}\n    policy: office",
        [
            (22, "rooms[0].device_groups[1].id", "taken by"),
            (23, "rooms[0].policy", "'lights', which the room does not have"),
        ],
    ),
    "a band that names an unknown device group": (
        "- {people: 1, levels: {ac: 1, lights: 2}}\n        - {people: 5, levels: {ac: 2",
        "- {people: 1, levels: {ac: 1, lights: 2}}\n        - {people: 5, levels: {ad: 1, ac: 2",
        [(35, "rooms[1].policy.bands[1].levels.ad", "Did you mean 'ac'?")],
    ),
    "a level above what the group has": (
        "        - {people: 5, levels: {ac: 2, lights: 4}}\n      when_empty",
        "        - {people: 5, levels: {ac: 2, lights: 5}}\n      when_empty",
        [(35, "rooms[1].policy.bands[1].levels.lights", "Lower the level to 4")],
    ),
    "a shared policy that is too much for a room": (
        "        max_level: 2\n",
        "        max_level: 1\n",
        [(23, "rooms[0].policy", "runs 2 of 'ac', which has 1")],
    ),
    "bands that do not start from 1": (
        "        - {people: 1, levels: {ac: 1",
        "        - {people: 3, levels: {ac: 1",
        [(34, "rooms[1].policy.bands[0].people", "Let a band start from 1")],
    ),
    "bands that overlap": (
        "        - {people: 5, levels: {ac: 2, lights: 4}}\n      when_empty",
        "        - {people: 1, levels: {ac: 2, lights: 4}}\n      when_empty",
        [(35, "rooms[1].policy.bands[1].people", "two bands start from 1")],
    ),
    "a band above the room's capacity": (
        "        - {people: 5, levels: {ac: 2, lights: 4}}\n      when_empty",
        "        - {people: 9, levels: {ac: 2, lights: 4}}\n      when_empty",
        [(35, "rooms[1].policy.bands[1].people", "capacity is 8")],
    ),
    "more people and less light": (
        "        - {people: 5, levels: {ac: 2, lights: 4}}\n      when_empty",
        "        - {people: 5, levels: {ac: 2, lights: 1}}\n      when_empty",
        [(35, "rooms[1].policy.bands[1].levels.lights", "More people never need less")],
    ),
    "no bands": (
        VALID[VALID.index("      bands:\n        - {") : VALID.index("      when_empty")],
        "      bands: []\n",
        [(33, "rooms[1].policy.bands", "nothing would ever run")],
    ),
    "negative seconds": (
        "vacancy_confirm_s: 300",
        "vacancy_confirm_s: -1",
        [(39, "rooms[1].occupancy.vacancy_confirm_s", "-1 seconds")],
    ),
    "no seconds where some are needed": (
        "vacancy_confirm_s: 300",
        "vacancy_confirm_s: 0",
        [(39, "rooms[1].occupancy.vacancy_confirm_s", "above 0")],
    ),
    "attempts that outlive their command": (
        "hold_off_s: 900",
        "ack_timeout_s: 900",
        [(11, "policies.office.ack_timeout_s", "outlive")],
    ),
    "a device group without devices": (
        "        max_level: 2\n",
        "        max_level: 0\n",
        [(21, "rooms[0].device_groups[0].max_level", "Say how many")],
    ),
    "a shared policy that does not exist": (
        "policy: office",
        "policy: offices",
        [(23, "rooms[0].policy", "Did you mean 'office'?")],
    ),
    "an unknown contact": (
        "    contacts: [desk]\n  - id: lab",
        "    contacts: [deks]\n  - id: lab",
        [(24, "rooms[0].contacts[0]", "Did you mean 'desk'?")],
    ),
    "an empty room that tells nobody": (
        "      holidays: [2026-12-25]\n    contacts: [desk]\n",
        "      holidays: [2026-12-25]\n",
        [(36, "rooms[1].policy.when_empty", "nobody to tell")],
    ),
    "a bad e-mail address": (
        "desk@example.com",
        "desk@example",
        [(5, "contacts[0].email", "name@example.com")],
    ),
    "a bad phone number": (
        "email: desk@example.com",
        'phone: "030 123456"',
        [(5, "contacts[0].phone", "E.164")],
    ),
    "a phone number that YAML reads as a number": (
        "email: desk@example.com",
        "phone: +4930123456",
        [(5, "contacts[0].phone", "needs quotes")],
    ),
    "a contact that cannot be reached": (
        "email: desk@example.com",
        "name: Desk",
        [(4, "contacts[0]", "neither `email` nor `phone`")],
    ),
    "opening hours that end before they start": (
        '"08:00-18:00"',
        '"18:00-08:00"',
        [(42, "rooms[1].schedule.open.monday[0]", "until 24:00")],
    ),
    "opening hours that overlap": (
        '"08:00-18:00"',
        '"08:00-12:00", "11:00-18:00"',
        [(42, "rooms[1].schedule.open.monday", "overlap")],
    ),
    "opening hours that are none": (
        '"08:00-18:00"',
        '"8 to 6"',
        [(42, "rooms[1].schedule.open.monday[0]", "no span")],
    ),
    "a day that is none": (
        "        monday:",
        "        munday:",
        [(42, "rooms[1].schedule.open.munday", "'monday'")],
    ),
    "a holiday that is no date": (
        "[2026-12-25]",
        "[2026-13-25]",
        [(43, "rooms[1].schedule.holidays[0]", "2026-12-24")],
    ),
    "a password in a source": (
        "      - id: lab-1\n",
        "      - id: lab-1\n        source: rtsp://admin:secret@10.0.0.4/stream\n",
        [(29, "rooms[1].cameras[0].source", "carries a login")],
    ),
    "a password in a source's query": (
        "      - id: lab-1\n",
        "      - id: lab-1\n        source: http://10.0.0.4/video?user=admin&pwd=secret\n",
        [(29, "rooms[1].cameras[0].source", "carries a login")],
    ),
    "frames more often than fragments": (
        "sample_every_s: 5",
        "sample_every_s: 1",
        [(17, "rooms[0].cameras[0].sample_every_s", "fragments of 2 s")],
    ),
    "a camera that always counts as blind": (
        "sample_every_s: 5",
        "sample_every_s: 90",
        [(17, "rooms[0].cameras[0].sample_every_s", "counts as blind after 60 s")],
    ),
    "a steady room that goes stale": (
        "hold_off_s: 600",
        "occupancy_stale_s: 300",
        [(37, "rooms[1].policy.occupancy_stale_s", "heartbeat_s")],
    ),
    "a number that is none": (
        "capacity: 12",
        "capacity: twelve",
        [(14, "rooms[0].capacity", "be a whole number")],
    ),
    "a mapping where a list belongs": (
        "    cameras:\n      - id: lab-1\n",
        "    cameras:\n      id: lab-1\n",
        [(27, "rooms[1].cameras", "be a list")],
    ),
    "an unknown room switched off at close that never closes": (
        "hold_off_s: 900",
        'unknown_at_close: "off"',
        [(23, "rooms[0].policy", "Give it a schedule with opening hours")],
    ),
    "switching off at close what is never switched off": (
        "hold_off_s: 600",
        "unknown_at_close: off",
        [(36, "rooms[1].policy.when_empty", "Write keep or tell for unknown_at_close")],
    ),
    "standby without opening hours": (
        "        max_level: 2\n",
        "        max_level: 2\n        standby_level: 1\n",
        [(22, "rooms[0].device_groups[0].standby_level", "has no opening hours")],
    ),
    "standby in a room that is never lowered": (
        "      - {id: ac, kind: hvac, max_level: 2}\n",
        "      - {id: ac, kind: hvac, max_level: 2, standby_level: 1}\n",
        [(30, "rooms[1].device_groups[0].standby_level", "Delete standby_level")],
    ),
    "a machine that may rest when a booking starts": (
        "        max_level: 2\n",
        "        max_level: 2\n        precondition_s: 60\n        min_rest_s: 300\n",
        [(22, "rooms[0].device_groups[0].precondition_s", "Raise precondition_s")],
    ),
    "too little switching to come down again": (
        "        max_level: 2\n",
        "        max_level: 2\n        max_switches_per_hour: 2\n",
        [(22, "rooms[0].device_groups[0].max_switches_per_hour", "Allow 3 or more")],
    ),
    "a BACnet object that takes no command": (
        "        max_level: 2\n",
        "        max_level: 2\n        point:\n          bacnet: {device: 1, object: 'file,1'}\n",
        [(23, "rooms[0].device_groups[0].point.bacnet", "takes no command")],
    ),
    "an unknown key of a point": (
        "        max_level: 2\n",
        "        max_level: 2\n        point: {brick: Lighting_Zone, entity: x}\n",
        [(22, "rooms[0].device_groups[0].point.brick", "Did you mean `brick_class`?")],
    ),
    "a meter to act upon that has nothing to be held against": (
        "hold_off_s: 900",
        "when_excess: command",
        [(23, "rooms[0].policy", "Add device_power_w to a group")],
    ),
    "an empty room switched off before its cameras look again": (
        "hold_off_s: 600",
        "hold_off_s: 2",
        [(37, "rooms[1].policy.hold_off_s", "Raise hold_off_s to 5")],
    ),
    "a dry run that is neither": (
        "hold_off_s: 600",
        "dry_run: perhaps",
        [(37, "rooms[1].policy.dry_run", "Write true or false")],
    ),
    "a camera that finds more than there is": (
        "      - id: lab-1\n",
        "      - id: lab-1\n        detection_rate: 2\n",
        [(29, "rooms[1].cameras[0].detection_rate", "at most 1")],
    ),
    "frames kept more often than a site may": (
        "time_zone: Europe/Berlin\n",
        "time_zone: Europe/Berlin\nkept_frames: {every_s: 30, expire_days: 91}\n",
        [
            (3, "kept_frames.every_s", "Write 60 (a minute) to 86400 (a day)"),
            (3, "kept_frames.expire_days", "Write 1 to 90"),
        ],
    ),
    "frames of a camera kept for no day": (
        "      - id: lab-1\n",
        "      - id: lab-1\n        kept_frames: {expire_days: 0}\n",
        [(29, "rooms[1].cameras[0].kept_frames.expire_days", "expire_days is 0")],
    ),
    "a misspelt setting of kept frames": (
        "time_zone: Europe/Berlin\n",
        "time_zone: Europe/Berlin\nkept_frames: {expires_days: 7}\n",
        [(3, "kept_frames.expires_days", "mean `expire_days`")],
    ),
    "a camera that may mean yes or no to kept frames": (
        "      - id: lab-1\n",
        "      - id: lab-1\n        kept_frames:\n",
        [(29, "rooms[1].cameras[0].kept_frames", "Write {allowed: false}")],
    ),
    "kept frames that are uncertain and neither true nor false": (
        "time_zone: Europe/Berlin\n",
        "time_zone: Europe/Berlin\nkept_frames: {uncertain: perhaps}\n",
        [(3, "kept_frames.uncertain", "Write true or false")],
    ),
    "a key given twice": (
        "capacity: 12",
        "capacity: 12\n    capacity: 13",
        [(15, "rooms[0].capacity", "given twice, first in line 14")],
    ),
}


def examine(tmp_path: Path, text: str | bytes) -> Reading:
    file = tmp_path / "site.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return examine_site(file)


def test_a_valid_document_has_no_faults(tmp_path: Path) -> None:
    reading = examine(tmp_path, VALID)

    assert list(reading.lines()) == []
    assert reading.site is not None


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_at_its_line_with_a_remedy(name: str, tmp_path: Path) -> None:
    before, after, expected = FAULTS[name]
    assert VALID.count(before) == 1

    reading = examine(tmp_path, VALID.replace(before, after))

    found = [(f.line, dotted(f.path), f"{f.what} {f.remedy}") for f in reading.faults]
    assert [(line, path) for line, path, _ in found] == [(line, path) for line, path, _ in expected]
    for (_, _, said), (_, _, words) in zip(found, expected, strict=True):
        assert words in said


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    text = VALID
    names = (
        "an unknown time zone",
        "a bad e-mail address",
        "attempts that outlive their command",
        "a number that is none",
        "a level above what the group has",
        "negative seconds",
        "opening hours that are none",
    )
    for name in names:
        before, after, _ = FAULTS[name]
        text = text.replace(before, after)

    reading = examine(tmp_path, text)

    assert [fault.line for fault in reading.faults] == [2, 5, 11, 14, 35, 39, 42]


def test_two_faults_of_one_policy_are_both_named(tmp_path: Path) -> None:
    reading = examine(
        tmp_path, VALID.replace("hold_off_s: 600", "occupancy_stale_s: 0\n      max_attempts: 0")
    )

    assert [fault.line for fault in reading.faults] == [37, 38]


def test_a_room_may_be_run_dry(tmp_path: Path) -> None:
    reading = examine(tmp_path, VALID.replace("hold_off_s: 600", "dry_run: true"))

    assert list(reading.lines()) == []
    assert reading.site is not None
    assert reading.site.room("lab").policy.dry_run is True


def test_what_contradicts_in_a_room_is_named_beside_a_misspelt_key(tmp_path: Path) -> None:
    text = VALID.replace("    capacity: 12", "    capacty: 12")

    reading = examine(
        tmp_path, text.replace("max_level: 2\n", "max_level: 2\n        standby_level: 2\n", 1)
    )

    assert [fault.line for fault in reading.faults] == [13, 14, 22, 22]


def test_a_password_is_not_repeated_in_its_fault(tmp_path: Path) -> None:
    before, after, _ = FAULTS["a password in a source"]

    reading = examine(tmp_path, VALID.replace(before, after))

    assert "secret" not in "\n".join(reading.lines())


def test_a_placeholder_for_the_login_is_accepted(tmp_path: Path) -> None:
    text = VALID.replace(
        "      - id: lab-1\n", "      - id: lab-1\n        source: rtsp://${LAB_LOGIN}@10.0.0.4/s\n"
    )

    reading = examine(tmp_path, text)

    assert reading.site is not None
    camera = reading.site.room("lab").cameras[0]
    assert camera.source_with({"LAB_LOGIN": "admin:secret"}) == "rtsp://admin:secret@10.0.0.4/s"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ("- id: hq\n", 1, "a site is a mapping, and this is a list"),
        ("just words\n", 1, "a piece of text"),
        ("id: hq\nrooms:\n\t- id: a\n", 3, "indented with a tab"),
        ("id: hq\nrooms: [a\nname: b\n", 3, "not YAML"),
        ("id: 'hq\n", 2, "it began in line 1"),
        ("id: hq\n---\nid: b\n", 2, "not YAML"),
        ("id: *nothing\n", 1, "undefined alias"),
        (b"id: hq\nname: caf\xe9\n", 2, "byte 0xe9 is not UTF-8"),
        ("id: hq\nname: \x07\n", 2, "control character"),
    ],
)
def test_a_file_that_cannot_be_read_gives_one_message_with_its_line(
    text: str | bytes, line: int, words: str, tmp_path: Path
) -> None:
    reading = examine(tmp_path, text)

    (fault,) = reading.faults
    assert fault.line == line
    assert words in fault.what


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (line,) = examine_site(tmp_path / "none.yaml").lines()

    assert line.endswith("none.yaml:1: there is no such file. Remedy: Check the path.")


@pytest.mark.parametrize("name", ["example.yaml", "demo.yaml"])
def test_the_sites_that_come_with_headcount_are_valid(name: str) -> None:
    reading = examine_site(Path(__file__).parents[2] / "sites" / name)

    assert list(reading.lines()) == []
