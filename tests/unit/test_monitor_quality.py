import base64
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from headcount.errors import MonitorError
from tests.monitored import MODEL
from training.manifest import Frame, Origin, write_manifest
from training.monitor.corrections import read_corrections
from training.monitor.quality import FEWEST_JUDGED, judge

START = datetime(2026, 4, 8, 8, tzinfo=UTC)
FACE = [0.1, 0.1, 0.2, 0.2]
ELSEWHERE = [0.7, 0.7, 0.2, 0.2]


def face(box, score=0.9):
    return {"box": box, "score": score}


def prediction(faces, camera="lobby", light="day", frame_id="f"):
    return {
        "frame_id": frame_id,
        "width": 640,
        "height": 360,
        "count": sum(one["score"] >= MODEL["threshold"] for one in faces),
        "faces": faces,
        "quality": {"brightness": 0.5, "contrast": 0.2, "blur": 100.0},
        "context": {"site_id": "hq", "camera_id": camera, "light_mode": light},
    }


def write_answers(folder, answers):
    """Write batches, by their inference ids, an hour apart."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "answers.jsonl").open("w") as file:
        for number, (inference_id, predictions) in enumerate(answers.items()):
            said = json.dumps({"predictions": predictions, "model": MODEL})
            record = {
                "captureData": {"endpointOutput": {"data": said, "encoding": "JSON"}},
                "eventMetadata": {
                    "eventId": f"event-{number}",
                    "inferenceId": inference_id,
                    "inferenceTime": (START + timedelta(hours=number)).isoformat(),
                },
                "eventVersion": "0",
            }
            file.write(json.dumps(record) + "\n")
    return folder


def write_truth(folder, counts, encoding="CSV"):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": data, "encoding": encoding},
                "eventMetadata": {"eventId": answer_id},
                "eventVersion": "0",
            }
        )
        for answer_id, data in counts.items()
    ]
    (folder / "truth.jsonl").write_text("\n".join(lines))
    return folder


def test_counts_are_joined_by_inference_id_and_compared(tmp_path):
    capture = write_answers(
        tmp_path / "capture",
        {"a": [prediction([face(FACE)])], "b": [prediction([face(FACE), face(ELSEWHERE)])]},
    )
    truth = write_truth(tmp_path / "truth", {"a": "3", "b": "2"})

    quality = judge(capture, read_corrections(truth), tmp_path / "out")

    assert quality.frames["all"] == 2
    assert quality.whole["mae"].value == 1.0
    assert quality.whole["bias"].value == -1.0
    assert quality.whole["mse"].value == 2.0
    assert "missed_share" not in quality.whole, "people counted, and drew no boxes"


def test_boxes_tell_missed_faces_from_false_ones(tmp_path):
    capture = write_answers(
        tmp_path / "capture", {"a": [prediction([face(FACE), face(ELSEWHERE), face(FACE, 0.3)])]}
    )
    drawn = json.dumps({"faces": [FACE, [0.4, 0.4, 0.1, 0.1]]})
    truth = write_truth(tmp_path / "truth", {"a": drawn}, "JSON")

    quality = judge(capture, read_corrections(truth), tmp_path / "out")

    assert quality.whole["mae"].value == 0.0, "one missed and one false cancel in the count"
    assert quality.whole["missed_share"].value == 0.5
    assert quality.whole["false"].value == 1.0


def test_a_reviewed_manifest_corrects_as_well(tmp_path):
    capture = write_answers(tmp_path / "capture", {"a": [prediction([face(FACE)])]})
    reviewed = Frame(
        source="a.jpg",
        width_px=640,
        height_px=360,
        origin=Origin.PEOPLE,
        faces=np.array([[64.0, 36, 128, 72]]),
        camera_id="lobby",
        inference_id="a",
    )
    by_a_model = Frame("b.jpg", 640, 360, origin=Origin.MODEL, inference_id="b")
    write_manifest(tmp_path / "manifest.jsonl", [reviewed, by_a_model])

    corrections = read_corrections(tmp_path / "manifest.jsonl")
    quality = judge(capture, corrections, tmp_path / "out")

    assert len(corrections.known) == 1
    assert quality.whole["missed_share"].value == 0.0
    assert quality.whole["mae"].value == 0.0


def test_a_frame_of_a_batch_is_found_by_its_own_id_or_by_its_camera(tmp_path):
    batch = [
        prediction([face(FACE)], "lobby", frame_id="f1"),
        prediction([], "office", frame_id="f2"),
    ]
    capture = write_answers(tmp_path / "capture", {"a": batch})
    by_camera = json.dumps({"count": 1, "camera": "lobby"})
    truth = write_truth(tmp_path / "truth", {"a/f2": "2", "a": by_camera}, "JSON")

    quality = judge(capture, read_corrections(truth), tmp_path / "out")

    assert quality.slices["camera hq/lobby"]["bias"].value == 0
    assert quality.slices["camera hq/office"]["bias"].value == -2


def test_a_correction_that_might_be_of_two_frames_is_left_out_and_counted(tmp_path):
    batch = [prediction([face(FACE)], frame_id=name) for name in ("f1", "f2")]
    capture = write_answers(tmp_path / "capture", {"a": batch, "b": [prediction([face(FACE)])]})
    truth = write_truth(tmp_path / "truth", {"a": "1", "b": "1", "c": "1", "b/other": "1"})

    quality = judge(capture, read_corrections(truth), tmp_path / "out")

    assert quality.frames["all"] == 1
    assert "1 ambiguous in its batch" in quality.message
    assert "1 no answer in the capture" in quality.message
    assert "1 frame not in its answer" in quality.message


def test_cameras_and_lights_have_figures_of_their_own(tmp_path):
    answers = {
        f"a{number}": [prediction([face(FACE)], "lobby" if number % 2 else "yard", light)]
        for number, light in enumerate(["day", "infrared"] * 10)
    }
    capture = write_answers(tmp_path / "capture", answers)
    counts = {name: "1" if int(name[1:]) % 2 else "2" for name in answers}

    judge(capture, read_corrections(write_truth(tmp_path / "t", counts)), tmp_path / "out")

    said = json.loads((tmp_path / "out/statistics.json").read_text())["headcount"]["slices"]
    assert said["camera hq/yard"]["mae"]["value"] == 1.0
    assert said["camera hq/lobby"]["mae"]["value"] == 0.0
    assert said["light infrared"]["frames"] == 10


def test_documents_are_in_the_documented_form(tmp_path):
    _judge_many(tmp_path, wrong_every=3)

    statistics = json.loads((tmp_path / "out/statistics.json").read_text())
    constraints = json.loads((tmp_path / "out/constraints.json").read_text())
    assert set(statistics["regression_metrics"]) == {"mae", "mse", "rmse", "r2"}
    assert set(statistics["regression_metrics"]["mae"]) == {"value", "standard_deviation"}
    bounds = constraints["regression_constraints"]
    assert bounds["mae"]["comparison_operator"] == "GreaterThanThreshold"
    assert bounds["r2"]["comparison_operator"] == "LessThanThreshold"


def test_a_model_that_counts_worse_than_before_is_a_violation(tmp_path):
    _judge_many(tmp_path, wrong_every=10)
    constraints = tmp_path / "out/constraints.json"

    same = _judge_many(tmp_path / "same", wrong_every=10, constraints=constraints)
    worse = _judge_many(tmp_path / "worse", wrong_every=2, constraints=constraints)

    assert same.violations == ()
    assert "mae" in {violation["metric_name"] for violation in worse.violations}
    assert worse.violations[0]["constraint_check_type"] == "GreaterThanThreshold"
    assert "was GreaterThanThreshold" in worse.violations[0]["description"]


def test_a_few_corrections_raise_nothing_however_bad(tmp_path):
    _judge_many(tmp_path, wrong_every=10)

    few = _judge_many(
        tmp_path / "few", 2, constraints=tmp_path / "out/constraints.json", count=FEWEST_JUDGED - 1
    )

    assert few.violations == ()
    assert "too few to raise anything" in few.message


def test_an_interval_holds_the_figure(tmp_path):
    quality = _judge_many(tmp_path, wrong_every=3)

    for figure in quality.whole.values():
        assert figure.low <= figure.value <= figure.high
    assert quality.whole["mae"].low < quality.whole["mae"].high


def test_lines_that_are_no_ground_truth_are_counted(tmp_path):
    capture = write_answers(tmp_path / "capture", {"a": [prediction([face(FACE)])]})
    truth = write_truth(tmp_path / "truth", {"a": "1", "b": "many", "c": "1.5", "d": "-1"})
    path = truth / "truth.jsonl"
    path.write_text(path.read_text() + '\n{"groundTruthData": \n[]\n')

    quality = judge(capture, read_corrections(truth), tmp_path / "out")

    assert "5 line not groundTruthData" in quality.message


def test_ground_truth_in_base64_is_read(tmp_path):
    capture = write_answers(tmp_path / "capture", {"a": [prediction([face(FACE)])]})
    encoded = base64.b64encode(b"1").decode()

    corrections = read_corrections(write_truth(tmp_path / "truth", {"a": encoded}, "BASE64"))

    assert judge(capture, corrections, tmp_path / "out").whole["mae"].value == 0


def test_corrections_that_meet_no_answer_are_one_clear_error(tmp_path):
    capture = write_answers(tmp_path / "capture", {"a": [prediction([])]})
    truth = write_truth(tmp_path / "truth", {"z": "1"})

    with pytest.raises(MonitorError, match="None of 1 corrections meets an answer: 1 no answer"):
        judge(capture, read_corrections(truth), tmp_path / "out")


def test_labels_that_are_nowhere_or_empty_are_named(tmp_path):
    with pytest.raises(MonitorError, match="nowhere does not exist"):
        read_corrections(tmp_path / "nowhere")
    with pytest.raises(MonitorError, match="no corrections that name an answer"):
        read_corrections(write_truth(tmp_path / "empty", {}))


def test_constraints_of_another_kind_are_refused(tmp_path):
    other = tmp_path / "other.json"
    other.write_text('{"regression_constraints": {"mae": 3}}')

    with pytest.raises(MonitorError, match="holds no regression_constraints"):
        _judge_many(tmp_path / "x", wrong_every=2, constraints=other)


def _judge_many(folder, wrong_every, constraints=None, count=240):
    answers, counts = {}, {}
    for number in range(count):
        people = number % 4
        found = people - (1 if people and number % wrong_every == 0 else 0)
        boxes = [[0.2 * place, 0.1, 0.1, 0.1] for place in range(found)]
        answers[f"a{number}"] = [prediction([face(box) for box in boxes], f"camera-{number % 3}")]
        counts[f"a{number}"] = str(people)
    capture = write_answers(folder / "capture", answers)
    corrections = read_corrections(write_truth(folder / "truth", counts))
    return judge(capture, corrections, folder / "out", constraints)
