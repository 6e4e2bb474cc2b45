"""From pydantic's errors to Problems: where, what is wrong, what is allowed, what to write.

Values that came from outside the file, passwords and whatever stands under an unknown key are never
part of a message. `load.py` calls it.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import annotated_types
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from edge.config.block import Between, Block
from edge.config.faults import FAULTS, Fault, TreePath, nearest, show, suggest

_FOREIGN_KEYS = {
    "address": "host",
    "broker": "host",
    "cooldown_period": "cooldown",
    "detect": "motion",
    "detection": "motion",
    "ffmpeg": "input",
    "interval": "every",
    "objects": "rules",
    "password_file": "password",
    "prompt": "ask",
    "question": "ask",
    "roi": "zones",
    "rtsp": "input",
    "rtsp_url": "input",
    "server": "host",
    "source": "input",
    "stream": "input",
    "topic": "prefix",
    "url": "input",
    "user": "username",
}

# What can stand below a block's key; * is any name.
_INSIDE: dict[TreePath, str] = {
    ("mqtt",): "host: localhost",
    ("mqtt", "discovery"): "enabled: true",
    ("mqtt", "tls"): "ca: FILE",
    ("vlm",): "model: demo",
    ("store",): "folder: /var/lib/edge",
    ("log",): "level: debug",
    ("cameras",): "front: {input: rtsp://HOST/PATH}",
    ("cameras", "*"): "input: rtsp://HOST/PATH",
    ("rules",): "parcel: {ask: Is there a parcel?}",
    ("rules", "*"): "ask: Is there a parcel?",
    ("rules", "*", "when"): "on: motion",
}

# pydantic's kinds of error, what is wrong, what to write
_EXPLAINED = (
    (
        "greater_than_equal less_than_equal",
        "{value} is out of range, which is {bounds}.",
        "Write a number from {bounds}.",
    ),
    (
        "int_type int_parsing int_from_float int_parsing_size",
        "{value} is not a whole number.",
        "Write a whole number{of_bounds}.",
    ),
    (
        "float_type float_parsing finite_number",
        "{value} is not a number.",
        "Write a number{of_bounds}.",
    ),
    ("bool_type bool_parsing", "{value} is neither true nor false.", "Write true or false."),
    ("string_type", "{value} is not a text.", "Write a text."),
    ("string_too_short", "the text is empty.", "Write a text, or remove the key."),
    ("string_too_long", "the text is longer than {most} characters.", "Shorten it."),
    (
        "dict_type model_type model_attributes_type",
        "{value} is not a mapping.",
        "Write keys and values below it, indented{example}.",
    ),
    (
        "tuple_type list_type",
        "{value} is not a list.",
        "Write [one, two], or one `- entry` on each line.",
    ),
    ("too_short", "{value} is not enough.", "Give at least {least}."),
    ("too_long", "there are too many entries.", "At most {most} are allowed."),
)


def faults_of(error: ValidationError, model: type[Block], most: int) -> list[Fault]:
    """The first `most` faults that pydantic found, with paths from the root and hints.

    What only follows from another fault is left out: a default that was not computed, and a missing
    key that stands there misspelt.
    """
    details = [
        detail
        for detail in error.errors(include_url=False)[:most]
        if detail["type"] != "default_factory_not_called"
    ]
    unknown = {detail["loc"] for detail in details if detail["type"] == "extra_forbidden"}
    misspelt = {
        (*loc[:-1], nearest(str(loc[-1]), _keys(block)))
        for loc in unknown
        if (block := block_at(loc[:-1], model)) is not None
    }
    return [
        fault
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in misspelt)
        for fault in _faults(detail, model)
    ]


def _faults(detail: ErrorDetails, model: type[Block]) -> Iterator[Fault]:
    path: TreePath = tuple(step for step in detail["loc"] if step != "[key]")
    kind = detail["type"]
    if kind == FAULTS:
        for fault in detail["ctx"]["faults"]:
            yield Fault(fault.message, fault.remedy, (*path, *fault.at))
    elif kind == "extra_forbidden":
        yield _unknown_key(path, model)
    elif kind == "missing":
        yield Fault(f"`{path[-1]}` is missing.", _example(path), path)
    else:
        info = field_at(path, model)
        value = "the value" if _is_password(info) else show(detail["input"])
        message, remedy = _explain(kind, value, detail, info, path)
        yield Fault(message, remedy, path)


def _unknown_key(path: TreePath, model: type[Block]) -> Fault:
    key = str(path[-1])
    block = block_at(path[:-1], model)
    known = _keys(block) if block else []
    message = f"the key {show(key)} is not known here."
    foreign = _FOREIGN_KEYS.get(key)
    if nearest(key, known) is None:
        if foreign in known:
            return Fault(message, f"Did you mean {foreign!r}?", path)
        homes = [".".join(home) for home in _homes(key, model, ())]
        if homes:
            return Fault(message, f"It belongs to {' or '.join(homes)}.", path)
    return Fault(message, suggest(key, known, "keys here"), path)


def _example(path: TreePath) -> str:
    examples: dict[TreePath, str] = {
        ("mqtt",): "Add `mqtt: {host: broker.local}`.",
        ("mqtt", "host"): "Add `host: broker.local`.",
        ("cameras",): "Add `cameras: {front: {input: rtsp://HOST/PATH}}`.",
    }
    return examples.get(path, f"Add `{path[-1]}: VALUE`.")


def _explain(
    kind: str, value: str, detail: ErrorDetails, info: FieldInfo | None, path: TreePath
) -> tuple[str, str]:
    """Message and remedy for pydantic's own error kinds."""
    bounds = _bounds(info) if info else ""
    limits = detail.get("ctx", {})
    if kind == "string_type" and isinstance(detail["input"], int | float | bool):
        return f"{value} is not a text.", "Put it in quotes."
    for kinds, message, remedy in _EXPLAINED:
        if kind in kinds.split():
            words = {
                "value": value,
                "bounds": bounds,
                "of_bounds": f" from {bounds}" if bounds else "",
                "least": limits.get("min_length"),
                "most": limits.get("max_length"),
                "example": _inside(path),
            }
            return message.format(**words), remedy.format(**words)
    return f"{value} is not possible: {detail['msg']}.", "Check the documentation of this key."


