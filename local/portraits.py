"""Real faces for the default clips, from pinned and hash-checked packages.

Five portraits of four people: White House photographs (public domain) that the source distribution
of face_recognition carries for its tests, and NASA's astronaut (public domain) from scikit-image.
"""

import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from headcount.errors import SourceError

ROOT = Path(__file__).resolve().parent.parent
PORTRAITS = ROOT / ".build/portraits"


@dataclass(frozen=True, slots=True)
class Portrait:
    """Where a face is in a picture, as fractions of the picture's width and height.

    Attributes:
        file: Name below .build/portraits.
        face_x: Centre of the face, from the left.
        face_y: Centre of the face, from the top.
        face_width: Width of the face, ear to ear.
    """

    file: str
    face_x: float
    face_y: float
    face_width: float


# Read off the pictures by eye, to about one hundredth.
PEOPLE = (
    Portrait("obama.jpg", 0.555, 0.255, 0.30),
    Portrait("biden.jpg", 0.575, 0.185, 0.24),
    Portrait("astronaut.png", 0.435, 0.225, 0.19),
    Portrait("obama2.jpg", 0.60, 0.33, 0.46),
    Portrait("obama3.jpg", 0.525, 0.195, 0.17),
)


def fetch_portraits() -> Path:
    """Return the folder that holds the pictures of `PEOPLE`, fetching them the first time.

    Raises:
        SourceError: If the packages cannot be had, or hold other files than they used to.
    """
    wanted = {portrait.file for portrait in PEOPLE}
    if all((PORTRAITS / name).is_file() for name in wanted):
        return PORTRAITS
    with tempfile.TemporaryDirectory() as scratch:
        packages = Path(scratch)
        _download(packages)
        PORTRAITS.mkdir(parents=True, exist_ok=True)
        for package in packages.iterdir():
            _extract(package, wanted)
    missing = wanted - {path.name for path in PORTRAITS.iterdir()}
    if missing:
        raise SourceError(
            f"The portrait packages no longer hold {', '.join(sorted(missing))}. "
            "Check the versions in requirements/portraits.in."
        )
    return PORTRAITS


def _download(into: Path) -> None:
    answer = subprocess.run(
        [
            str(ROOT / ".build/tools/bin/python"), "-m", "pip", "download", "--quiet", "--no-deps",
            "--no-build-isolation", "--require-hashes", "--no-binary", "face-recognition",
            "--only-binary", "scikit-image", "--dest", str(into),
            "--requirement", str(ROOT / "requirements/portraits.txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise SourceError(
            f"The portrait packages could not be downloaded: {answer.stderr.strip()[-400:]}. "
            "Check the connection to the package index, or bring clips of your own with --source."
        )


def _extract(package: Path, wanted: set[str]) -> None:
    """Copy only the wanted pictures: nothing else of the package is unpacked or run."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for member in wheel.namelist():
                if Path(member).name in wanted:
                    (PORTRAITS / Path(member).name).write_bytes(wheel.read(member))
        return
    with tarfile.open(package) as sdist:
        for entry in sdist.getmembers():
            content = sdist.extractfile(entry) if Path(entry.name).name in wanted else None
            if content is not None:
                with (PORTRAITS / Path(entry.name).name).open("wb") as out:
                    shutil.copyfileobj(content, out)
