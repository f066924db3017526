"""Model artifacts: fetched from S3 and unpacked, once for each content."""

import shutil
import tarfile
import threading
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import BotoCoreError, ClientError


class ArtifactError(Exception):
    """A model's archive cannot be fetched or unpacked; the message goes to FailureReason."""


class ArtifactStore:
    """Unpacked models, shared by all containers that serve the same content.

    Args:
        s3: A boto3 client.
        folder: Where models are unpacked.
    """

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self._folder = folder
        self._lock = threading.Lock()

    def fetch(self, url: str) -> Path:
        """Return the folder with the unpacked model of `s3://bucket/key`.

        Raises:
            ArtifactError: If it is not there, or is no gzip-compressed tar.
        """
        location = urlparse(url)
        bucket, key = location.netloc, location.path.lstrip("/")
        # One at a time: two endpoints of one model must not unpack it into one folder together.
        with self._lock:
            try:
                found = self._s3.get_object(Bucket=bucket, Key=key)
            except (ClientError, BotoCoreError) as fault:
                raise ArtifactError(
                    f"Could not access model data at {url}: {fault}. "
                    "Check that the object exists and that the role may read it."
                ) from fault
            unpacked = self._folder / str(found["ETag"]).strip('"')
            if unpacked.exists():
                found["Body"].close()
                return unpacked
            partial = unpacked.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                with tarfile.open(fileobj=found["Body"], mode="r|gz") as archive:
                    _unpack(archive, partial)
            except (tarfile.TarError, EOFError, zlib.error, OSError) as fault:
                shutil.rmtree(partial, ignore_errors=True)
                raise ArtifactError(
                    f"Failed to extract model data archive from {url} ({fault}). "
                    "It must be a gzip-compressed tar."
                ) from fault
            partial.rename(unpacked)
            return unpacked


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack what stays below `folder`; a link or a path that leaves it is refused."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    # Python 3.11 has had the filter only since 3.11.4.
    inside = folder.resolve()
    for member in archive:
        if not (inside / member.name).resolve().is_relative_to(inside):
            raise tarfile.TarError(f"{member.name} would be written outside of the model's folder")
        if member.isfile() or member.isdir():
            archive.extract(member, folder)