def _inside(path: TreePath) -> str:
    """An example of what stands inside the block at `path`, where there is one."""
    place = (path[0], "*", *path[2:]) if len(path) > 1 and path[0] in {"cameras", "rules"} else path
    return f", such as `{_INSIDE[place]}`" if place in _INSIDE else ""


def _bounds(info: FieldInfo) -> str:
    """`1 to 255`, from the field's own limits, wherever in the annotation they stand."""
    low: Any = None
    high: Any = None
    for mark in _marks(info):
        if isinstance(mark, Between):
            low, high = mark.low, mark.high
        elif isinstance(mark, annotated_types.Ge):
            low = mark.ge
        elif isinstance(mark, annotated_types.Le):
            high = mark.le
    return f"{low} to {high}" if low is not None and high is not None else ""


def _marks(info: FieldInfo) -> Iterator[Any]:
    yield from info.metadata
    pending = [info.annotation]
    while pending:
        kind = pending.pop()
        for mark in getattr(kind, "__metadata__", ()):
            yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
        pending += typing.get_args(kind)


def _is_password(info: FieldInfo | None) -> bool:
    return info is not None and info.annotation is SecretStr


def _keys(block: type[Block]) -> list[str]:
    return [info.alias or name for name, info in block.model_fields.items()]


def field_at(path: TreePath, model: type[Block]) -> FieldInfo | None:
    """The field that a path leads to, or that holds the list or mapping it leads into."""
    block: type[Block] | None = model
    info: FieldInfo | None = None
    for step in path:
        fields = {} if block is None else {i.alias or n: i for n, i in block.model_fields.items()}
        if step in fields:
            info = fields[str(step)]
            inner, through = _inner_block(info.annotation)
            block = None if through else inner
            below = inner
        elif info is not None and block is None:
            block = below  # a name in a mapping of blocks, or a number in a list of them
    return info


def block_at(path: TreePath, model: type[Block]) -> type[Block] | None:
    """The block that a path leads to, where the model has one there."""
    block: type[Block] | None = model
    below: type[Block] | None = None
    for step in path:
        if block is None:
            block, below = below, None
            continue
        info = {i.alias or n: i for n, i in block.model_fields.items()}.get(str(step))
        if info is None:
            return None
        below, through = _inner_block(info.annotation)
        block = None if through else below
    return block


def _inner_block(annotation: Any) -> tuple[type[Block] | None, bool]:
    """The block in an annotation, and whether a name or a number stands before it."""
    if isinstance(annotation, type) and issubclass(annotation, Block):
        return annotation, False
    holds_many = typing.get_origin(annotation) in {dict, list, tuple}
    for part in typing.get_args(annotation):
        inner, through = _inner_block(part)
        if inner is not None:
            return inner, through or holds_many
    return None, False


def _homes(key: str, block: type[Block], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of the blocks that know `key`."""
    if key in _keys(block) and path:
        yield path
    for name, info in block.model_fields.items():
        inner, through = _inner_block(info.annotation)
        if inner is not None:
            below = (*path, info.alias or name, "NAME") if through else (*path, info.alias or name)
            yield from _homes(key, inner, below)
