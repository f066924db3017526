"""Which source the demo puts before which camera, and what it knows to be true of it."""

from typing import Any

import pytest

from headcount.errors import SiteError
from headcount.site import Site
from local.demo.plan import choose_feeds, truth_of
from local.scenes import EMPTYING, MEETING


def a_site(**cameras_of: list[dict[str, Any]]) -> Site:
    """Return a site with a room for each argument, and the cameras it lists."""
    rooms = [
        {"id": room_id, "capacity": 8, "cameras": cameras}
        for room_id, cameras in cameras_of.items()
    ]
    return Site.model_validate({"id": "hq", "time_zone": "Europe/Berlin", "rooms": rooms})


def a_camera(camera_id: str, **settings: Any) -> dict[str, Any]:
    return {"id": camera_id, **settings}


def test_without_sources_the_first_two_cameras_play_the_clips() -> None:
    site = a_site(a=[a_camera("a-1")], b=[a_camera("b-1")], c=[a_camera("c-1")])

    played, feeds = choose_feeds(site, [], {})

    assert [(feed.camera_id, feed.source) for feed in feeds] == [
        ("a-1", MEETING),
        ("b-1", EMPTYING),
    ]
    assert [room.id for room in played.rooms] == ["a", "b"]


def test_one_source_leaves_one_room() -> None:
    site = a_site(a=[a_camera("a-1"), a_camera("a-2")], b=[a_camera("b-1")])

    played, feeds = choose_feeds(site, ["door.mp4"], {})

    assert [feed.source for feed in feeds] == ["door.mp4"]
    assert [[camera.id for camera in room.cameras] for room in played.rooms] == [["a-1"]]


def test_sources_are_given_out_in_the_order_of_the_document() -> None:
    site = a_site(a=[a_camera("a-1"), a_camera("a-2")], b=[a_camera("b-1")])

    _played, feeds = choose_feeds(site, ["1.mp4", "2.mp4", "3.mp4"], {})

    assert [(feed.room_id, feed.camera_id, feed.source) for feed in feeds] == [
        ("a", "a-1", "1.mp4"),
        ("a", "a-2", "2.mp4"),
        ("b", "b-1", "3.mp4"),
    ]


def test_more_sources_than_cameras_are_refused() -> None:
    with pytest.raises(SiteError, match="2 sources were given, but site 'hq' has 1 cameras"):
        choose_feeds(a_site(a=[a_camera("a-1")]), ["1.mp4", "2.mp4"], {})


def test_a_camera_that_names_its_source_plays_it() -> None:
    site = a_site(a=[a_camera("a-1", source="rtsp://${LOGIN}@10.0.0.4/live")], b=[a_camera("b-1")])

    _played, feeds = choose_feeds(site, [], {"LOGIN": "me:secret"})

    assert [feed.source for feed in feeds] == ["rtsp://me:secret@10.0.0.4/live", MEETING]


def test_a_variable_that_is_not_set_is_named() -> None:
    site = a_site(a=[a_camera("a-1", source="rtsp://${LOGIN}@10.0.0.4/live")])

    with pytest.raises(SiteError, match="camera 'a-1' needs the variable LOGIN"):
        choose_feeds(site, [], {})


def test_a_given_source_needs_no_variable_of_the_site() -> None:
    site = a_site(a=[a_camera("a-1", source="rtsp://${LOGIN}@10.0.0.4/live")])

    _played, feeds = choose_feeds(site, ["door.mp4"], {})

    assert [feed.source for feed in feeds] == ["door.mp4"]


def test_a_feed_has_its_cameras_own_timing() -> None:
    site = a_site(a=[a_camera("a-1", sample_every_s=3, fragment_s=1.5)])

    _played, (feed,) = choose_feeds(site, ["door.mp4"], {})

    assert (feed.sample_every_s, feed.fragment_s) == (3, 1.5)


def test_truth_is_known_of_rooms_with_one_composed_clip() -> None:
    site = a_site(a=[a_camera("a-1", source="door.mp4")], b=[a_camera("b-1")])

    truth = truth_of(choose_feeds(site, [], {})[1])

    assert truth.keys() == {"b"}
    assert truth["b"](20.0) == MEETING.people_at(20.0)


def test_truth_is_not_known_of_a_room_that_two_clips_show() -> None:
    site = a_site(a=[a_camera("a-1"), a_camera("a-2")])

    assert truth_of(choose_feeds(site, [], {})[1]) == {}
