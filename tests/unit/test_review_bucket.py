"""A review of frames in S3, and what happens when two people review the same ones."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headcount.errors import ConflictError, ManifestError
from tests.reviewing import NOON, a_manifest, a_picture
from training.manifest import read_manifest
from training.review.bucket import BucketReview, Prefix
from training.review.gathering import MANIFEST_NAME, find_pictures, frames_of


class FakeS3:
    """One bucket in memory, with ETags and conditional puts."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuses = ""

    def fill(self, folder: Path, prefix: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[f"{prefix}{path.relative_to(folder).as_posix()}"] = path.read_bytes()

    def etag(self, key: str) -> str | None:
        return f'"{hashlib.md5(self.objects[key]).hexdigest()}"' if key in self.objects else None

    def get_object(self, **asked: str) -> dict[str, Any]:
        key = asked["Key"]
        if self.refuses:
            raise _refusal(self.refuses)
        if key not in self.objects:
            raise _refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[key]), "ETag": self.etag(key)}

    def put_object(self, **asked: Any) -> dict[str, Any]:
        key, wanted = asked["Key"], asked.get("IfMatch")
        if self.refuses:
            raise _refusal(self.refuses)
        there = self.etag(key)
        if (wanted and wanted != there) or ("IfNoneMatch" in asked and there):
            raise _refusal("PreconditionFailed")
        self.objects[key] = asked["Body"]
        return {"ETag": self.etag(key)}

    def get_paginator(self, _operation: str) -> "FakeS3":
        return self

    def paginate(self, **asked: str) -> list[Any]:
        keys = [key for key in self.objects if key.startswith(asked["Prefix"])]
        return [
            {"Contents": [{"Key": key} for key in keys[:2]]},
            {"Contents": [{"Key": key} for key in keys[2:]]},
        ]


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said so"}}, "Operation")


@pytest.fixture
def s3(tmp_path: Path) -> FakeS3:
    store = FakeS3()
    a_manifest(tmp_path / "theirs", ("0.png", "hall/1.png"))
    store.fill(tmp_path / "theirs", "frames/")
    return store


def a_review(s3: FakeS3, tmp_path: Path, address: str = "s3://pool/frames/") -> BucketReview:
    folder, kept = tmp_path / "copy", tmp_path / "kept"
    folder.mkdir(exist_ok=True)
    kept.mkdir(exist_ok=True)
    return BucketReview(Prefix.read(address), folder, s3, keep_in=kept, now=NOON)  # type: ignore[arg-type]


def change(review: BucketReview, text: str = "changed") -> bytes:
    content = review.manifest_path.read_bytes().replace(b"centerface", text.encode())
    review.manifest_path.write_bytes(content)
    return content


def test_the_manifest_and_its_pictures_are_copied_and_nothing_else(
    s3: FakeS3, tmp_path: Path
) -> None:
    s3.objects["frames/unnamed.png"] = b"not in the manifest"
    review = a_review(s3, tmp_path)

    review.fetch()

    frames = read_manifest(review.manifest_path).frames
    assert [review.picture_of(frame).is_file() for frame in frames] == [True, True]
    assert not (tmp_path / "copy/unnamed.png").exists()


def test_a_prefix_without_a_manifest_gets_one(tmp_path: Path) -> None:
    s3 = FakeS3()
    for name in ("a.png", "hall/b.png", "hall/c.png"):
        a_picture(tmp_path / "theirs" / name)
    s3.fill(tmp_path / "theirs", "")
    s3.objects["notes.txt"] = b"no picture"
    review = a_review(s3, tmp_path, "s3://pool")

    review.fetch()
    pictures = find_pictures(tmp_path / "copy", "there")
    assert len(frames_of(tmp_path / "copy", pictures, None)) == 3
    review.manifest_path.write_text("made here\n")

    assert review.save().warning == ""
    assert s3.objects[MANIFEST_NAME] == b"made here\n"


def test_work_is_saved_again_and_again_where_it_came_from(s3: FakeS3, tmp_path: Path) -> None:
    review = a_review(s3, tmp_path)
    review.fetch()

    for text in ("once", "twice"):
        content = change(review, text)
        saved = review.save()
        assert (saved.place, saved.warning) == ("s3://pool/frames/manifest.jsonl", "")
        assert s3.objects["frames/manifest.jsonl"] == content
    review.finish(tmp_path / "absent.jsonl")

    assert list((tmp_path / "kept").iterdir()) == []


