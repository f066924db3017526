"""State and event do not part: what is said of a change is stored with it, then published."""

from collections.abc import Callable

from headcount.ports import Change, ItemStore, Publisher, StateT, Stored


def change_and_publish(
    items: ItemStore[StateT],
    publish: Publisher,
    key: str,
    change: Callable[[StateT | None, int], Change[StateT] | None],
) -> Stored[StateT]:
    """Return an item after `change`, when all that was ever said of it has been published.

    After a crash in between, the next change of the item publishes what is left, by the same ids.
    If the bus was away for so long that the outbox is full, that is published before the change.

    Raises:
        ConflictError: If somebody else is first every time.
        PublishError: If the bus does not take every event.
    """
    while True:
        stored = items.update(key, change)
        if stored.unpublished:
            publish(stored.unpublished)
            items.mark_published(stored)
        if not stored.is_full:
            return stored
