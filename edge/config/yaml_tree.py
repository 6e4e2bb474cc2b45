"""A tree of YAML values that knows its line numbers, built from a parser's events.

Holds the YAML 1.2 core types (only `true` and `false` are booleans; `07:00` and `no` are text) and
takes every key as text, so that `when: {on: motion}` means what it says. Bounds depth and size,
aliases counted, before anything is built. `yaml_text.py` feeds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from edge.config.faults import FaultList, TreePath, show
from edge.errors import ConfigError, Problem

MAX_DEPTH = 24  # the configuration itself needs 7
MAX_TEXT_CHARS = 10_000  # of one value; the longest that makes sense is a polygon
MAX_NODES = 50_000  # with every alias counted as often as it is used

TAGS = ("!secret", "!credential")

_Scalar = str | int | float | bool | None

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}
_BOOLEANS["FALSE"] = False
_NULLS = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")
_STANDARD_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A scalar with one of our own tags: `!secret mqtt_password`."""

    tag: str
    name: str


@dataclass(slots=True)
class Node:
    """A value and the line it (or its key) stands on; 1-based.

    `value` is a scalar, a Tagged, a list of nodes, or a dict of nodes. `num_nodes` counts the node
    and everything below it; `depth` is 1 for a scalar.
    """

    line: int
    value: Any
    num_nodes: int = 1
    depth: int = 1
    text: str = ""  # a scalar as written, before its type was found

    def plain(self) -> Any:
        """The value without lines; a tag stands before its text."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        if isinstance(self.value, Tagged):
            return f"{self.value.tag} {self.value.name}"
        return self.value


@dataclass(slots=True)
class YamlTree:
    """The root mapping, and the faults that did not keep the text from being read."""

    root: Node
    faults: FaultList = field(default_factory=FaultList)

    def find_line(self, path: TreePath) -> int | None:
        """The line of the value at `path`, or of its nearest parent that exists."""
        line = None
        children: Any = self.root.value
        for step in path:
            if not isinstance(children, dict | list):
                break
            try:
                node = children[step]  # type: ignore[index]  # a wrong kind of step is caught
            except (KeyError, IndexError, TypeError):
                break
            line, children = node.line, node.value
        return line


def _counted(events: Iterator[Any], source: str) -> Iterator[Any]:
    """Pass the parser's events on, and stop at one that opens too many levels."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _too_deep(source, _line_of(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


