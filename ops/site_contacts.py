"""Who is told of which rooms: subscriptions to the alert topic, filtered by site and room."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from headcount.site import Site
from ops.site_changes import Change
from ops.site_items import ContactRecord, SiteItems

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

Address = tuple[str, str]


def addresses_of(site: Site) -> dict[Address, tuple[str, ...]]:
    """Return the rooms that each (protocol, address) is to be told of, sorted."""
    contacts = {contact.id: contact for contact in site.contacts}
    rooms: dict[Address, set[str]] = {}
    for room in site.rooms:
        for name in room.contacts:
            for endpoint in contacts[name].endpoints():
                rooms.setdefault(endpoint, set()).add(room.id)
    return {address: tuple(sorted(ids)) for address, ids in rooms.items()}


def filter_policy(rooms_by_site: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the SNS filter that lets through the alerts of these rooms and no others.

    Args:
        rooms_by_site: Site id -> room ids; a topic has one subscription per address, so what an
            address is told by several sites stands in one filter.
    """
    alternatives = [
        {"site_id": [site_id], "room_id": list(room_ids)}
        for site_id, room_ids in sorted(rooms_by_site.items())
    ]
    return alternatives[0] if len(alternatives) == 1 else {"$or": alternatives}


class SiteContacts:
    """Plans the subscriptions of one site's contacts."""

    def __init__(self, client: "SNSClient", topic_arn: str, items: SiteItems, site_id: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._items = items
        self._site_id = site_id

    def missing(self, wanted: Mapping[Address, tuple[str, ...]]) -> Iterator[Change]:
        """Yield a change for every address that is to be told, or told of other rooms."""
        recorded = self._items.contacts(self._site_id)
        for address, room_ids in wanted.items():
            record = recorded.get(address)
            if record is None:
                what = f"{_in_words(address)} is told of {', '.join(room_ids)}"
                yield Change("+", what, partial(self.tell, address, room_ids))
            elif record.room_ids != room_ids:
                what = (
                    f"{_in_words(address)} is told of {', '.join(record.room_ids)} -> "
                    f"{', '.join(room_ids)}"
                )
                yield Change("~", what, partial(self.tell, address, room_ids))
            elif not self._is_subscribed(record.subscription_arn):
                # Never confirmed, and so lapsed, or ended by whoever was told.
                what = f"{_in_words(address)} is asked again to be told of {', '.join(room_ids)}"
                yield Change("+", what, partial(self.tell, address, room_ids))

    def surplus(self, wanted: Mapping[Address, tuple[str, ...]]) -> Iterator[Change]:
        """Yield a change for every address that is to be told no more."""
        for address, record in self._items.contacts(self._site_id).items():
            if address not in wanted:
                what = f"{_in_words(address)} is told of nothing here"
                yield Change("-", what, partial(self.silence, record))

    def tell(self, address: Address, room_ids: tuple[str, ...]) -> None:
        """Have alerts of these rooms sent to an address."""
        protocol, endpoint = address
        others = self._told_by_other_sites(address)
        rooms = {record_site: record.room_ids for record_site, record in others.items()}
        policy = json.dumps(filter_policy({**rooms, self._site_id: room_ids}))
        known = self._items.contacts(self._site_id).get(address)
        arn = self._subscribed((known, *others.values()))
        if arn is None:
            arn = self._client.subscribe(
                TopicArn=self._topic_arn,
                Protocol=protocol,
                Endpoint=endpoint,
                Attributes={"FilterPolicy": policy},
                # An e-mail address must confirm first; its subscription has a name all the same.
                ReturnSubscriptionArn=True,
            )["SubscriptionArn"]
        else:
            self._set_filter(arn, policy)
        self._items.put_contact(self._site_id, ContactRecord(protocol, endpoint, room_ids, arn))

    def silence(self, record: ContactRecord) -> None:
        """Have nothing of this site sent to an address any more."""
        others = self._told_by_other_sites((record.protocol, record.address))
        if others:
            rooms = {site_id: other.room_ids for site_id, other in others.items()}
            arn = self._subscribed((record, *others.values()))
            if arn is not None:
                self._set_filter(arn, json.dumps(filter_policy(rooms)))
        else:
            # SNS calls one that was never confirmed invalid; it lapses after three days.
            refused = self._client.exceptions
            with suppress(refused.NotFoundException, refused.InvalidParameterException):
                self._client.unsubscribe(SubscriptionArn=record.subscription_arn)
        self._items.remove_contact(self._site_id, record.protocol, record.address)

    def _subscribed(self, records: Iterable[ContactRecord | None]) -> str | None:
        """Return the first subscription on record that there is, or None."""
        arns = (record.subscription_arn for record in records if record is not None)
        return next(filter(self._is_subscribed, arns), None)

    def _is_subscribed(self, arn: str) -> bool:
        try:
            self._client.get_subscription_attributes(SubscriptionArn=arn)
        except self._client.exceptions.NotFoundException:
            return False
        return True

    def _set_filter(self, arn: str, policy: str) -> None:
        self._client.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy
        )

    def _told_by_other_sites(self, address: Address) -> dict[str, ContactRecord]:
        records = {
            site.site_id: self._items.contacts(site.site_id).get(address)
            for site in self._items.sites()
            if site.site_id != self._site_id
        }
        return {site_id: record for site_id, record in records.items() if record is not None}


def _in_words(address: Address) -> str:
    protocol, endpoint = address
    return f"{'e-mail' if protocol == 'email' else 'text message'} {endpoint}"
