"""YAML read into plain values that still know the line they stand on."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Path_ = tuple[str | int, ...]

_SCALAR = "tag:yaml.org,2002:"
# Everything else stays text: a date with a thirteenth month is then a fault with a path and a line
# of its own, instead of an error inside the YAML library.
_CONVERTED = {_SCALAR + kind for kind in ("int", "float", "bool", "null")}
# The largest that the services behind a document store; nothing in a building comes near.
_LARGEST_INTEGER = 2**63 - 1
# Chosen: far more than the largest site has, and few enough for a laptop's memory. Aliases of
# aliases multiply.
_MOST_VALUES = 100_000
# Chosen: a site has seven levels.
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class LineFault:
    """Something wrong at one line of a file.

    Attributes:
        line: Counted from 1.
        path: Where in the document, outermost first; empty for the document itself.
        what: What is wrong, without a full stop.
        remedy: What to write instead, as a sentence.
    """

    line: int
    path: Path_
    what: str
    remedy: str


class UnreadableYamlError(Exception):
    """The file holds no YAML document at all; `fault` says why and where."""

    def __init__(self, fault: LineFault) -> None:
        super().__init__(fault.what)
        self.fault = fault


@dataclass(slots=True)
class YamlTree:
    """A document as plain values, with its lines.

    Attributes:
        value: dict, list, str, int, float, bool or None.
        faults: What the YAML itself has wrong although it can be read (a key given twice).
    """

    value: Any
    root: Node
    faults: list[LineFault] = field(default_factory=list)

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of the deepest part of `path` that exists, counted from 1."""
        node, line = self.root, _line(self.root)
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            node, line = found
        return line

    def existing(self, path: Sequence[str | int]) -> Path_:
        """Return `path` without the steps that a validator added and the file does not have.

        The last step is always kept: it may name a field that is missing.
        """
        node, kept = self.root, []
        for position, step in enumerate(path):
            found = _step(node, step)
            if found is not None:
                node, _ = found
                kept.append(step)
            elif position == len(path) - 1:
                kept.append(step)
        return tuple(kept)


def read_yaml(path: Path) -> YamlTree:
    """Return the one document in `path`.

    Raises:
        UnreadableYamlError: If there is no readable document.
    """
    text = _read_text(path)
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            # An anchor may be given anew: that is YAML, and only worth a warning to its author.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = yaml.compose(text)
    except RecursionError as fault:
        raise UnreadableYamlError(_nesting_fault(_line_too_deep(text))) from fault
    except MarkedYAMLError as fault:
        raise UnreadableYamlError(_syntax_fault(fault, text)) from fault
    except ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise UnreadableYamlError(
            LineFault(
                line,
                (),
                f"a control character ({fault.character!r}) stands in the text",
                "Delete it: an editor that shows invisible characters finds it.",
            )
        ) from fault
    if root is None:
        raise UnreadableYamlError(
            LineFault(1, (), "the file is empty", "Start from a copy of sites/example.yaml.")
        )
    return _Builder(yaml).build(root)


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as fault:
        raise UnreadableYamlError(
            LineFault(1, (), "there is no such file", "Check the path.")
        ) from fault
    except OSError as fault:
        raise UnreadableYamlError(
            LineFault(
                1, (), f"the file cannot be read ({fault.strerror})", "Name a file you may read."
            )
        ) from fault
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        byte = content[fault.start]
        raise UnreadableYamlError(
            LineFault(line, (), f"byte 0x{byte:02x} is not UTF-8", "Save the file as UTF-8.")
        ) from fault


def _line_too_deep(text: str) -> int:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            return int(event.start_mark.line) + 1
    return 1


def _nesting_fault(line: int) -> LineFault:
    return LineFault(
        line,
        (),
        f"lists and mappings are nested more than {_DEEPEST} deep",
        "Look for a bracket that is not closed: a site has seven levels.",
    )


