"""A review of frames in S3: copied down to a private folder, saved back unless somebody else did.

Pictures never stay: the folder is the caller's, who removes it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import ConflictError, ManifestError
from training.data.pictures import PICTURE_SUFFIXES
from training.manifest import Frame, read_manifest
from training.review.desk import Saved
from training.review.gathering import MANIFEST_NAME

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")
_ABSENT = frozenset({"NoSuchKey", "404"})
# Somebody else wrote first, is writing now, or took the manifest away.
_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412"})
# Requests at a time, as boto3's own transfers make.
_AT_ONCE = 10

Watch = Callable[[Sequence[Future[None]]], Iterable[Future[None]]]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where in S3 frames are.

    Attributes:
        bucket: Its name.
        path: Without a slash at its ends; empty for the whole bucket.
    """

    bucket: str
    path: str

    @classmethod
    def read(cls, address: str) -> "Prefix":
        """Return what `s3://bucket/prefix` names.

        Raises:
            ManifestError: If it names nothing.
        """
        matched = _ADDRESS.fullmatch(address)
        if matched is None:
            raise ManifestError(f"{address!r} is no S3 address.\nWrite s3://BUCKET/PREFIX.")
        return cls(matched["bucket"], (matched["prefix"] or "").strip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.path}"

    def key(self, name: str) -> str:
        """Return the key of what lies below the prefix under a name."""
        return f"{self.path}/{name}" if self.path else name


class BucketReview:
    """The manifest and the pictures below one prefix, and their copies on this machine."""

    def __init__(
        self, prefix: Prefix, folder: Path, s3: "S3Client", *, keep_in: Path, now: datetime
    ) -> None:
        """Name both sides.

        Args:
            prefix: Where they come from.
            folder: Private, empty, and removed by the caller when the review is over.
            s3: The client.
            keep_in: Where work is kept that S3 did not take.
            now: When the review began; part of the names of what it leaves.
        """
        self._prefix = prefix
        self._bucket = prefix.bucket
        self._folder = folder
        self._s3 = s3
        self._etag: str | None = None
        self._stamp = f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"
        self._kept = keep_in / f"headcount-review-{self._stamp}.jsonl"
        self._warning = ""
        self._is_overtaken = False

    @property
    def manifest_path(self) -> Path:
        """Return where the copy of the manifest is, or will be."""
        return self._folder / MANIFEST_NAME

    @property
    def address(self) -> str:
        """Return the manifest's address."""
        return f"s3://{self._bucket}/{self._prefix.key(MANIFEST_NAME)}"

    def fetch(self, watch: Watch = iter) -> None:
        """Copy the manifest and its pictures down; without a manifest, every picture there is.

        Args:
            watch: Wraps the iteration, to show progress.

        Raises:
            ManifestError: If the prefix cannot be read.
        """
        try:
            pictures = self._pictures_of_manifest()
            if pictures is None:
                pictures = self._pictures_of_prefix()
            with ThreadPoolExecutor(_AT_ONCE) as at_once:
                copies = [at_once.submit(self._copy_down, picture) for picture in pictures]
                for copied in watch(copies):
                    copied.result()
        except (BotoCoreError, ClientError) as fault:
            raise ManifestError(
                f"{self._prefix} cannot be read: {fault}\n"
                "The caller needs credentials, with s3:ListBucket and s3:GetObject there."
            ) from fault

    def picture_of(self, frame: Frame) -> Path:
        """Return where the copy of a frame's picture is, or would be.

        Raises:
            ManifestError: If the frame's name leaves the prefix.
        """
        return self._local(frame.source)

    def save(self) -> Saved:
        """Put the manifest where it came from, if it is still the one that was read or put last.

        What S3 does not take is kept in a file beside whoever runs this; later calls try again,
        unless somebody else's work is there.
        """
        if not self._is_overtaken:
            self._warning = self._put_manifest()
        if not self._warning:
            return Saved(self.address)
        _write_private(self._kept, self.manifest_path.read_bytes())
        return Saved(str(self._kept), self._warning)

    def finish(self, log: Path) -> None:
        """Put what was noted in `log` beside the manifest, and say if work is not where it belongs.

        Raises:
            ConflictError: If somebody else's manifest is there; the work is in a local file.
            ManifestError: If S3 did not take it for another reason.
        """
        if self._warning:
            self.save()
        if self._is_overtaken:
            raise ConflictError(
                f"{self.address} was changed by somebody else meanwhile, and was left as it is.\n"
                f"Your work is in {self._kept}: take over the lines that carry your name."
            )
        if self._warning:
            raise ManifestError(
                f"{self.address} was not saved: {self._warning}\nYour work is in {self._kept}."
            )
        self._kept.unlink(missing_ok=True)
        if log.is_file():
            self._put_log(log)

    def _pictures_of_manifest(self) -> list[str] | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix.key(MANIFEST_NAME))
        except ClientError as fault:
            if _code(fault) in _ABSENT:
                return None
            raise
        self._etag = answer["ETag"]
        self.manifest_path.write_bytes(answer["Body"].read())
        return [frame.source for frame in read_manifest(self.manifest_path).frames]

    def _pictures_of_prefix(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix.key("")
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return [
            key.removeprefix(self._prefix.key(""))
            for key in keys
            if Path(key).suffix.lower() in PICTURE_SUFFIXES
        ]

    def _copy_down(self, source: str) -> None:
        """Copy one picture; one that is not there is missing, as it would be in a folder."""
        bucket, key = self._bucket, self._prefix.key(source)
        if "://" in source:
            parts = urlsplit(source)
            bucket, key = parts.netloc, parts.path.lstrip("/")
        target = self._local(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as fault:
            if _code(fault) not in _ABSENT:
                raise
            return
        target.write_bytes(body)

    def _local(self, source: str) -> Path:
        if "://" in source:
            # Elsewhere in S3: kept under a name of its own, which no relative one can be.
            name = hashlib.sha256(source.encode()).hexdigest() + Path(source).suffix.lower()
            return self._folder / ".elsewhere" / name
        path = (self._folder / source).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise ManifestError(
                f"{self.address}: source-ref {source!r} leaves the prefix.\n"
                "Put the pictures below it."
            )
        return path

    def _put_manifest(self) -> str:
        """Return why S3 did not take the manifest; empty if it did."""
        # A condition on what is there: a plain put would silently undo another reviewer's work.
        unchanged = {"IfMatch": self._etag} if self._etag else {"IfNoneMatch": "*"}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=self._prefix.key(MANIFEST_NAME),
                Body=self.manifest_path.read_bytes(),
                ContentType="application/jsonlines",
                **unchanged,  # type: ignore[arg-type]
            )
        except ClientError as fault:
            self._is_overtaken = _code(fault) in _OVERTAKEN
            return "somebody else saved first" if self._is_overtaken else str(fault)
        except BotoCoreError as fault:
            return str(fault)
        self._etag = answer["ETag"]
        return ""

    def _put_log(self, log: Path) -> None:
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._prefix.key(f"review-log/{self._stamp}.jsonl"),
                Body=log.read_bytes(),
                IfNoneMatch="*",
            )
        except (BotoCoreError, ClientError) as fault:
            raise ManifestError(
                f"The note of who opened pictures was not saved beside {self.address}: {fault}\n"
                "Everything else was. The caller needs s3:PutObject on the prefix."
            ) from fault


def _code(fault: ClientError) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
