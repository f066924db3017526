import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from headcount.domain.features import FEATURE_NAMES
from headcount.errors import MonitorError
from tests.monitored import HOUR, at, footage, hour_of, thinned, weeks_of
from training.monitor.baseline import make_baseline
from training.monitor.capture import Reading
from training.monitor.capture_writer import write_capture
from training.monitor.frames import LIGHTS, AnsweringModel, Frames
from training.monitor.job import main, run, write_baseline
from training.monitor.orders import Orders
from training.monitor.stored import read_baseline

pytestmark = pytest.mark.slow

LATER = date(2026, 4, 8)
ELEVEN = at(LATER, 11)
CHECKS = {
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
}


@pytest.fixture(scope="module")
def source():
    return footage(cameras=1)


@pytest.fixture(scope="module")
def kept(source, tmp_path_factory):
    """A baseline as a job has written it."""
    folder = tmp_path_factory.mktemp("baseline")
    frames = weeks_of(source, 10)
    write_baseline(folder, make_baseline(frames), frames, Reading())
    return folder


@pytest.fixture
def orders(tmp_path, kept):
    return Orders(
        dataset=tmp_path / "endpointdata",
        output=tmp_path / "resultdata",
        start=ELEVEN,
        end=ELEVEN + HOUR,
        baseline=(kept / "statistics.json", kept / "constraints.json"),
        endpoint="faces",
        schedule="hourly",
        message=tmp_path / "message",
        metrics=tmp_path / "metrics/cloudwatch",
    )


def read(path):
    return json.loads(Path(path).read_text())


def metrics_of(orders):
    lines = map(json.loads, orders.metrics.read_text().splitlines())
    return {line["MetricName"]: line for line in lines}


def test_a_quiet_hour_completes(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)

    outcome = run(orders)

    assert outcome.status == "Completed"
    assert orders.message.read_text().startswith("Completed: 720 frames, ")
    assert read(orders.output / "constraint_violations.json") == {"violations": []}
    assert read(orders.output / "statistics.json")["dataset"]["item_count"] == 720
    assert metrics_of(orders)["feature_baseline_drift_violations"]["Value"] == 0


def test_a_darkened_hour_completes_with_violations_in_the_documented_form(source, orders):
    write_capture(hour_of(source, LATER, 11, "darkened"), orders.dataset)

    outcome = run(orders)

    listed = read(orders.output / "constraint_violations.json")["violations"]
    assert outcome.status == "CompletedWithViolations"
    assert orders.message.read_text().startswith("CompletedWithViolations: ")
    assert "brightness" in {one["feature_name"] for one in listed}
    for one in listed:
        assert set(one) == {"feature_name", "constraint_check_type", "description"}
        assert one["constraint_check_type"] in CHECKS
    assert "made-up/boardroom (day, faces in sight)" in listed[0]["description"]


def test_metrics_are_of_the_model_and_named_as_alarms_expect(source, orders):
    write_capture(hour_of(source, LATER, 11, "darkened"), orders.dataset)

    run(orders)

    metrics = metrics_of(orders)
    drift = metrics["feature_baseline_drift_brightness"]
    assert drift["Value"] > 0.9
    assert drift["Dimensions"] == [
        {"Name": "Endpoint", "Value": "faces"},
        {"Name": "MonitoringSchedule", "Value": "hourly"},
    ]
    assert drift["Timestamp"] == "2026-04-08T12:00:00Z"
    assert set(metrics["feature_data_brightness"]["StatisticValues"]) == {
        "SampleCount",
        "Sum",
        "Minimum",
        "Maximum",
    }
    assert metrics["feature_non_null_brightness"]["Value"] == 1.0
    assert "boardroom" not in orders.metrics.read_text()