def _syntax_fault(fault: MarkedYAMLError, text: str) -> LineFault:
    mark = fault.problem_mark or fault.context_mark
    line = mark.line + 1 if mark else 1
    here = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    if here[: len(here) - len(here.lstrip())].count("\t"):
        return LineFault(line, (), "the line is indented with a tab", "Indent with spaces.")
    problem = " ".join(str(part) for part in (fault.context, fault.problem) if part)
    started = fault.context_mark
    where = f" (it began in line {started.line + 1})" if started and started.line + 1 < line else ""
    return LineFault(
        line,
        (),
        f"this is not YAML: {problem}{where}",
        "Look at the indentation, quotes, brackets and colons of this line and the one above.",
    )


class _Builder:
    """Turns nodes into plain values, noting what no value can be made of."""

    def __init__(self, yaml: YAML) -> None:
        self._yaml = yaml
        self._faults: list[LineFault] = []
        self._inside: list[int] = []
        self._built = 0

    def build(self, root: Node) -> YamlTree:
        value = self._value(root, ())
        return YamlTree(value=value, root=root, faults=self._faults)

    def _value(self, node: Node, path: Path_) -> Any:
        if id(node) in self._inside:
            self._fault(node, path, "this alias contains itself", "Write the value out.")
            return None
        self._built += 1
        if self._built > _MOST_VALUES:
            raise UnreadableYamlError(
                LineFault(
                    _line(node),
                    (),
                    f"with all its aliases written out it has more than {_MOST_VALUES} values",
                    "Use fewer aliases of aliases.",
                )
            )
        if len(self._inside) > _DEEPEST:
            raise UnreadableYamlError(_nesting_fault(_line(node)))
        self._inside.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            if isinstance(node, SequenceNode):
                return [self._value(item, (*path, at)) for at, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._inside.pop()

    def _scalar(self, node: Node, path: Path_) -> Any:
        """Return a number, a text and so on; where there is a fault, what stands in for it."""
        if node.tag not in _CONVERTED:
            return self._text(node, path)
        try:
            value = self._yaml.constructor.construct_object(node)
        except (ValueError, KeyError):
            # `!!int four`, or more digits than Python reads.
            kind = str(node.tag).removeprefix(_SCALAR)
            what = f"`{node.value[:20]}` cannot be read as {kind}"
            self._fault(node, path, what, "Write it plainly: no `!!`, no more than 18 digits.")
            return 1
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            self._fault(node, path, "the number is too large", "Write one of at most 18 digits.")
            return 1
        return value

    def _text(self, node: Node, path: Path_) -> str:
        text = str(node.value)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            what = "half a character (\\ud800 to \\udfff) stands in the text"
            self._fault(node, path, what, "Write the character itself.")
            return "x"
        return text

    def _mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, path, "a key is a list or a mapping", "Use a plain word.")
                continue
            name = str(key.value)
            if key.tag == _SCALAR + "merge":
                for part in item.value if isinstance(item, SequenceNode) else [item]:
                    found = self._value(part, path)
                    if isinstance(found, dict):
                        merged = {**found, **merged}
                    elif id(part) not in self._inside:
                        what, remedy = "`<<` merges mappings", "Write `<<: *name` of an anchor."
                        self._fault(part, (*path, name), what, remedy)
                continue
            if name in values:
                self._fault(
                    key,
                    (*path, name),
                    f"`{name}` is given twice, first in line {lines[name]}",
                    "Keep one of the two.",
                )
                continue
            lines[name] = _line(key)
            values[name] = self._value(item, (*path, name))
        return {**merged, **values}

    def _fault(self, node: Node, path: Path_, what: str, remedy: str) -> None:
        self._faults.append(LineFault(_line(node), path, what, remedy))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _step(node: Node, step: str | int) -> tuple[Node, int] | None:
    """Return the part of `node` that `step` names and its line; a mapping's is its key's."""
    if isinstance(node, SequenceNode) and isinstance(step, int):
        if 0 <= step < len(node.value):
            return node.value[step], _line(node.value[step])
        return None
    if isinstance(node, MappingNode):
        for key, item in node.value:
            if isinstance(key, ScalarNode) and str(key.value) == str(step):
                return item, _line(key)
    return None
