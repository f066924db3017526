"""H.264 as Matroska stores it: NAL units with their lengths, parameter sets beside the frames.

An encoder writes the other form, Annex B, where a start code is before each unit.
Source: ISO/IEC 14496-10 annex B, ISO/IEC 14496-15 section 5.3.3.
"""

import re
from collections.abc import Iterator

from headcount.errors import MediaError

_START_CODE = re.compile(rb"\x00\x00\x01")
_SEQUENCE_PARAMETERS, _PICTURE_PARAMETERS, _DELIMITER = 7, 8, 9
_UNIT_TYPE_MASK = 0x1F
_LENGTH_BYTES = 4


def split_annex_b(stream: bytes) -> Iterator[bytes]:
    """Yield the NAL units between start codes."""
    starts = [match.end() for match in _START_CODE.finditer(stream)]
    ends = [start - 3 for start in starts[1:]] + [len(stream)]
    for start, end in zip(starts, ends, strict=True):
        # A start code of four bytes begins with a zero that belongs to no unit.
        unit = stream[start:end].rstrip(b"\0")
        if unit:
            yield unit


def to_length_prefixed(stream: bytes) -> bytes:
    """Return a frame for Matroska: no start codes, no parameter sets, no delimiters."""
    kept = (
        unit
        for unit in split_annex_b(stream)
        if unit[0] & _UNIT_TYPE_MASK not in (_SEQUENCE_PARAMETERS, _PICTURE_PARAMETERS, _DELIMITER)
    )
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in kept)


def decoder_configuration(parameters: bytes) -> bytes:
    """Return the AVCDecoderConfigurationRecord for parameter sets in Annex B.

    Raises:
        MediaError: If a sequence or a picture parameter set is missing.
    """
    units = list(split_annex_b(parameters))
    sequence = [unit for unit in units if unit[0] & _UNIT_TYPE_MASK == _SEQUENCE_PARAMETERS]
    picture = [unit for unit in units if unit[0] & _UNIT_TYPE_MASK == _PICTURE_PARAMETERS]
    if not sequence or not picture or len(sequence[0]) < 4:
        raise MediaError("H.264 without its parameter sets: the encoder must send them first.")
    profile_and_level = sequence[0][1:4]
    record = b"\x01" + profile_and_level + bytes([0xFC | (_LENGTH_BYTES - 1)])
    record += bytes([0xE0 | len(sequence)]) + b"".join(_with_length(unit) for unit in sequence)
    return record + bytes([len(picture)]) + b"".join(_with_length(unit) for unit in picture)


def _with_length(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit
