"""The figures that the demo prints follow from the events it heard."""

from datetime import UTC, datetime, timedelta

from headcount.domain.terms import LightMode, OccupancyState, Trigger
from headcount.events import (
    BmsCommandRequested,
    Detection,
    FrameQuality,
    FramesCounted,
    ModelReference,
    RoomOccupancyChanged,
)
from local.bms import ReceivedCommand
from local.demo.recording import (
    FragmentTally,
    Recording,
    compare_with_truth,
    fragment_figures,
    percentile,
    states_in_order,
)
from local.scenes import EMPTYING, MEETING

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_frame(number: str, *, faces: int = 0, camera_id: str = "cam") -> FramesCounted:
    return FramesCounted(
        id=number,
        correlation_id=f"chain-{number}",
        site_id="hq",
        camera_id=camera_id,
        room_id="meeting",
        captured_at=NOON,
        persisted_at=NOON,
        fragment_number=number,
        frame_width=640,
        frame_height=360,
        faces=(Detection(box=(0.1, 0.1, 0.2, 0.2), score=0.9),) * faces,
        motion=0,
        quality=FrameQuality(brightness=0.5, contrast=0.2, blur=100),
        light_mode=LightMode.DAY,
        model=ModelReference(
            endpoint="e", variant="v", name="centerface", version="1", sha256="00", threshold=0.5
        ),
        inference_id=number,
    )


def a_change(revision: int, state: OccupancyState) -> RoomOccupancyChanged:
    return RoomOccupancyChanged(
        id=str(revision),
        correlation_id="chain",
        site_id="hq",
        room_id="meeting",
        revision=revision,
        observed_at=NOON,
        since=NOON,
        state=state,
        people_estimate=0,
        people_low=0,
        people_high=1,
        p_vacant=0.5,
        evidence="",
        camera_ids=("cam",),
    )


def a_receipt(chain: str, trigger: Trigger, after_ms: int) -> ReceivedCommand:
    command = BmsCommandRequested(
        id="c",
        correlation_id=chain,
        site_id="hq",
        room_id="meeting",
        device_group="lights",
        level=2,
        priority=12,
        requested_at=NOON,
        expires_at=NOON + timedelta(minutes=5),
        reason="",
        trigger=trigger,
        people_estimate=1,
        state=OccupancyState.OCCUPIED,
        policy_version="1",
        idempotency_key="k",
        attempt=1,
    )
    return ReceivedCommand(command, NOON + timedelta(milliseconds=after_ms), accepted=True)


def test_a_stored_fragment_that_was_never_counted_is_lost() -> None:
    tally = FragmentTally("cam", put=4, persisted=3, due=frozenset({"1", "2"}))

    figures = fragment_figures([tally], [a_frame("1")])

    assert figures == {"put": 4, "persisted": 3, "sampled": 1, "lost": 2}


def test_a_frame_counted_twice_is_sampled_once() -> None:
    tally = FragmentTally("cam", put=1, persisted=1, due=frozenset({"1"}))

    assert fragment_figures([tally], [a_frame("1"), a_frame("1")])["sampled"] == 1


def test_states_are_read_by_revision_and_without_repetition() -> None:
    changes = [
        a_change(3, OccupancyState.VACANT),
        a_change(1, OccupancyState.OCCUPIED),
        a_change(2, OccupancyState.OCCUPIED),
    ]

    assert states_in_order(changes) == ["OCCUPIED", "VACANT"]


def test_latency_leaves_out_what_waited_for_a_hold_off() -> None:
    recording = Recording()
    recording.hear(a_frame("1"))
    recording.receive(a_receipt("chain-1", Trigger.OCCUPANCY, 120))
    recording.receive(a_receipt("chain-1", Trigger.TIMER, 9000))

    assert recording.latencies_ms() == [120]


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2


def test_frames_without_a_known_truth_are_not_compared() -> None:
    truth = {"1": 2, "2": None}

    compared = compare_with_truth(
        [a_frame("1", faces=1), a_frame("2", faces=5)], lambda frame: truth[frame.fragment_number]
    )

    assert compared == {"frames": 1, "exact_share": 0.0, "mean_absolute_error": 1}


def test_the_default_clips_pass_through_every_band() -> None:
    counts = {MEETING.people_at(tick / 10) for tick in range(480)}

    assert {1, 4, 5} <= counts


def test_the_emptying_clip_is_empty_long_enough_to_be_believed() -> None:
    assert all(EMPTYING.people_at(second) == 0 for second in range(10, 40))