def test_figures_of_each_camera_go_to_the_lake(source, orders):
    write_capture(hour_of(source, LATER, 11, "blurred"), orders.dataset)

    run(orders)

    lines = (orders.output / "per_camera.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["camera"] for row in rows} == {"made-up/boardroom"}
    assert {row["at"] for row in rows} == {"2026-04-08T11:00:00Z"}
    assert "blur" in {row["feature"] for row in rows if row["is_drift"]}
    assert {"linf", "psi", "js", "wasserstein", "p_value", "light_mode"} <= set(rows[0])


def test_only_the_window_is_judged(source, orders):
    day = source.day(LATER, "darkened")
    write_capture(day.between(ELEVEN - 2 * HOUR, ELEVEN), orders.dataset)
    write_capture(hour_of(source, LATER, 11), orders.dataset)

    outcome = run(orders)

    assert (outcome.status, outcome.frames) == ("Completed", 720)


def test_statistics_are_in_the_documented_form(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)

    run(orders)

    statistics = read(orders.output / "statistics.json")
    by_name = {feature["name"]: feature for feature in statistics["features"]}
    assert statistics["version"] == 0
    assert list(by_name) == [*FEATURE_NAMES, "light_mode"]
    assert by_name["faces"]["inferred_type"] == "Integral"
    brightness = by_name["brightness"]["numerical_statistics"]
    assert brightness["common"] == {"num_present": 720, "num_missing": 0}
    buckets = brightness["distribution"]["kll"]["buckets"]
    assert (len(buckets), sum(bucket["count"] for bucket in buckets)) == (10, 720)
    assert brightness["distribution"]["kll"]["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert by_name["light_mode"]["string_statistics"]["distribution"] == {
        "categorical": {"buckets": [{"value": "day", "count": 720}]}
    }


def test_constraints_are_in_the_documented_form(kept):
    constraints = read(kept / "constraints.json")

    rows = {row["name"]: row for row in constraints["features"]}
    assert rows["brightness"]["completeness"] == 1.0
    assert rows["brightness"]["num_constraints"] == {"is_non_negative": True}
    assert rows["light_mode"]["string_constraints"]["domains"] == ["dark", "day", "infrared"]
    assert constraints["monitoring_config"]["evaluate_constraints"] == "Enabled"
    assert constraints["monitoring_config"]["distribution_constraints"]["comparison_method"] in (
        "Simple",
        "Robust",
    )


def test_a_baseline_that_was_kept_is_the_baseline_that_was_made(source, kept):
    made = make_baseline(weeks_of(source, 10))

    again = read_baseline(read(kept / "statistics.json"), read(kept / "constraints.json"))

    assert again.model == made.model
    assert again.streams.keys() == made.streams.keys()
    for stream, one in made.streams.items():
        assert np.array_equal(again.streams[stream].usual.counts, one.usual.counts)
        assert again.streams[stream].spread.of_stream == pytest.approx(
            one.spread.of_stream, abs=1e-6
        )
    assert again.tails == made.tails


def test_a_run_without_a_baseline_makes_one(source, orders):
    for day in (2, 3, 4):
        write_capture(thinned(source.day(date(2026, 3, day)), 60), orders.dataset)

    outcome = run(replace(orders, baseline=None, start=None, end=None))

    assert outcome.status == "Completed"
    assert "864 frames by 1 camera(s)" in outcome.message
    assert (orders.output / "constraints.json").is_file()


def test_a_window_without_frames_says_so_and_raises_nothing(orders):
    orders.dataset.mkdir()

    outcome = run(orders)

    assert outcome.status == "Completed"
    assert "There are no frames between 2026-04-08 11:00:00+00:00" in outcome.message
    assert metrics_of(orders)["feature_frames"]["Value"] == 0


def test_lines_that_cannot_be_read_are_told_beside_the_result(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)
    (path,) = orders.dataset.rglob("*.jsonl")
    path.write_text(path.read_text() + '{"captureData": {"endpo')

    outcome = run(orders)

    assert outcome.status == "Completed"
    assert "1 of 721 lines could not be used: 1 line not JSON." in outcome.message


def test_another_models_answers_are_not_compared(source, orders):
    hour = hour_of(source, LATER, 11, "masked")
    other = AnsweringModel("yunet", "2", "cd" * 32)
    write_capture(_by(hour, other), orders.dataset)

    with pytest.raises(MonitorError, match=r"answered by yunet 2 .*, the baseline by centerface"):
        run(orders)


def test_a_canary_beside_the_champion_is_left_out_and_counted(source, orders):
    hour = hour_of(source, LATER, 11)
    write_capture(hour, orders.dataset)
    write_capture(
        _by(hour, AnsweringModel("yunet", "2", "cd" * 32)), orders.dataset, variant="canary"
    )

    outcome = run(orders)

    assert (outcome.status, outcome.frames) == ("Completed", 720)
    assert read(orders.output / "statistics.json")["headcount"]["frames_of_other_models"] == 720


def test_a_feature_that_is_gone_is_a_missing_column(source, orders):
    hour = hour_of(source, LATER, 11)
    hour.values[:, FEATURE_NAMES.index("motion")] = np.nan
    write_capture(hour, orders.dataset)

    run(orders)

    (listed,) = read(orders.output / "constraint_violations.json")["violations"]
    assert (listed["feature_name"], listed["constraint_check_type"]) == (
        "motion",
        "missing_column_check",
    )


def test_a_feature_that_half_the_frames_lack_is_incomplete(source, orders):
    hour = hour_of(source, LATER, 11)
    hour.values[::2, FEATURE_NAMES.index("motion")] = np.nan
    write_capture(hour, orders.dataset)

    run(orders)

    (listed,) = read(orders.output / "constraint_violations.json")["violations"]
    assert listed["constraint_check_type"] == "completeness_check"
    assert listed["description"] == "50.0% of the frames have it, 100.0% had."


def test_text_where_a_number_was_is_a_wrong_type(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)
    (path,) = orders.dataset.rglob("*.jsonl")
    path.write_text(
        path.read_text().replace('\\"motion\\": ', '\\"motion\\": \\"much\\", \\"m\\": ')
    )

    run(orders)

    (listed,) = read(orders.output / "constraint_violations.json")["violations"]
    assert (listed["feature_name"], listed["constraint_check_type"]) == (
        "motion",
        "data_type_check",
    )


def test_light_that_nobody_named_is_an_unknown_category(source, orders):
    hour = hour_of(source, LATER, 11)
    hour.light[:] = LIGHTS.index("unsaid")
    write_capture(hour, orders.dataset)

    run(orders)

    (listed,) = read(orders.output / "constraint_violations.json")["violations"]
    assert listed["constraint_check_type"] == "categorical_values_check"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: said.pop("headcount"), "'headcount' is missing"),
        (lambda said: said["headcount"].update(format=9), "of format 9"),
        (lambda said: said["headcount"]["features"].pop(), "their features are not this monitor's"),
        (lambda said: said["headcount"].update(time_zone="Mars"), "no time zone 'Mars'"),
        (lambda said: said["headcount"].update(streams=[3]), "cannot be used"),
    ],
)
def test_a_baseline_of_another_kind_is_refused_with_the_reason(source, orders, change, says):
    write_capture(hour_of(source, LATER, 11), orders.dataset)
    statistics = read(orders.baseline[0])
    change(statistics)
    other = orders.output.parent / "other.json"
    other.write_text(json.dumps(statistics))

    with pytest.raises(MonitorError, match=says):
        run(replace(orders, baseline=(other, orders.baseline[1])))


