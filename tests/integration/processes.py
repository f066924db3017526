"""What a process has started and listens on, as Linux tells it in /proc."""

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes that `pid` started, and that those started."""
    children: dict[int, set[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        parent = _parent(entry)
        if parent is not None:
            children.setdefault(parent, set()).add(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and is not yet reaped does not."""
    return _parent(_PROC / str(pid)) is not None


def listening_ports(pids: set[int]) -> set[int]:
    """Return the TCP ports that any of the processes listens on."""
    by_socket = dict(_listening_sockets())
    return {by_socket[socket] for pid in pids for socket in _open_files(pid) if socket in by_socket}


def _listening_sockets() -> Iterator[tuple[str, int]]:
    for table in ("tcp", "tcp6"):
        for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTENING:
                yield f"socket:[{columns[9]}]", int(columns[1].rpartition(":")[2], 16)


def _open_files(pid: int) -> Iterator[str]:
    try:
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            yield str(descriptor.readlink())
    except FileNotFoundError:
        # It has ended, or closed the file, in the meantime.
        return


def _parent(entry: Path) -> int | None:
    """Return the parent of a process, or None if it has ended."""
    try:
        # The name in parentheses may hold anything: what counts comes after the last one.
        state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(parent)
