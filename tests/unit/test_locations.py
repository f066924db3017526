"""A login in a source's address is found wherever cameras take one, and never shown."""

import pytest

from headcount.locations import carries_login, without_login


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("https://user@host/live.m3u8?token=s3cret", "https://host/live.m3u8"),
        ("rtsp://admin:s3/cr#et@10.0.0.7/stream", "rtsp://10.0.0.7/stream"),
        ("rtps://admin:s3cret@10.0.0.7/typo", "rtps://10.0.0.7/typo"),
        ("rtsp://h/user=admin&password=s3cret&channel=1", "rtsp://h/user=…&password=…&channel=1"),
        ("rtsp://h/user=admin_password=s3cret_channel=1.sdp", "rtsp://h/user=…"),
    ],
)
def test_a_login_is_found_and_not_shown(location: str, shown: str) -> None:
    assert carries_login(location)
    assert without_login(location) == shown


@pytest.mark.parametrize(
    "location",
    [
        "clips/lobby@2x.mp4",
        "rtsp://10.0.0.7:554/axis@1",
        "rtsp://@10.0.0.7/s",
        "http://h/?monkey=1",
    ],
)
def test_what_is_no_login_is_not_taken_for_one(location: str) -> None:
    assert not carries_login(location)
