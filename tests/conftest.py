"""What every suite may ask for."""

from pathlib import Path

import pytest

# Recordings that are not ours to redistribute: beside the repository on a developer's machine.
_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared/data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not _SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not here: real recordings are not part of the repository.")
    return _SHARED_DATA