def test_a_baseline_file_that_is_cut_off_is_named(orders):
    orders.dataset.mkdir()
    broken = orders.output.parent / "broken.json"
    broken.write_text('{"version": 0, ')

    with pytest.raises(MonitorError, match=r"broken\.json cannot be read"):
        run(replace(orders, baseline=(broken, orders.baseline[1])))


def environment(tmp_path, monkeypatch, **variables):
    names = {
        "dataset_source": "/opt/ml/processing/endpointdata",
        "output_path": "/opt/ml/processing/resultdata",
        "start_time": "2026-04-08T11:00:00Z",
        "end_time": "2026-04-08T12:00:00Z",
        "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
        "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
        "sagemaker_endpoint_name": "faces",
        "sagemaker_monitoring_schedule_name": "hourly",
        "publish_cloudwatch_metrics": "Enabled",
    }
    for name, value in (names | variables).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "opt/ml"


def test_the_container_honours_the_contract_below_any_root(
    source, kept, tmp_path, monkeypatch, capsys
):
    ml = environment(tmp_path, monkeypatch)
    write_capture(hour_of(source, LATER, 11, "blurred"), ml / "processing/endpointdata")
    for part in ("stats/statistics.json", "constraints/constraints.json"):
        path = ml / "processing/baseline" / part
        path.parent.mkdir(parents=True)
        path.write_bytes((kept / path.name).read_bytes())

    code = main(["--root", str(tmp_path)])

    assert code == 0, "a run that found drift has done its work"
    assert (ml / "output/message").read_text().startswith("CompletedWithViolations: ")
    assert (ml / "output/metrics/cloudwatch").is_file()
    assert (ml / "processing/resultdata/constraint_violations.json").is_file()
    assert capsys.readouterr().out.startswith("CompletedWithViolations: ")