class TreeReader:
    """Builds the tree from parser events; recursion is bounded by MAX_DEPTH."""

    def __init__(self, source: str, example: str) -> None:
        """`example` says what to write where there is no mapping at all."""
        self.source = source
        self.example = example
        self.faults = FaultList()
        self._anchors: dict[str, Node] = {}
        self._num_nodes = 0

    def read_document(self, events: Iterator[Any]) -> Node:
        """The one document of the text, which must be a mapping."""
        root: Node | None = None
        events = _counted(events, self.source)
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                if root is not None:
                    raise self._stop(
                        event, "a second document starts here.", "Remove the line `---` above."
                    )
                root = self._node(event, events, ())
        if root is None or root.value is None:
            raise ConfigError(self.source, [Problem("", "the file is empty.", self.example)])
        if not isinstance(root.value, dict):
            problem = Problem(
                "",
                f"the file holds {_kind(root.value)}, not keys and values.",
                self.example,
                root.line,
            )
            raise ConfigError(self.source, [problem])
        return root

    def _node(self, event: Any, events: Iterator[Any], path: TreePath) -> Node:
        line = _line_of(event)
        if isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(str(event.anchor))
            if node is None:
                raise self._stop(
                    event,
                    f"the alias *{event.anchor} has no anchor &{event.anchor} before it.",
                    "Define the anchor first, or put a text that starts with * in quotes.",
                )
            self._count(event, node.num_nodes)
            if len(path) + node.depth > MAX_DEPTH:
                raise _too_deep(self.source, line)
            return replace(node, line=line)
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > MAX_TEXT_CHARS:
                raise self._stop(
                    event,
                    f"the text has {len(event.value)} characters; at most {MAX_TEXT_CHARS} fit.",
                    "Shorten it.",
                )
            node = Node(line, self._scalar(event, path), text=event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event, "seq", path)
            node = self._sequence(event, events, path)
        else:
            self._check_tag(event, "map", path)
            node = self._mapping(event, events, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, start: Any, events: Iterator[Any], path: TreePath) -> Node:
        children: list[Node] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            children.append(self._node(event, events, (*path, len(children))))
        return _parent(_line_of(start), children, children)

    def _mapping(self, start: Any, events: Iterator[Any], path: TreePath) -> Node:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise self._stop(
                    event,
                    f"{_event_kind(event)} cannot be a key.",
                    "Write `key: value` with a plain word as the key; "
                    "put a text that starts with [ { or * in quotes.",
                )
            key, line = event.value, _line_of(event)
            node = self._node(next(events), events, (*path, key))
            if key == _MERGE and event.implicit[0]:
                merged += self._mergeable(node, path)
                continue
            node.line = line
            if key in entries:
                lines = f"on lines {entries[key].line} and {line}"
                self.faults.add(
                    f"the key {show(key)} stands twice, {lines}.", "Keep one of them.", (*path, key)
                )
                continue
            entries[key] = node
        for node in merged:
            for key, child in node.value.items():
                entries.setdefault(key, child)
        return _parent(_line_of(start), entries, [*entries.values()])

    def _mergeable(self, node: Node, path: TreePath) -> list[Node]:
        """The mappings named by a `<<` entry, the strongest first."""
        sources = node.value if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            return list(sources)
        self.faults.add(
            f"<< takes in {_kind(node.value)}; it can only take in mappings.",
            "Write `<<: *name`, where &name marks a mapping.",
            (*path, _MERGE),
        )
        return []

    def _scalar(self, event: Any, path: TreePath) -> _Scalar | Tagged:
        if event.tag in TAGS:
            return Tagged(event.tag, event.value.strip())
        self._check_tag(event, "str", path)
        is_plain = event.implicit[0] and event.tag is None
        return _resolve(event.value) if is_plain else str(event.value)

    def _check_tag(self, event: Any, standard: str, path: TreePath) -> None:
        if event.tag in (None, "!", _STANDARD_TAG + standard):
            return
        shown = event.tag.replace(_STANDARD_TAG, "!!")
        hint = f"{' and '.join(TAGS)} must stand before a plain name" if event.tag in TAGS else ""
        self.faults.add(
            f"the tag {show(shown)} is not known{' here: ' + hint if hint else ''}.",
            f"Remove it, or put a text that starts with ! in quotes; "
            f"the tags are {' and '.join(TAGS)}.",
            path,
        )

    def _count(self, event: Any, num_nodes: int) -> None:
        self._num_nodes += num_nodes
        if self._num_nodes > MAX_NODES:
            raise self._stop(
                event,
                f"the text grows to more than {MAX_NODES} values, aliases counted.",
                "Use fewer aliases (*name), or split the work over several boxes.",
            )

    def _stop(self, event: Any, message: str, remedy: str) -> ConfigError:
        line = _line_of(event)
        return ConfigError(self.source, [Problem("", message, remedy, line)])


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _parent(line: int, value: Any, children: list[Node]) -> Node:
    return Node(
        line,
        value,
        1 + sum(child.num_nodes for child in children),
        1 + max((child.depth for child in children), default=0),
    )


def _resolve(text: str) -> _Scalar:
    """The value of a plain scalar under the YAML 1.2 core schema."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else "a single value"


def _event_kind(event: Any) -> str:
    if isinstance(event, yaml.SequenceStartEvent):
        return "a list [...]"
    return "a mapping {...}" if isinstance(event, yaml.MappingStartEvent) else "an alias *name"


def _too_deep(source: str, line: int) -> ConfigError:
    problem = Problem(
        "",
        f"the text is nested more than {MAX_DEPTH} levels deep.",
        "Check the brackets and the indentation around this line.",
        line,
    )
    return ConfigError(source, [problem])
