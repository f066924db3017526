"""From key frames to what is told of them: the same for whoever looks, and whenever."""

from collections.abc import Mapping
from dataclasses import dataclass

from headcount.events import FramesCounted
from headcount.identifiers import camera_key, deterministic_id
from headcount.ports import (
    CountedFrame,
    FaceDetector,
    FrameContext,
    SampledFrame,
    VacantViews,
)
from headcount.site import CameraBinding


@dataclass(frozen=True, slots=True)
class Sample:
    """A fragment's key frame, and whose it is."""

    camera: CameraBinding
    fragment_number: str
    frame: SampledFrame

    @property
    def camera_key(self) -> str:
        """The partition key of the camera's items."""
        return camera_key(self.camera.site_id, self.camera.camera_id)

    @property
    def context(self) -> FrameContext:
        """What the model is told beside the picture."""
        camera, frame = self.camera, self.frame
        return FrameContext(camera.site_id, camera.camera_id, frame.light_mode, frame.motion)


def count(
    samples: Mapping[str, Sample], detect: FaceDetector, views: VacantViews
) -> dict[str, FramesCounted]:
    """Return what is to be told of each frame, all counted in one call, by the keys of `samples`.

    A fragment is the same event whoever has it counted, and however often.

    Args:
        samples: By names that are unique in the call.
        detect: Not asked if there is nothing to count.
        views: What the cameras see when nobody is there; only read.

    Raises:
        ModelError: If the endpoint fails or its answer is not as agreed.
    """
    if not samples:
        return {}
    counted = detect(
        {name: one.frame.jpeg for name, one in samples.items()},
        {name: one.context for name, one in samples.items()},
    )
    return {
        name: _frames_counted(
            one, counted[name], scene_change=views.difference(one.camera_key, one.frame)
        )
        for name, one in samples.items()
    }


def _frames_counted(
    one: Sample, counted: CountedFrame, *, scene_change: float | None
) -> FramesCounted:
    camera, frame, number = one.camera, one.frame, one.fragment_number
    return FramesCounted(
        id=deterministic_id(FramesCounted.detail_type, camera.site_id, camera.camera_id, number),
        correlation_id=deterministic_id("fragment", camera.stream_name, number),
        site_id=camera.site_id,
        camera_id=camera.camera_id,
        room_id=camera.room_id,
        captured_at=frame.captured_at,
        persisted_at=frame.persisted_at,
        fragment_number=number,
        frame_width=counted.width,
        frame_height=counted.height,
        faces=counted.faces,
        persons=counted.persons,
        motion=frame.motion,
        scene_change=scene_change,
        quality=counted.quality,
        light_mode=frame.light_mode,
        model=counted.model,
        person_model=counted.person_model,
        inference_id=counted.inference_id,
    )
