import base64
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from headcount.domain.features import FEATURE_NAMES
from headcount.errors import MonitorError
from tests.monitored import HOUR, MODEL, MONDAY, at, footage, hour_of, lines_of
from training.monitor.capture import read_capture
from training.monitor.capture_writer import write_capture
from training.monitor.frames import LIGHTS

EIGHT = at(MONDAY, 8)


def test_what_is_written_as_a_capture_is_read_as_the_same_frames(tmp_path):
    frames = hour_of(footage(), MONDAY, 11)

    write_capture(frames, tmp_path)
    read, reading = read_capture(tmp_path)

    assert len(read) == len(frames) == 2 * 720
    assert sorted(read.cameras) == sorted(frames.cameras)
    assert read.models[0].sha256 == MODEL["sha256"]
    assert (reading.files, reading.lines, dict(reading.unreadable)) == (1, 720, {})
    for name in ("brightness", "faces", "score_mean", "score_lowest", "embedding_8", "motion"):
        column = FEATURE_NAMES.index(name)
        assert np.nanmean(read.values[:, column]) == pytest.approx(
            np.nanmean(frames.values[:, column]), rel=1e-6
        )


def test_output_that_was_captured_as_base64_is_read_as_well(tmp_path):
    frames = hour_of(footage(), MONDAY, 11)

    write_capture(frames, tmp_path, as_base64=True)
    read, reading = read_capture(tmp_path)

    assert len(read) == len(frames)
    assert not reading.unreadable


def test_only_the_window_is_read_of_a_capture_that_holds_more(tmp_path):
    day = footage().day(MONDAY)
    write_capture(day.between(EIGHT - HOUR, EIGHT + 3 * HOUR), tmp_path)

    read, reading = read_capture(tmp_path, EIGHT, EIGHT + HOUR)

    assert len(read) == 2 * 720
    assert read.first_at() == EIGHT
    assert read.last_at() < EIGHT + HOUR
    assert reading.files == 2, "files of other hours are not even opened"


def test_lines_that_cannot_be_read_are_counted_by_reason_and_stop_nothing(tmp_path):
    frames = hour_of(footage(), MONDAY, 11)
    write_capture(frames, tmp_path)
    (path,) = tmp_path.rglob("*.jsonl")
    good = path.read_text().splitlines()
    record = json.loads(good[0])
    bad = [
        '{"captureData": {"endpointOut',
        "[1, 2]",
        json.dumps(record | {"captureData": {}}),
        json.dumps(record | {"eventMetadata": {"eventId": "a"}}),
        json.dumps(record | {"eventMetadata": {"eventId": "a", "inferenceTime": "2026-03-02"}}),
        _with_output(record, data="not json"),
        _with_output(record, data=base64.b64encode(b"\xff").decode(), encoding="BASE64"),
        _with_output(record, data='{"predictions": 3}'),
        _with_output(record, data=json.dumps({"predictions": [{}], "model": MODEL})),
        b"\xff\xfe".decode("latin-1"),
        "[" * 100_000,
    ]
    path.write_text("\n".join([*good, *bad, "", ""]))

    read, reading = read_capture(tmp_path)

    assert len(read) == len(frames)
    assert reading.lines == len(good) + len(bad)
    assert dict(reading.unreadable) == {
        "line not JSON": 3,
        "line without endpointOutput or eventMetadata": 2,
        "line without inferenceTime or an id": 2,
        "output not JSON": 2,
        "answer not of this serving code": 1,
        "prediction not as agreed": 1,
    }


def test_a_value_that_is_no_number_is_missing_and_counted(tmp_path):
    answer = _answer(quality={"brightness": "bright", "contrast": 0.2, "blur": None})
    _write(tmp_path, answer)

    read, reading = read_capture(tmp_path)

    found = dict(zip(FEATURE_NAMES, read.values[0], strict=True))
    assert np.isnan(found["brightness"])
    assert np.isnan(found["blur"])
    assert found["contrast"] == 0.2
    assert dict(reading.wrong_type) == {"brightness": 1}


def test_an_older_endpoints_answer_has_no_embedding_and_no_camera(tmp_path):
    _write(tmp_path, _answer(embedding=None, context=None))

    read, _reading = read_capture(tmp_path)

    assert read.cameras == ("",)
    assert LIGHTS[int(read.light[0])] == "unsaid"
    assert np.isnan(read.values[0, FEATURE_NAMES.index("embedding_1")])


def test_a_person_model_beside_does_not_count_but_one_alone_does(tmp_path):
    persons = [{"box": [0.1, 0.1, 0.2, 0.5], "score": 0.7}]
    beside = _answer(persons=persons)
    beside["person_model"] = MODEL | {"sha256": "cd" * 32}
    alone = _answer(persons=persons, faces=[], count=1)
    alone["person_model"] = MODEL
    _write(tmp_path / "beside", beside)
    _write(tmp_path / "alone", alone)

    found = [
        read_capture(tmp_path / name)[0].values[0, FEATURE_NAMES.index("score_mean")]
        for name in ("beside", "alone")
    ]

    assert found == pytest.approx([0.9, 0.7])


def test_a_capture_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(MonitorError, match="nowhere is not a folder"):
        read_capture(tmp_path / "nowhere")


def test_an_answer_is_one_line_however_many_frames_it_has(tmp_path):
    write_capture(hour_of(footage(), MONDAY, 11), tmp_path)

    assert lines_of(tmp_path) == 720


def _with_output(record, **output):
    captured = record["captureData"]["endpointOutput"] | output
    return json.dumps(record | {"captureData": {"endpointOutput": captured}})


def _answer(**changes):
    prediction = {
        "frame_id": "a",
        "width": 640,
        "height": 360,
        "count": 1,
        "faces": [{"box": [0.1, 0.1, 0.1, 0.2], "score": 0.9}],
        "quality": {"brightness": 0.5, "contrast": 0.2, "blur": 100.0},
        "embedding": [0.1] * 8,
        "context": {"site_id": "hq", "camera_id": "lobby", "light_mode": "day", "motion": 0.1},
    }
    return {"predictions": [prediction | changes], "model": MODEL}


def _write(folder, answer):
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "captureData": {"endpointOutput": {"data": json.dumps(answer), "encoding": "JSON"}},
        "eventMetadata": {
            "eventId": "e",
            "inferenceTime": datetime(2026, 3, 2, 8, tzinfo=UTC).isoformat(),
        },
        "eventVersion": "0",
    }
    (folder / "a.jsonl").write_text(json.dumps(record) + "\n")
