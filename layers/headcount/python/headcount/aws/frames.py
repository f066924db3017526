"""Key frames out of Kinesis Video's archive."""

from typing import Final

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from headcount.aws.archives import Archives
from headcount.domain.terms import LightMode
from headcount.errors import CorruptFragmentError, FragmentNotFoundError, StreamError
from headcount.media.fragments import Fragment, read_fragments
from headcount.media.keyframe import Picture, decode_key_frame, encode_jpeg, grey_thumbnail
from headcount.media.motion import motion
from headcount.ports import SampledFrame

_API: Final = "GET_MEDIA_FOR_FRAGMENT_LIST"
# Grey levels of 255. Chosen: below it a face cannot be told from the noise of a webcam.
_DARK_LEVEL: Final = 18.0
# Levels between the colour channels. Chosen: an infrared picture is grey, up to compression.
_COLOURLESS_LEVEL: Final = 2.0


class KinesisVideoFragments:
    """A `FrameSource`: one stored fragment, fetched by its number."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives

    def __call__(self, stream_name: str, fragment_number: str) -> SampledFrame:
        """Return a fragment's key frame.

        Raises:
            FragmentNotFoundError: If the fragment is not, or no longer, stored.
            CorruptFragmentError: If it cannot be decoded.
            StreamError: If Kinesis Video does not answer as it should.
        """
        fragment = self._fetch(stream_name, fragment_number)
        picture = decode_key_frame(fragment)
        return SampledFrame(
            # Nothing is stored before it is captured: a camera's clock that is ahead would make
            # all that follows look late, for as long as it is ahead.
            captured_at=min(fragment.producer_at, fragment.server_at),
            persisted_at=fragment.server_at,
            jpeg=encode_jpeg(picture),
            thumbnail=grey_thumbnail(picture).tobytes(),
            motion=motion(fragment.cluster),
            light_mode=light_mode(picture),
        )

    def _fetch(self, stream_name: str, fragment_number: str) -> Fragment:
        try:
            answer = self._archives.client(stream_name, _API).get_media_for_fragment_list(
                StreamName=stream_name, Fragments=[fragment_number]
            )
            for fragment in read_fragments(answer["Payload"].iter_chunks(1 << 16)):
                if fragment.number == fragment_number:
                    return fragment
        except ClientError as fault:
            # The endpoint may have moved: ask for it anew when the record comes back.
            self._archives.forget(stream_name, _API)
            code = fault.response["Error"]["Code"]
            kind = FragmentNotFoundError if code == "ResourceNotFoundException" else StreamError
            raise kind(
                f"{stream_name}: {code} for fragment {fragment_number}. Look whether the stream "
                "exists, keeps data (retention above 0), and the role may read it."
            ) from fault
        except BotoCoreError as fault:
            self._archives.forget(stream_name, _API)
            raise StreamError(
                f"{stream_name}: {fault} Fragment {fragment_number} is asked for again."
            ) from fault
        raise FragmentNotFoundError(
            f"{stream_name} has no fragment {fragment_number}. It is asked for again; if it stays "
            "away, its retention is over."
        )


def light_mode(picture: Picture) -> LightMode:
    """Return what light a picture was taken by.

    Args:
        picture: Shape `(height, width, 3)`, blue green red.

    Raises:
        CorruptFragmentError: If it is not a colour picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise CorruptFragmentError(f"A picture of shape {picture.shape} has no three colours.")
    # Every eighth pixel each way says as much of the light as all of them.
    sample = picture[::8, ::8].astype(np.int16)
    if float(sample.mean()) < _DARK_LEVEL:
        return LightMode.DARK
    spread = sample.max(axis=2) - sample.min(axis=2)
    return LightMode.INFRARED if float(spread.mean()) < _COLOURLESS_LEVEL else LightMode.DAY