def test_another_reviewers_work_is_never_overwritten_and_ours_is_kept(
    s3: FakeS3, tmp_path: Path
) -> None:
    review = a_review(s3, tmp_path)
    review.fetch()
    s3.objects["frames/manifest.jsonl"] = b"theirs"
    ours = change(review)

    saved = review.save()
    later = change(review, "still ours")
    review.save()

    (kept,) = (tmp_path / "kept").iterdir()
    assert s3.objects["frames/manifest.jsonl"] == b"theirs"
    assert saved.place == str(kept)
    assert saved.warning == "somebody else saved first"
    assert kept.read_bytes() in (ours, later)
    assert kept.stat().st_mode & 0o077 == 0
    with pytest.raises(ConflictError, match=rf"left as it is\.\nYour work is in {kept}"):
        review.finish(tmp_path / "absent.jsonl")


def test_a_manifest_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    s3 = FakeS3()
    a_picture(tmp_path / "theirs/a.png")
    s3.fill(tmp_path / "theirs", "frames/")
    review = a_review(s3, tmp_path)
    review.fetch()
    review.manifest_path.write_text("ours\n")
    s3.objects["frames/manifest.jsonl"] = b"theirs"

    assert review.save().warning == "somebody else saved first"
    assert s3.objects["frames/manifest.jsonl"] == b"theirs"


def test_what_s3_did_not_take_is_kept_and_put_later(s3: FakeS3, tmp_path: Path) -> None:
    review = a_review(s3, tmp_path)
    review.fetch()
    ours = change(review)
    s3.refuses = "SlowDown"

    saved = review.save()
    assert "SlowDown" in saved.warning
    assert Path(saved.place).read_bytes() == ours

    s3.refuses = ""
    review.finish(tmp_path / "absent.jsonl")
    assert s3.objects["frames/manifest.jsonl"] == ours
    assert not Path(saved.place).exists()


def test_work_that_s3_never_took_is_named_at_the_end(s3: FakeS3, tmp_path: Path) -> None:
    review = a_review(s3, tmp_path)
    review.fetch()
    s3.refuses = "AccessDenied"
    review.save()

    with pytest.raises(ManifestError, match=r"was not saved: .*AccessDenied"):
        review.finish(tmp_path / "absent.jsonl")


def test_the_note_of_who_opened_pictures_is_put_beside_the_manifest(
    s3: FakeS3, tmp_path: Path
) -> None:
    log = tmp_path / "review-log.jsonl"
    log.write_text(json.dumps({"by": "anna"}))
    review = a_review(s3, tmp_path)
    review.fetch()

    review.finish(log)

    (key,) = (key for key in s3.objects if key.startswith("frames/review-log/20260302T120000Z-"))
    assert s3.objects[key] == log.read_bytes()


def test_pictures_elsewhere_in_s3_are_copied_too(s3: FakeS3, tmp_path: Path) -> None:
    s3.objects["else/where.png"] = s3.objects["frames/0.png"]
    s3.objects["frames/manifest.jsonl"] = s3.objects["frames/manifest.jsonl"].replace(
        b'"0.png"', b'"s3://other/else/where.png"'
    )
    review = a_review(s3, tmp_path)

    review.fetch()

    frame = read_manifest(review.manifest_path).frames[0]
    assert review.picture_of(frame).read_bytes() == s3.objects["else/where.png"]


def test_a_name_that_leaves_the_prefix_is_refused(s3: FakeS3, tmp_path: Path) -> None:
    s3.objects["frames/manifest.jsonl"] = s3.objects["frames/manifest.jsonl"].replace(
        b'"0.png"', b'"../../0.png"'
    )

    with pytest.raises(ManifestError, match="leaves the prefix"):
        a_review(s3, tmp_path).fetch()


@pytest.mark.parametrize("address", ["s3://", "s3:///frames", "s3://UPPER/frames", "s3://a"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ManifestError, match="no S3 address"):
        Prefix.read(address)


def test_a_prefix_that_may_not_be_read_says_what_is_needed(s3: FakeS3, tmp_path: Path) -> None:
    s3.refuses = "AccessDenied"

    with pytest.raises(ManifestError, match="s3:ListBucket"):
        a_review(s3, tmp_path).fetch()
