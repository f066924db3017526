"""`headcount camera calibrate` reads labels, says the rates, and writes them where they belong."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from headcount.errors import HeadcountError, ModelError, SiteError
from ops.camera import count_faces, read_counts
from ops.cli import main
from ops.site_reading import read_site
from ops.site_writing import write_camera_values
from training.calibration import LabelledFrame
from training.labels import LabelledImage
from training.serving.detector import Detections, InputSize
from training.serving.endpoint import ModelCard, ServedModel

RATES = {"detection_rate": 0.72, "false_alarm_rate": 0.015}
SITE = """\
# Our site.
id: hq
time_zone: Europe/Berlin
rooms:
  - id: lab
    capacity: 8
    cameras:
      - id: door    # above the door
        source: door.mp4
      - {id: window, detection_rate: 0.5}   # it looks at the street
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """Return a CSV in which seven of ten faces are counted, and one of fifty frames is wrong."""
    file = tmp_path / "counts.csv"
    peopled = ["2,1", "2,2", "1,0", "3,2", "2,2"] * 12
    empty = ["0,0"] * 49 + ["0,1"]
    file.write_text("\n".join(["people,faces", *peopled, *empty]) + "\n")
    return file


def calibrate(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["camera", "calibrate", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_rates_are_said_as_lines_for_the_camera(
    site: Path, counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    code = calibrate(counts, "--camera", "door", "--site", site, "--json", out)
    said = capsys.readouterr().out
    found = json.loads(out.read_text())

    assert code == 0
    assert found["frames"] == 110
    assert f"        detection_rate: {found['detection_rate']['value']}\n" in said
    assert "        false_alarm_rate: 0.03\n" in said
    assert site.read_text() == SITE


def test_written_rates_leave_the_rest_of_the_file_as_it_was(
    site: Path, counts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = calibrate(counts, "--camera", "door", "--site", site, "--write")
    lines = site.read_text().splitlines()
    added = [line for line in lines if line not in SITE.splitlines()]

    assert code == 0
    assert [line.split(":")[0] for line in added] == [
        "        detection_rate",
        "        false_alarm_rate",
    ]
    assert [line for line in lines if line not in added] == SITE.splitlines()
    assert read_site(site).rooms[0].cameras[0].false_alarm_rate == 0.03


def test_a_rate_that_is_there_is_replaced_also_in_one_line(site: Path) -> None:
    write_camera_values(site, "window", RATES)

    assert site.read_text() == SITE.replace(
        "{id: window, detection_rate: 0.5}",
        "{id: window, false_alarm_rate: 0.015, detection_rate: 0.72}",
    )


def test_line_endings_and_rights_stay_as_they_were(site: Path) -> None:
    site.write_bytes(SITE.replace("\n", "\r\n").encode())
    site.chmod(0o640)
    write_camera_values(site, "door", RATES)

    assert site.read_bytes().count(b"\n") == site.read_bytes().count(b"\r\n")
    assert site.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in site.parent.iterdir()] == [site.name]


def test_a_file_that_would_be_at_fault_is_left_as_it_was(site: Path) -> None:
    with pytest.raises(SiteError, match="detection_rate"):
        write_camera_values(site, "door", {"detection_rate": 1.5})

    assert site.read_text() == SITE
    assert [entry.name for entry in site.parent.iterdir()] == [site.name]


def test_a_camera_that_shares_its_lines_with_another_is_left_to_people(site: Path) -> None:
    shared = SITE.replace("- id: door ", "- &door\n        id: door ").replace(
        "{id: window, detection_rate: 0.5}", "{<<: *door, id: window}"
    )
    site.write_text(shared)

    with pytest.raises(SiteError, match="by hand"):
        write_camera_values(site, "door", RATES)
    assert site.read_text() == shared


def test_an_unknown_camera_is_refused_before_anything_is_counted(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = calibrate("no-such.csv", "--camera", "dor", "--site", site)

    assert code == 2
    assert "It has door, window." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("people,count\n1,1\n", "has no column faces"),
        ("people,faces\n1,1\n2,x\n", "counts.csv:3: people is '2' and faces is 'x'"),
        ("people,faces\n1\n", "counts.csv:2: people is '1' and faces is ''"),
        ("people,faces\n1,-1\n", "0 or more"),
    ],
)
def test_counts_that_cannot_be_read_are_refused_with_their_line(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(content)

    with pytest.raises(ModelError, match=complaint):
        read_counts(file)


def test_counts_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadcountError, match="Name a CSV file"):
        read_counts(tmp_path / "none.csv")


def test_pictures_without_a_folder_are_refused(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = calibrate("labels.json", "--camera", "door", "--site", site)

    assert code == 2
    assert "--images" in capsys.readouterr().err


class FakeNetwork:
    """Sees one face in every picture."""

    def detect(self, picture: Any, min_score: float) -> Detections:
        return Detections(np.array([[0, 0, 0.5, 0.5]], np.float32), np.array([0.8], np.float32))


def test_pictures_are_counted_as_the_endpoint_counts_them(tmp_path: Path) -> None:
    served = ServedModel(
        ModelCard("fake", "1", "f" * 64, 0.5, InputSize(64, 64), 1),
        FakeNetwork(),
    )
    picture = tmp_path / "one.png"
    cv2.imwrite(str(picture), np.zeros((64, 64, 3), np.uint8))
    faces = np.array([[0.0, 0, 32, 32], [40, 40, 9, 9]])
    image = LabelledImage(1, picture, None, faces, np.empty((0, 4)))

    assert count_faces([image], served) == [LabelledFrame(people=2, counted=1)]
