"""A deployed stage made to match a site document, without a deploy."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from headcount.errors import DeploymentError
from headcount.site import CameraBinding, CameraConfig, Site
from ops.deployment import Deployment
from ops.kept_frames import Choice, KeptFrames
from ops.site_changes import Change, SiteClients
from ops.site_contacts import SiteContacts, addresses_of
from ops.site_items import SiteItems, SiteRecord
from ops.site_streams import SiteStreams


def now_utc() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


class SitePlanner:
    """Finds what must change for a stage to match a document.

    The order is: document, streams, items, contacts, what is gone, and last the record of the
    version. A failure half-way leaves cameras that work and a record of the old version, and
    the next apply plans the rest, because it compares with what is there and not with a log.
    """

    def __init__(
        self,
        deployment: Deployment,
        clients: SiteClients,
        *,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._deployment = deployment
        self._clients = clients
        self._clock = clock
        self.items = SiteItems(clients.dynamodb, deployment.rooms_table_name)

    def changes(self, site: Site, document: bytes) -> list[Change]:
        """Return what must be done for `site` to be in force, in the order to do it in.

        Args:
            site: What the document says.
            document: The document as its author wrote it, comments and all.

        Raises:
            DeploymentError: If a stream of this site belongs to something else.
        """
        streams = self._streams(site.id)
        contacts = self._contacts(site.id)
        wanted = addresses_of(site)
        record = self.items.site(site.id)
        key = f"sites/{site.id}/{site.version}.yaml"
        found: list[Change] = []
        current = record is not None and record.version == site.version
        if not current:
            found.append(Change("+", f"document {key}", partial(self._store, key, document)))
        found += self._cameras(site, streams)
        found += self._rooms(site)
        found += contacts.missing(wanted)
        cameras = {camera.id for room in site.rooms for camera in room.cameras}
        found += self._gone(
            site.id, streams, keep_rooms={room.id for room in site.rooms}, keep_cameras=cameras
        )
        # By what is kept and not by what is retired now: a failure then is made good by the next.
        for camera_id in sorted(self._kept_frames().cameras(site.id) - cameras):
            found += self._erasure(Choice(site.id, camera_id))
        found += contacts.surplus(wanted)
        if not current:
            was = f"{record.version} -> " if record else ""
            found.append(
                Change(
                    "~" if record else "+",
                    f"site {site.id}, version {was}{site.version}",
                    partial(self._record, site, key),
                )
            )
        return found

    def retirement(self, site_id: str) -> list[Change]:
        """Return what must be done for nothing of a site to be left but its old documents."""
        found = list(self._gone(site_id, self._streams(site_id), set(), set()))
        # After the cameras: from then on, no frame of theirs is kept any more.
        found += self._erasure(Choice(site_id))
        found += self._contacts(site_id).surplus({})
        if self.items.site(site_id) is not None:
            found.append(Change("-", f"site {site_id}", partial(self.items.remove_site, site_id)))
        return found

    def _cameras(self, site: Site, streams: SiteStreams) -> Iterator[Change]:
        deployed = streams.deployed()
        yield from streams.missing(site, deployed)
        for room in site.rooms:
            for camera in room.cameras:
                stored = self.items.camera(streams.name(camera.id))
                bind = partial(_binding, site, room.id, camera, streams.name(camera.id))
                if camera.id in deployed:
                    binding = bind(deployed[camera.id]["StreamARN"])
                    if stored == binding.model_dump_json():
                        continue
                yield Change(
                    "~" if stored else "+",
                    f"camera {camera.id} in {room.id}",
                    partial(self._put_camera, bind, streams, camera.id),
                )

    def _put_camera(
        self, bind: Callable[[str], CameraBinding], streams: SiteStreams, camera_id: str
    ) -> None:
        self.items.put_camera(bind(streams.arn(camera_id)))

    def _rooms(self, site: Site) -> Iterator[Change]:
        stored = self.items.rooms(site.id)
        for room in site.room_configs:
            if stored.get(room.id) != room.model_dump_json():
                yield Change(
                    "~" if room.id in stored else "+",
                    f"room {room.id}, policy {room.policy_version}",
                    partial(self.items.put_room, site.id, room),
                )

    def _gone(
        self, site_id: str, streams: SiteStreams, keep_rooms: set[str], keep_cameras: set[str]
    ) -> Iterator[Change]:
        for camera_id in streams.deployed():
            if camera_id not in keep_cameras:
                yield Change(
                    "-",
                    f"camera {camera_id} with its stream and the video in it",
                    partial(self._retire_camera, site_id, streams, camera_id),
                )
        for room_id in self.items.rooms(site_id):
            if room_id not in keep_rooms:
                yield Change(
                    "-", f"room {room_id}", partial(self.items.remove_room, site_id, room_id)
                )

    def _erasure(self, choice: Choice) -> Iterator[Change]:
        kept = self._kept_frames()
        if frames := kept.find(choice):
            yield Change("-", f"{len(frames)} kept frames {choice}", partial(_erase, kept, choice))

    def _retire_camera(self, site_id: str, streams: SiteStreams, camera_id: str) -> None:
        # The stream goes last: as long as it is there, the next apply finds the camera.
        self.items.remove_camera(site_id, camera_id, streams.name(camera_id))
        streams.remove(camera_id)

    def _store(self, key: str, document: bytes) -> None:
        self._clients.s3.put_object(
            Bucket=self._deployment.sites_bucket_name,
            Key=key,
            Body=document,
            ContentType="application/yaml",
        )

    def _record(self, site: Site, key: str) -> None:
        self.items.put_site(
            SiteRecord(
                site_id=site.id,
                name=site.name,
                version=site.version,
                document_key=key,
                applied_at=self._clock().isoformat(timespec="seconds"),
            )
        )

    def _streams(self, site_id: str) -> SiteStreams:
        return SiteStreams(self._clients.kinesisvideo, self._deployment, site_id)

    def _kept_frames(self) -> KeptFrames:
        return KeptFrames(self._clients.s3, self._deployment.kept_frames_bucket_name)

    def _contacts(self, site_id: str) -> SiteContacts:
        return SiteContacts(
            self._clients.sns, self._deployment.alert_topic_arn, self.items, site_id
        )


def _erase(kept: KeptFrames, choice: Choice) -> None:
    _, left = kept.erase(choice)
    if left:
        raise DeploymentError(
            f"{left} kept frames {choice} are left: the functions have kept them meanwhile.\n"
            "They forget a camera within a minute: run the same command again then."
        )


def _binding(
    site: Site, room_id: str, camera: CameraConfig, stream: str, stream_arn: str
) -> CameraBinding:
    return CameraBinding(
        site_id=site.id,
        room_id=room_id,
        camera_id=camera.id,
        stream_name=stream,
        stream_arn=stream_arn,
        sample_every_s=camera.sample_every_s,
        fragment_s=camera.fragment_s,
        kept_frames=site.kept_frames_of(camera),
    )
