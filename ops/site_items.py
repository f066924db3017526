"""A site's items in the rooms table: what the functions know of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headcount.identifiers import camera_key, room_key
from headcount.site import CameraBinding, RoomConfig

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SITES = "SITES"


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """Which version of a site's document is in force."""

    site_id: str
    name: str
    version: str
    document_key: str
    applied_at: str


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """An address that is told of a site's rooms.

    Attributes:
        protocol: `email` or `sms`, as SNS calls them.
        address: Where.
        room_ids: Of which rooms, sorted.
        subscription_arn: SNS's name for it.
    """

    protocol: str
    address: str
    room_ids: tuple[str, ...]
    subscription_arn: str


class SiteItems:
    """Reads and writes the items of sites, rooms, cameras and contacts."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def sites(self) -> list[SiteRecord]:
        """Return every site that has been applied."""
        return [
            SiteRecord(
                site_id=item["sk"].removeprefix("SITE#"),
                name=item.get("name", ""),
                version=item["version"],
                document_key=item["document_key"],
                applied_at=item["applied_at"],
            )
            for item in self._query(_SITES, "SITE#")
        ]

    def site(self, site_id: str) -> SiteRecord | None:
        """Return a site's record, or None if it was never applied."""
        return next((record for record in self.sites() if record.site_id == site_id), None)

    def put_site(self, record: SiteRecord) -> None:
        """Say which version is in force."""
        self._put(
            _SITES,
            f"SITE#{record.site_id}",
            name=record.name,
            version=record.version,
            document_key=record.document_key,
            applied_at=record.applied_at,
        )

    def remove_site(self, site_id: str) -> None:
        """Forget that a site was applied."""
        self._delete(_SITES, f"SITE#{site_id}")

    def rooms(self, site_id: str) -> dict[str, str]:
        """Return each room's configuration as it is stored, by room id."""
        return {
            item["sk"].removeprefix("ROOM#"): item["config"]
            for item in self._query(f"SITE#{site_id}", "ROOM#")
        }

    def put_room(self, site_id: str, room: RoomConfig) -> None:
        """Write what the functions know of a room."""
        self._put(
            f"SITE#{site_id}",
            f"ROOM#{room.id}",
            config=room.model_dump_json(),
            policy_version=room.policy_version,
        )

    def remove_room(self, site_id: str, room_id: str) -> None:
        """Remove a room with its state: a later room of that name must not inherit it."""
        self._delete_all(room_key(site_id, room_id))
        self._delete(f"SITE#{site_id}", f"ROOM#{room_id}")

    def camera(self, stream: str) -> str | None:
        """Return what is stored of a stream's camera, or None."""
        return next((item["config"] for item in self._query(f"STREAM#{stream}", "CAMERA")), None)

    def put_camera(self, binding: CameraBinding) -> None:
        """Write which camera a stream belongs to."""
        self._put(f"STREAM#{binding.stream_name}", "CAMERA", config=binding.model_dump_json())

    def remove_camera(self, site_id: str, camera_id: str, stream: str) -> None:
        """Remove a camera with what it remembers of its view."""
        self._delete_all(camera_key(site_id, camera_id))
        self._delete(f"STREAM#{stream}", "CAMERA")

    def contacts(self, site_id: str) -> dict[tuple[str, str], ContactRecord]:
        """Return the addresses told of a site's rooms, by protocol and address."""
        records = (
            ContactRecord(
                protocol=item["protocol"],
                address=item["address"],
                room_ids=tuple(json.loads(item["room_ids"])),
                subscription_arn=item["subscription_arn"],
            )
            for item in self._query(f"SITE#{site_id}", "CONTACT#")
        )
        return {(record.protocol, record.address): record for record in records}

    def put_contact(self, site_id: str, record: ContactRecord) -> None:
        """Write that an address is told of a site's rooms."""
        self._put(
            f"SITE#{site_id}",
            f"CONTACT#{record.protocol}:{record.address}",
            protocol=record.protocol,
            address=record.address,
            room_ids=json.dumps(record.room_ids),
            subscription_arn=record.subscription_arn,
        )

    def remove_contact(self, site_id: str, protocol: str, address: str) -> None:
        """Forget an address."""
        self._delete(f"SITE#{site_id}", f"CONTACT#{protocol}:{address}")

    def _query(self, pk: str, prefix: str | None = None) -> Iterator[dict[str, str]]:
        """Yield the items whose sort key begins so, or all, with their text attributes alone."""
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix is not None:
            # DynamoDB refuses begins_with an empty text.
            condition, values = (
                f"{condition} AND begins_with(sk, :prefix)",
                {**values, ":prefix": {"S": prefix}},
            )
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            # The item just written by an apply that failed half-way must be seen by the next.
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield {name: value["S"] for name, value in item.items() if "S" in value}

    def _put(self, pk: str, sk: str, **attributes: str) -> None:
        self._client.put_item(
            TableName=self._table,
            Item={name: {"S": value} for name, value in {"pk": pk, "sk": sk, **attributes}.items()},
        )

    def _delete(self, pk: str, sk: str) -> None:
        self._client.delete_item(TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    def _delete_all(self, pk: str) -> None:
        for item in list(self._query(pk)):
            self._delete(pk, item["sk"])
