import pytest

from ops.simulation.errors import SimulationError
from ops.simulation.people import PeopleRecord, parse_people, read_people

HEADER = "timestamp,room_id,people,lighting_kwh,hvac_kwh"


def _record(*rows: str, header: str = HEADER, **options) -> PeopleRecord:
    return parse_people([header, *rows], "days.csv", **options)


def _refusal(*rows: str, header: str = HEADER, **options) -> str:
    with pytest.raises(SimulationError) as refused:
        _record(*rows, header=header, **options)
    return str(refused.value)


def _at(clock: str, rest: str = "a,1,0.1,0.2") -> str:
    return f"2026-03-02T{clock}+01:00,{rest}"


def test_each_row_holds_until_the_next_and_the_last_for_the_usual_spacing():
    record = _record(_at("08:00:00", "a,0,,"), _at("08:05:00", "a,3,,"), _at("08:10:00", "a,2,,"))

    (segment,) = record.segments
    assert segment.at_s.tolist() == [0, 300, 600]
    assert segment.people.tolist() == [0, 3, 2]
    assert segment.length_s == 900
    assert segment.durations_s().tolist() == [300, 300, 300]


@pytest.mark.parametrize("minutes", [1, 10, 15])
def test_the_spacing_is_whatever_is_usual_in_the_file(minutes):
    record = _record(*(_at(f"08:{minutes * row:02d}:00") for row in range(4)))

    assert record.spacing_s == 60 * minutes


def test_a_gap_parts_a_recording():
    record = _record(
        _at("08:00:00"), _at("08:05:00"), _at("08:10:00"), _at("09:00:00"), _at("09:05:00")
    )

    assert [segment.length_s for segment in record.segments] == [900, 600]


def test_days_without_rows_are_not_counted_as_recorded():
    record = _record(
        "2026-03-06T23:50:00Z,a,0,,", "2026-03-06T23:55:00Z,a,0,,", "2026-03-09T00:00:00Z,a,0,,"
    )

    assert record.days() * 24 * 60 == pytest.approx(15)


@pytest.mark.parametrize("nobody_knows", ["", "nan", "NaN"])
def test_a_row_without_people_is_a_gap_from_its_own_time_on(nobody_knows):
    record = _record(
        _at("08:00:00"), _at("08:05:00", f"a,{nobody_knows},,"), _at("08:10:00"), _at("08:15:00")
    )

    assert [segment.length_s for segment in record.segments] == [300, 600]
    assert record.unknown_rows == 1


def test_energy_that_nobody_metered_is_not_taken_for_zero():
    (segment,) = _record(_at("08:00:00", "a,1,,0.5"), _at("08:05:00", "a,1,0.1,")).segments

    assert str(segment.lighting_kwh.tolist()) == "[nan, 0.1]"
    assert str(segment.hvac_kwh.tolist()) == "[0.5, nan]"


def test_the_energy_columns_may_be_missing():
    record = _record(
        "2026-03-02T08:00:00Z,a,1",
        "2026-03-02T08:05:00Z,a,2",
        header="timestamp,room_id,people",
    )

    assert record.segments[0].people.tolist() == [1, 2]


def test_a_file_from_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "days.csv"
    file.write_text(f"{HEADER}\n{_at('08:00:00')}\n{_at('08:05:00')}\n", encoding="utf-8-sig")

    assert read_people(file).room_id == "a"


def test_one_of_several_rooms_is_read_when_it_is_named():
    rows = [
        _at(clock, f"{room},1,,") for clock in ("08:00:00", "08:05:00") for room in ("east", "west")
    ]

    record = _record(*rows, room_id="west")

    assert record.room_id == "west"
    assert record.segments[0].people.tolist() == [1, 1]


def test_the_first_days_are_dates_that_have_rows():
    rows = [
        f"2026-03-{day:02d}T{clock}Z,a,1,," for day in (2, 5, 6) for clock in ("08:00", "08:05")
    ]

    assert len(_record(*rows, days=2).segments) == 2


@pytest.mark.parametrize(
    ("rows", "message", "remedy"),
    [
        (
            ["2026-03-02T08:00:00,a,1,,"],
            "days.csv:2: timestamp '2026-03-02T08:00:00' has no",
            "Add",
        ),
        (["Monday,a,1,,"], "days.csv:2: timestamp 'Monday' is no date", "2026-03-02T08:05"),
        ([_at("08:05:00"), _at("08:00:00")], "days.csv:3", "Sort the rows"),
        ([_at("08:05:00"), _at("08:05:00")], "days.csv:3", "one row per moment"),
        ([_at("08:00:00", "a,-1,,")], "days.csv:2: people is -1", "0 or more"),
        ([_at("08:00:00", "a,1.5,,")], "days.csv:2: people is 1.5", "whole number"),
        ([_at("08:00:00", "a,many,,")], "days.csv:2: people is 'many'", "Write digits"),
        ([_at("08:00:00", "a,inf,,")], "days.csv:2: people is inf", "has an end"),
        ([_at("08:00:00", "a,1,-0.1,")], "days.csv:2: lighting_kwh is -0.1", "0 or more"),
        ([_at("08:00:00", "a,1,,x")], "days.csv:2: hvac_kwh is 'x'", "Write digits"),
        ([_at("08:00:00", "a,1")], "days.csv:2: the row has another number", "empty ones"),
        ([_at("08:00:00", "a,1,,,,")], "days.csv:2: the row has another number", "empty ones"),
        ([_at("08:00:00", ",1,,")], "days.csv:2: room_id is empty", "which room"),
        ([_at("08:00:00", "a,1,,"), _at("08:00:00", "b,1,,")], "2 rooms: a, b", "--people-room a"),
        ([], "has no rows", "Add"),
        ([_at("08:00:00")], "1 row(s)", "Two at least"),
        ([_at("08:00:00", "a,,,"), _at("08:05:00", "a,,,")], "no row of room 'a'", "Fill in"),
        ([_at("00:00:00"), _at("12:00:00")], "12 hours apart", "every hour"),
        ([_at("08:00:00", "a,99999,,")], "days.csv:2: people is 99999", "not simulated"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line_and_a_remedy(rows, message, remedy):
    refusal = _refusal(*rows)

    assert message in refusal
    assert remedy in refusal


def test_a_misspelt_column_is_named():
    refusal = _refusal(header="time,room_id,people")

    assert "days.csv:1: the column `timestamp` is missing" in refusal
    assert "`people`" in _refusal(header="timestamp,room_id,peoples")


def test_a_room_that_the_file_does_not_have_is_refused_with_those_it_has():
    assert "It has: a." in _refusal(_at("08:00:00"), room_id="b")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SimulationError, match="cannot be read"):
        read_people(tmp_path / "none.csv")
