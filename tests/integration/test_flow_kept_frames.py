"""A fragment of a camera whose site allows it becomes a kept frame, by the function's own right."""

from datetime import UTC, datetime, timedelta

from headcount.events import FramesCounted
from headcount.identifiers import kept_frame_key
from ops.kept_frames import Choice, KeptFrames
from ops.site_apply import SitePlanner
from ops.site_changes import SiteClients, carry_out
from ops.site_reading import read_site
from tests.integration.deployed_stage import QUICK_POLICY, DeployedStage, WatchedRoom, eventually


def test_one_frame_of_a_slot_is_kept_with_its_expiry_and_goes_with_its_site(
    deployed: DeployedStage,
) -> None:
    document = deployed.document("keeping", QUICK_POLICY)
    document.write_text(document.read_text() + "kept_frames: {every_s: 60, expire_days: 3}\n")
    planner = SitePlanner(deployed.deployment, SiteClients.made_by(deployed.aws.client))
    carry_out(planner.changes(read_site(document), document.read_bytes()), tell=lambda _: None)
    # On the minute begins a slot: of three frames, a second apart, the first is due.
    minute = (datetime.now(UTC) - timedelta(seconds=60)).replace(second=0, microsecond=0)
    room = WatchedRoom(deployed, "keeping", filmed_from=minute)
    s3, bucket = deployed.aws.client("s3"), deployed.deployment.kept_frames_bucket_name
    store = KeptFrames(s3, bucket)

    room.show(people=1, seconds=3)

    first = min(room.await_heard(FramesCounted, 3), key=lambda seen: seen.captured_at)
    (kept,) = eventually(lambda: store.find(Choice("keeping")))
    about = s3.get_object(Bucket=bucket, Key=kept.key)
    tags = s3.get_object_tagging(Bucket=bucket, Key=kept.key)["TagSet"]
    assert kept.key == kept_frame_key("keeping", "door", first.captured_at, first.id)
    assert about["Body"].read(2) == b"\xff\xd8"
    assert tags == [{"Key": "expire-days", "Value": "3"}]

    carry_out(planner.retirement("keeping"), tell=lambda _: None)

    assert store.find(Choice("keeping")) == []
