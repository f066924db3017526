"""CPU of verifying a day of one room: 17,280 frames, and what was said and commanded."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.clock import cpu_ms
from headcount.domain.terms import LightMode, OccupancyState, Trigger
from headcount.events import BmsCommandRequested, FramesCounted, RoomOccupancyChanged
from headcount.verification.properties import verify_room
from ops.event_log import read_event_log
from ops.unnamed_room import room_of_defaults

FRAMES = 24 * 3600 // 5
BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
_OF = {"site_id": "site", "room_id": "room", "correlation_id": "chain"}


def measure() -> dict[str, float]:
    """Return CPU milliseconds to read a day's events, and to check them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in _day()))
        log = read_event_log(file).rooms["site", "room"]
        room = room_of_defaults(log)
        return {
            "reading the events": cpu_ms(lambda: read_event_log(file), runs=3),
            "checking every property": cpu_ms(lambda: verify_room(log, room), runs=3),
        }


def _day() -> list[dict[str, Any]]:
    """Return a day in which somebody comes and goes every hour, every tenth frame late."""
    ticks = list(range(FRAMES))
    ticks[0::10], ticks[1::10] = ticks[1::10], ticks[0::10]
    lines: list[dict[str, Any]] = []
    for tick in ticks:
        at = BEGINS + timedelta(seconds=5 * tick)
        people = 2 if tick % 720 < 360 else 0
        lines.append(_envelope(FramesCounted, at, _frame(tick, at, people)))
        if tick % 60 == 0:
            lines.append(_envelope(RoomOccupancyChanged, at, _word(tick, at, people)))
        if tick % 720 in (1, 540):
            level = 2 if tick % 720 == 1 else 0
            lines.append(_envelope(BmsCommandRequested, at, _command(tick, at, level)))
    return lines


def _envelope(model: Any, at: datetime, detail: dict[str, Any]) -> dict[str, Any]:
    event = model.model_validate(_OF | detail)
    return {
        "detail-type": model.detail_type,
        "time": at.isoformat(),
        "detail": event.model_dump(mode="json"),
    }


def _frame(tick: int, at: datetime, people: int) -> dict[str, Any]:
    # Never twice in one place: a face that stands still becomes part of the scene.
    boxes = [((tick * 7 + 40 * n) % 90 / 100, 0.4, 0.05, 0.05) for n in range(people)]
    return {
        "id": f"frame-{tick}",
        "camera_id": "camera",
        "captured_at": at,
        "persisted_at": at + timedelta(seconds=1),
        "fragment_number": str(tick),
        "frame_width": 1280,
        "frame_height": 720,
        "faces": [{"box": box, "score": 0.9} for box in boxes],
        "motion": 0.1 if people else 0.0,
        "quality": {"brightness": 0.5, "contrast": 0.2, "blur": 100},
        "light_mode": LightMode.DAY,
        "model": {
            "endpoint": "endpoint",
            "variant": "champion",
            "name": "centerface",
            "version": "1",
            "sha256": "0" * 64,
            "threshold": 0.5,
        },
        "inference_id": str(tick),
    }


def _word(tick: int, at: datetime, people: int) -> dict[str, Any]:
    return {
        "id": f"word-{tick}",
        "revision": tick,
        "observed_at": at,
        "since": at,
        "state": OccupancyState.OCCUPIED if people else OccupancyState.VACANT,
        "people_estimate": people,
        "people_low": people,
        "people_high": people,
        "p_vacant": 0.01 if people else 0.99,
        "evidence": "",
        "camera_ids": ["camera"],
    }


def _command(tick: int, at: datetime, level: int) -> dict[str, Any]:
    return {
        "id": f"command-{tick}",
        "device_group": "lights",
        "level": level,
        "priority": 12,
        "requested_at": at,
        "expires_at": at + timedelta(minutes=15),
        "reason": "",
        "trigger": Trigger.OCCUPANCY,
        "people_estimate": level,
        "state": OccupancyState.OCCUPIED if level else OccupancyState.VACANT,
        "policy_version": "1",
        "idempotency_key": f"command-{tick}",
        "attempt": 1,
    }
