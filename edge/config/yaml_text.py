"""Reading a YAML file: bytes to text to tree, and a parser's complaint in plain words.

Knows nothing of what the keys mean. `load.py` and `secret_values.py` call it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edge.config.yaml_tree import TreeReader, YamlTree
from edge.errors import ConfigError, Problem

MAX_FILE_BYTES = 1_000_000
CONFIGURATION = "Start from configs/minimal.yaml: `mqtt:`, `cameras:`."

# libyaml's parser when PyYAML was built with it: 20 times faster on a file of the maximum size.
_PARSER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read_text(file: Path) -> str:
    """The file's text; raises ConfigError if it cannot be read, is too large or is not UTF-8."""
    source = str(file)
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = Problem(
            "",
            f"cannot read {source}: {error.strerror or error}.",
            "Check the path, and that this user may read the file.",
        )
        raise ConfigError(source, [problem]) from None
    if len(raw) > MAX_FILE_BYTES:
        problem = Problem(
            "",
            f"the file is larger than {MAX_FILE_BYTES // 1000} kB.",
            "Check that this is the configuration and not another file.",
        )
        raise ConfigError(source, [problem])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        problem = Problem(
            "",
            "the text is UTF-16, not UTF-8."
            if wide
            else f"the text is not UTF-8: byte 0x{raw[error.start]:02x}.",
            "Save the file with the encoding UTF-8.",
            1 if wide else line,
        )
        raise ConfigError(source, [problem]) from None


def parse_yaml(text: str, source: str, *, example: str = CONFIGURATION) -> YamlTree:
    """Read the text; raises ConfigError where it is not YAML or passes a bound.

    `example` says what to write where there is no mapping at all.

    Duplicate keys and unknown tags are listed in the result's `faults`; of a key that stands
    twice the first value is kept.
    """
    reader = TreeReader(source, example)
    try:
        events = yaml.parse(text, Loader=_PARSER)
        root = reader.read_document(events)
    except yaml.YAMLError as error:
        raise ConfigError(source, [_explain(error, text)]) from None
    return YamlTree(root, reader.faults)


def _explain(error: Any, text: str) -> Problem:
    """A parser's complaint in the words of the person who wrote the file."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # the reader refused a character
        position = getattr(error, "position", 0)
        position = position if isinstance(position, int) else 0
        return Problem(
            "",
            "the text holds a control character, which YAML does not allow.",
            "Remove it; it is often a NUL or an escape character that came with a copied text.",
            text.count("\n", 0, position) + 1,
        )
    lines = text.splitlines()
    number = min(mark.line, len(lines) - 1) if lines else 0
    around = [lines[n] for n in (number, number - 1) if 0 <= n < len(lines)]
    message = str(getattr(error, "problem", None) or "this is not YAML").rstrip(".")
    line = number + 1
    for offset, written in enumerate(around):
        if "\t" in written[: len(written) - len(written.lstrip())]:
            return Problem(
                "",
                "the line is indented with a tab.",
                "Indent with spaces; YAML does not allow tabs there.",
                line - offset,
            )
    if "quoted scalar" in str(getattr(error, "context", "")) and error.context_mark is not None:
        return Problem(
            "",
            "the quote that opens on this line is not closed, or holds a wrong escape.",
            "Close it; in double quotes write \\\\ for a backslash.",
            error.context_mark.line + 1,
        )
    if "mapping values are not allowed" in message:
        remedy = "Put a text that holds ': ' in quotes, or check the indentation."
    elif "cannot start any token" in message:
        remedy = "Put a text that starts with % @ ` or a tab in quotes."
    else:
        remedy = "Check the indentation of this line and the one above: two spaces for each level."
    return Problem("", f"this is not YAML: {message}.", remedy, line)
