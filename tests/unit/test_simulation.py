"""`headcount simulate`, from a file of people to figures, a page and events."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from headcount.events import ALL_EVENTS
from ops.cli import main
from ops.simulation.made_up import made_up_csv
from ops.site_reading import read_site

pytestmark = pytest.mark.slow

SITE = """
id: hq
time_zone: Europe/Berlin
rooms:
  - id: lab
    capacity: 8
    cameras: [{id: door}]
    device_groups:
      - {id: lights, kind: lighting, max_level: 4, device_power_w: 50}
      - {id: ac, kind: air_conditioning, max_level: 2}
    occupancy: {vacancy_confirm_s: 120}
    policy:
      hold_off_s: 300
      bands:
        - {people: 1, levels: {lights: 2, ac: 1}}
        - {people: 5, levels: {lights: 4, ac: 2}}
"""
# A frame every twenty seconds is enough for what is shown here, and four times as fast.
QUICK = ["--set", "sample_every_s=20"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def _csv(path: Path, *people: int, offset: str = "+01:00") -> Path:
    lines = ["timestamp,room_id,people,lighting_kwh"]
    for row, present in enumerate(people):
        hour, minute = divmod(5 * row, 60)
        lines.append(f"2026-03-02T{8 + hour:02d}:{minute:02d}:00{offset},hall,{present},0.01")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def morning(tmp_path) -> Path:
    """Two hours: a meeting of six, half an hour of nobody, one person."""
    return _csv(tmp_path / "people.csv", 0, 0, *[6] * 8, *[0] * 8, *[1] * 4, 0, 0)


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *map(str, arguments)])
    return int(ended.value.code or 0)


def _simulate(site: Path, *arguments: object) -> dict[str, Any]:
    out = site.with_name("out.json")
    assert _run(*arguments, "--site", site, "--room", "lab", "--json", out, *QUICK) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _events(site: Path, *arguments: object) -> list[dict[str, Any]]:
    log = site.with_name("events.jsonl")
    _simulate(site, *arguments, "--events", log)
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_figures_come_by_their_names(site, morning):
    found = _simulate(site, morning)

    assert {
        "false_vacant_min",
        "lit_while_empty_min",
        "switches",
        "switches_naive",
        "switches_naive_observed",
        "reaction_up_s",
        "reaction_down_s",
        "people_mae",
        "interval_coverage_occupied",
        "interval_width_occupied",
        "energy",
    } <= set(found)
    assert {
        "recorded_kwh",
        "counterfactual_kwh",
        "controlled_kwh",
        "avoided_kwh",
        "lighting_empty_kwh",
        "lighting_empty_avoided_kwh",
        "assumptions",
    } <= set(found["energy"])
    assert {"mean", "max"} <= set(found["reaction_up_s"]) & set(found["reaction_down_s"])
    assert found["occupied_min"] == 60


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_run(site, morning):
    out = site.with_name("out.json")
    runs = []
    for seed in (3, 3, 4):
        _simulate(site, morning, "--seed", seed)
        runs.append(out.read_bytes())

    assert runs[0] == runs[1]
    assert json.loads(runs[0])["people_mae"] != json.loads(runs[2])["people_mae"]


def test_an_empty_room_gets_dark_and_who_comes_back_gets_light(site, morning):
    found = _simulate(site, morning)
    told = _events(site, morning)

    levels = [
        event["detail"]["level"]
        for event in told
        if event["detail-type"] == "BmsCommandAcknowledged.v1"
        and event["detail"]["device_group"] == "lights"
    ]
    assert 0 in levels
    assert levels[levels.index(0) :][1] > 0
    assert 2 <= found["reaction_entry_s"]["mean"] <= found["settings"]["reaction_limit_s"]
    assert found["energy"]["lighting_empty_avoided_kwh"] > 0


def test_people_in_the_dark_press_the_switch_and_by_daylight_they_do_not(site, morning):
    def presses(*arguments):
        told = _events(site, morning, *arguments)
        return [event for event in told if event["detail-type"] == "BmsPresenceSensed.v1"]

    assert presses()
    assert not presses("--set", "daylight=1")


def test_a_camera_sees_nobody_in_the_dark_unless_it_has_infrared(site, morning):
    def modes(*arguments):
        told = _events(site, morning, "--set", "false_alarms_per_frame=0", *arguments)
        frames = [e["detail"] for e in told if e["detail-type"] == "FramesCounted.v1"]
        assert not any(frame["faces"] for frame in frames if frame["light_mode"] == "dark")
        return {frame["light_mode"] for frame in frames}

    assert modes() == {"day", "dark"}
    assert modes("--set", "infrared=1") == {"day"}


def test_every_event_of_a_run_is_one_of_ours(site, morning):
    models = {model.detail_type: model for model in ALL_EVENTS}

    told = _events(site, morning)

    for event in told:
        models[event["detail-type"]].model_validate(event["detail"])
    assert {event["source"] for event in told} >= {
        "headcount.perception",
        "headcount.occupancy",
        "headcount.control",
        "bms.hq",
    }
    assert len({event["id"] for event in told}) == len(told)
    assert [event["time"] for event in told] == sorted(event["time"] for event in told)


def test_a_bms_that_never_answers_changes_nothing_and_is_told_of(site, morning):
    found = _simulate(site, morning, "--set", "bms_loss_rate=1")

    assert found["alerts"]["command_unacknowledged"] > 0
    assert found["energy"]["avoided_kwh"] == 0


def test_a_recording_from_elsewhere_keeps_the_time_of_its_own_clocks(site, tmp_path):
    singapore = _csv(tmp_path / "people.csv", 1, 1, offset="+08:00")

    begins = _events(site, singapore)[0]["detail"]["captured_at"]

    # Eight in the morning in Berlin, as it was in Singapore.
    assert datetime.fromisoformat(begins).strftime("%H:%M") == "07:00"


def test_a_recording_in_utc_is_taken_as_it_is(site, tmp_path):
    begins = _events(site, _csv(tmp_path / "p.csv", 1, 1, offset="Z"))[0]["detail"]["captured_at"]

    assert datetime.fromisoformat(begins).strftime("%H:%M") == "08:00"


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sweep")
    site, people = folder / "site.yaml", _csv(folder / "people.csv", *[2] * 6, *[0] * 8)
    site.write_text(SITE)
    page = folder / "page.html"
    swept = ("--sweep", "--html", page, "--set", "sample_every_s=40")
    found: list[dict[str, Any]] = _simulate(site, people, *swept)["sweep"]
    return found


def test_the_sweep_marks_the_sites_own_times_among_others(points):
    own = [point for point in points if point["knob"] == "default"]

    assert [(point["hold_off_s"], point["vacancy_confirm_s"]) for point in own] == [(300, 120)]
    assert {point["hold_off_s"] for point in points} >= {0, 150, 300, 600}
    assert any(point["on_frontier"] for point in points)


def test_a_longer_hold_off_burns_more_light_for_nobody(points):
    lit = {p["hold_off_s"]: p["lit_while_empty_min"] for p in points if p["knob"] == "hold_off_s"}

    assert lit[0] < lit[600]


def test_the_page_is_one_file_that_shows_the_day_and_the_figures(site, morning, tmp_path):
    page = tmp_path / "deep" / "page.html"

    _simulate(site, morning, "--html", page)

    text = page.read_text()
    assert "Mon 2 Mar" in text
    assert "lights 2 of 4" in text
    assert "lighting, kW" in text
    assert not any(outside in text for outside in ("<script", "http://", "https://", "<link"))


def test_a_fresh_clone_has_days_to_run(site):
    found = _simulate(site, "--made-up", 1)

    assert found["occupied_min"] > 60
    assert found["energy"]["lighting_empty_kwh"] > 0


def test_made_up_days_are_the_same_for_the_same_seed_and_nobody_comes_at_the_weekend(site):
    room = read_site(site).room("lab").as_room("hq")

    week, again = (list(made_up_csv(7, room, "Europe/Berlin", 5)) for _ in range(2))

    assert week == again
    weekend = [line for line in week if line.startswith(("2026-03-07", "2026-03-08"))]
    assert len(weekend) == 2 * 288
    assert all(",made-up,0," in line for line in weekend)


def test_made_up_days_follow_the_clock_through_daylight_saving(site):
    room = read_site(site).room("lab").as_room("hq")

    lines = list(made_up_csv(28, room, "Europe/Berlin", 5))

    assert sum(line.startswith("2026-03-29") for line in lines) == 23 * 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--room", "attic", "--made-up", 1], "no room 'attic'.\nIt has: lab."),
        (["--room", "lab"], "neither was given"),
        (["people.csv", "--room", "lab", "--made-up", 1], "both was given"),
        (["none.csv", "--room", "lab"], "none.csv cannot be read"),
        (["--room", "lab", "--made-up", 1, "--set", "outages=3"], "Did you mean outage"),
        (["--room", "lab", "--made-up", 1, "--set", "outage_s=x"], "'x' is no number"),
        (["--room", "lab", "--made-up", 1, "--set", "late_share=2"], "it is a share"),
        (["--room", "lab", "--made-up", 1, "--json", "/proc/x/out.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_remedy(site, arguments, message, capsys):
    code = _run(*arguments, "--site", site)

    assert code == 2
    assert message in capsys.readouterr().err


def test_the_settings_are_listed_with_their_defaults(capsys):
    assert _run("--list-settings") == 0
    assert "detection_rate" in capsys.readouterr().out
