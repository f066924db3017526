"""The frames that a stage has kept: listed, fetched and erased."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from headcount.domain.terms import LightMode
from headcount.errors import DeploymentError, ManifestError
from headcount.identifiers import kept_frames_prefix
from training.data.pool import MANIFEST_NAME
from training.manifest import Frame, read_manifest, write_manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What S3 deletes in one call.
_BATCH = 1000
# Site, camera, year, month, day, name.
_STEPS = 6


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """An object of the bucket.

    Attributes:
        key: Its whole key.
        camera_id: Which camera took it.
        day: On which day of UTC it was taken.
    """

    key: str
    camera_id: str
    day: date

    @property
    def source(self) -> str:
        """Where its picture is in a pool, relative to the manifest."""
        return f"{self.camera_id}/{self.day.isoformat()}/{self.key.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which kept frames are meant.

    Attributes:
        camera_id: Of one camera; None for all of the site.
        since: Taken on that day of UTC or later.
        before: Taken earlier than that day.
    """

    site_id: str
    camera_id: str | None = None
    since: date | None = None
    before: date | None = None

    def includes(self, frame: KeptFrame) -> bool:
        """Return whether a frame of the site and camera is of the days that are meant."""
        return (self.since is None or frame.day >= self.since) and (
            self.before is None or frame.day < self.before
        )

    def __str__(self) -> str:
        words = [f"of site {self.site_id}"]
        words += [f"of camera {self.camera_id}"] if self.camera_id else []
        words += [f"since {self.since}"] if self.since else []
        words += [f"before {self.before}"] if self.before else []
        return ", ".join(words)


class KeptFrames:
    """The bucket of a stage's kept frames.

    Args:
        client: S3.
        bucket: Its name.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def cameras(self, site_id: str) -> set[str]:
        """Return the cameras of a site of which any frame is kept.

        Raises:
            DeploymentError: If S3 refuses.
        """
        prefix = kept_frames_prefix(site_id)
        with _explained("listed", "s3:ListBucket"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            return {
                found["Prefix"].removeprefix(prefix).removesuffix("/")
                for page in pages
                for found in page.get("CommonPrefixes", [])
            }

    def find(self, choice: Choice) -> list[KeptFrame]:
        """Return what is kept, in the order of cameras and days.

        Raises:
            DeploymentError: If S3 refuses.
        """
        with _explained("listed", "s3:ListBucket"):
            return [frame for frame in self._listed(choice) if choice.includes(frame)]

    def erase(
        self,
        choice: Choice,
        watch: Callable[[Sequence[Sequence[KeptFrame]]], Iterable[Sequence[KeptFrame]]] = iter,
    ) -> tuple[int, int]:
        """Delete frames for good, and return (frames there were, frames left when looked again).

        The bucket keeps no versions. Some are left if cameras go on keeping meanwhile.

        Args:
            choice: Which.
            watch: Wraps the calls of S3, a thousand frames each, to show progress.

        Raises:
            DeploymentError: If S3 refuses, or leaves any that it was told to delete.
        """
        frames = self.find(choice)
        calls = [frames[start : start + _BATCH] for start in range(0, len(frames), _BATCH)]
        for some in watch(calls):
            self._delete(some)
        return len(frames), len(self.find(choice))

    def fetch(
        self,
        frames: Sequence[KeptFrame],
        pool: Path,
        watch: Callable[[Sequence[KeptFrame]], Iterable[KeptFrame]] = iter,
    ) -> tuple[int, int]:
        """Download frames into a pool, and return (fetched, frames that the pool then has).

        What the pool has already is not downloaded again. Nobody else of this machine may read it.

        Args:
            frames: From `find`.
            pool: A folder, which is made.
            watch: Wraps the downloads, to show progress.

        Raises:
            DeploymentError: If S3 refuses, or a picture is not the one that was kept.
            ManifestError: If the pool cannot be read or written.
        """
        manifest = pool / MANIFEST_NAME
        known = {f.source: f for f in read_manifest(manifest).frames} if manifest.exists() else {}
        new = [f for f in frames if f.source not in known or not (pool / f.source).is_file()]
        with _writable(pool):
            pool.mkdir(mode=0o700, parents=True, exist_ok=True)
            for frame in watch(new):
                found = self._download(frame, pool / frame.source)
                if found is not None:
                    known[frame.source] = found
        fetched = sum(frame.source in known for frame in new)
        if known:
            write_manifest(manifest, (known[source] for source in sorted(known)))
        return fetched, len(known)

    def _delete(self, frames: Sequence[KeptFrame]) -> None:
        with _explained("erased", "s3:DeleteObject"):
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": frame.key} for frame in frames], "Quiet": True},
            )
        refused = answer.get("Errors", [])
        if refused:
            raise DeploymentError(
                f"S3 left {len(refused)} kept frames: {refused[0].get('Code')}.\n"
                "The caller needs s3:DeleteObject on the bucket of kept frames."
            )

    def _listed(self, choice: Choice) -> Iterator[KeptFrame]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=kept_frames_prefix(choice.site_id, choice.camera_id)
        )
        for page in pages:
            for found in page.get("Contents", []):
                yield _kept_frame(found["Key"])

    def _download(self, kept: KeptFrame, to: Path) -> Frame | None:
        """Return a frame whose picture is now at `to`; None if it has expired meanwhile."""
        with _explained("fetched", "s3:GetObject"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=kept.key)
            except self._client.exceptions.NoSuchKey:
                return None
            picture, known = answer["Body"].read(), answer["Metadata"]
        sha256 = hashlib.sha256(picture).hexdigest()
        if sha256 != known.get("sha256"):
            raise DeploymentError(
                f"{kept.key} is not the picture that was kept: its sha256 is {sha256}.\n"
                "Somebody else has written to the bucket. Erase that frame."
            )
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        to.write_bytes(picture)
        return Frame(
            source=kept.source,
            width_px=int(known["width"]),
            height_px=int(known["height"]),
            sha256=sha256,
            camera_id=known["camera-id"],
            captured_at=datetime.fromisoformat(known["captured-at"]).astimezone(UTC),
            light_mode=LightMode(known["light-mode"]),
            inference_id=known["inference-id"],
        )


def _kept_frame(key: str) -> KeptFrame:
    steps = key.split("/")
    try:
        if len(steps) != _STEPS:
            raise ValueError(key)
        return KeptFrame(key, steps[1], date(*map(int, steps[2:5])))
    except ValueError as fault:
        raise DeploymentError(
            f"{key} in the bucket of kept frames is none of ours.\n"
            "Look who put it there, and delete it."
        ) from fault


@contextmanager
def _explained(what: str, action: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        raise DeploymentError(
            f"Kept frames cannot be {what}: {fault}\n"
            f"The caller needs {action} on their bucket, and kms:Decrypt on the stage's key."
        ) from fault


@contextmanager
def _writable(pool: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise ManifestError(
            f"{pool} cannot be written ({fault.strerror}).\nName a folder of yours with --out."
        ) from fault
