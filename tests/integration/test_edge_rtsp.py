"""A live camera as a source: read as it comes, opened again when it hangs up."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from edge.sources import VideoSource, check_source
from headcount.errors import SourceError
from headcount.media.mkv import Cluster
from tests.clips import captured, encoded, room, walking
from tests.integration.rtsp_camera import RtspCamera


@pytest.fixture(scope="module")
def clusters() -> list[Cluster]:
    return encoded(captured(walking(20)), fragment_s=1.0)


def test_a_camera_is_read_as_it_comes_with_the_time_of_now(clusters: list[Cluster]) -> None:
    with RtspCamera(clusters, "admin:s3cret") as camera:
        source = VideoSource(f"rtsp://admin:s3cret@{camera.address}/stream1")
        frames = []
        for frame in source.frames():
            frames.append(frame)
            if len(frames) == 10:
                source.stop()

    assert abs(frames[-1].captured_at - datetime.now(UTC)) < timedelta(seconds=2)
    picture = frames[0].image.to_ndarray(format="bgr24")
    # The wall beside the figure, wherever in the film the camera was.
    assert np.abs(picture[:30].astype(int) - room()[:30].astype(int)).mean() < 8


def test_a_camera_that_hangs_up_is_called_again(clusters: list[Cluster]) -> None:
    told: list[str] = []
    with RtspCamera(clusters, "admin:s3cret", hangs_up_after=15) as camera:
        source = VideoSource(f"rtsp://admin:s3cret@{camera.address}/stream1", notify=told.append)
        count = 0
        for _ in source.frames():
            count += 1
            if camera.sessions == 2:
                source.stop()

    assert count > 1
    assert "Opening it again" in told[0]
    assert "s3cret" not in "".join(told)


def test_a_wrong_password_is_said_without_saying_it(clusters: list[Cluster]) -> None:
    with (
        RtspCamera(clusters, "admin:s3cret") as camera,
        pytest.raises(SourceError, match="401 Unauthorized") as error,
    ):
        check_source(f"rtsp://admin:guess@{camera.address}/stream1")

    assert "guess" not in str(error.value)
