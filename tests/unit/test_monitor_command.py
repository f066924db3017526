import json
from datetime import date

import pytest

from ops.cli import main
from tests.monitored import footage, hour_of, thinned
from training.monitor.capture_writer import write_capture

pytestmark = pytest.mark.slow


def headcount_monitor(*arguments, capsys):
    """Return the exit code, and what was printed."""
    code = 0
    try:
        main(["monitor", *map(str, arguments)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Ten quiet days at a frame a minute, and then an hour out of focus."""
    folder = tmp_path_factory.mktemp("capture")
    source = footage(cameras=1)
    for day in range(2, 12):
        write_capture(thinned(source.day(date(2026, 3, day)), 12), folder)
    write_capture(hour_of(source, date(2026, 3, 12), 10), folder)
    write_capture(hour_of(source, date(2026, 3, 12), 11, "blurred"), folder)
    return folder


@pytest.fixture(scope="module")
def kept(capture, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    with pytest.raises(SystemExit, match="0"):
        main(["monitor", "baseline", str(capture), "--out", str(folder), *UNTIL])
    return folder


UNTIL = ("--end", "2026-03-12T00:00:00Z")


def test_a_quiet_hour_ends_well_and_one_out_of_focus_ends_with_one(capture, kept, tmp_path, capsys):
    quiet, blurred = (
        headcount_monitor(
            "run", capture, "--against", kept, "--out", tmp_path / f"{hour}",
            "--start", f"2026-03-12T{hour}:00:00Z", "--end", f"2026-03-12T{hour + 1}:00:00Z",
            capsys=capsys,
        )
        for hour in (10, 11)
    )  # fmt: skip

    assert quiet[0] == 0
    assert "nothing is raised" in quiet[1]
    assert blurred[0] == 1
    assert "blur baseline_drift_check" in blurred[1]
    listed = json.loads((tmp_path / "11/constraint_violations.json").read_text())
    assert "blur" in {one["feature_name"] for one in listed["violations"]}


def test_quality_is_told_by_camera_and_by_light(capture, tmp_path, capsys):
    labels = tmp_path / "labels"
    labels.mkdir()
    truth = {
        "groundTruthData": {"data": "2", "encoding": "CSV"},
        "eventMetadata": {"eventId": "inference-20260312100000"},
        "eventVersion": "0",
    }
    (labels / "a.jsonl").write_text(json.dumps(truth))

    code, said = headcount_monitor(
        "quality", capture, "--labels", labels, "--out", tmp_path / "out", capsys=capsys
    )

    assert code == 0
    assert "camera made-up/boardroom" in said
    assert "too few to raise anything" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("baseline", "nowhere", "--out", "out"), "nowhere is not a folder"),
        (("baseline", ".", "--out", "out"), "no frames in the capture: 0 file(s)"),
        (("run", ".", "--against", "nowhere", "--out", "out"), "statistics.json cannot be read"),
        (("baseline", ".", "--out", "out", "--start", "noon"), "start_time is 'noon'"),
        (
            (
                *("baseline", ".", "--out", "out"),
                *("--start", "2026-03-02T09:00:00Z", "--end", "2026-03-02T08:00:00Z"),
            ),
            "is not before end_time",
        ),
        (
            ("baseline", ".", "--out", "out", "--endpoint", "nope"),
            "no folder of the endpoint 'nope'",
        ),
        (("baseline", ".", "--out", "out", "--time-zone", "Mars"), "There is no time zone 'Mars'"),
        (("quality", ".", "--labels", "nowhere", "--out", "out"), "nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_exit_code_two(
    arguments, says, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)

    code, said = headcount_monitor(*arguments, capsys=capsys)

    assert code == 2
    assert says in said
    assert said.startswith("headcount: ")