def test_metrics_lie_beside_the_results_ready_to_be_put(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)

    run(orders)

    said = read(orders.output / "put_metric_data.json")
    assert said["Namespace"] == "aws/sagemaker/Endpoints/data-metrics"
    assert len(said["MetricData"]) == len(orders.metrics.read_text().splitlines())


def test_with_ground_truth_the_models_quality_is_judged(source, orders, tmp_path):
    write_capture(thinned(hour_of(source, LATER, 11), 20), orders.dataset)
    truth = tmp_path / "truth"
    truth.mkdir()
    (truth / "a.jsonl").write_text(
        json.dumps(
            {
                "groundTruthData": {"data": "2", "encoding": "CSV"},
                "eventMetadata": {"eventId": "inference-20260408110000"},
                "eventVersion": "0",
            }
        )
    )

    outcome = run(replace(orders, baseline=None, ground_truth=truth))

    assert outcome.status == "Completed"
    assert read(orders.output / "statistics.json")["dataset"] == {"item_count": 1}
    assert {"mae", "mae_stddev", "bias"} <= set(metrics_of(orders))
    assert read(orders.output / "put_metric_data.json")["Namespace"] == (
        "aws/sagemaker/Endpoints/model-metrics"
    )


def test_metrics_are_left_out_if_they_are_disabled(source, orders):
    write_capture(hour_of(source, LATER, 11), orders.dataset)

    run(replace(orders, publishes=False))

    assert not orders.metrics.exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"dataset_source": ""}, "dataset_source is not set"),
        ({"start_time": "yesterday"}, "start_time is 'yesterday'"),
        ({"end_time": "2026-04-08T12:00:00"}, "has no offset from UTC"),
        ({"baseline_statistics": "/nowhere.json"}, "nowhere.json cannot be read"),
        ({"false_alarms_a_year": "often"}, "false_alarms_a_year is 'often'"),
        ({"dataset_source": "/nothing"}, "nothing is not a folder"),
    ],
)
def test_a_job_that_cannot_run_fails_with_one_message(
    tmp_path, monkeypatch, capsys, variables, says
):
    ml = environment(tmp_path, monkeypatch, **variables)
    (ml / "processing/endpointdata").mkdir(parents=True)

    code = main(["--root", str(tmp_path)])

    said = (ml / "output/message").read_text()
    assert code == 1
    assert said.startswith("Failed: ")
    assert says in said
    assert "Traceback" not in capsys.readouterr().err


def test_a_manifest_that_cannot_be_read_fails_with_one_message_too(tmp_path, monkeypatch):
    ml = environment(tmp_path, monkeypatch, ground_truth_source="/labels.jsonl")
    (ml / "processing/endpointdata").mkdir(parents=True)
    (tmp_path / "labels.jsonl").write_text("{}\n")

    assert main(["--root", str(tmp_path)]) == 1
    assert "labels.jsonl:1: source-ref is missing" in (ml / "output/message").read_text()


def test_one_baseline_file_without_the_other_is_a_mistake(tmp_path, monkeypatch):
    environment(tmp_path, monkeypatch)
    monkeypatch.delenv("baseline_statistics")

    assert main(["--root", str(tmp_path)]) == 1


def _by(frames: Frames, model: AnsweringModel) -> Frames:
    return Frames(
        frames.at_s,
        frames.camera,
        frames.light,
        frames.model,
        frames.values,
        frames.cameras,
        (model,),
    )
