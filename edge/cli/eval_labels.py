"""Labelled pictures for `edge eval`: a file of rows or a folder, read and checked as a whole.

Knows the rules and nothing of the model: whatever is wrong with the labels is found here, before
one is loaded, and every fault is told with its place.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import LabelError, PictureError
from edge.geometry import Box
from edge.pictures import load_picture
from edge.questions import Question
from edge.rules.rule import Rule

REQUIRED = ("picture", "rule", "answer")
SIDES = ("x1", "y1", "x2", "y2")
CSV_FIELDS = (*REQUIRED, "camera", *SIDES)
JSON_FIELDS = (*REQUIRED, "camera", "region")
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Label:
    """What a rule's answer about a picture should be.

    `truth` is the index of the true answer among the question's options. `region` is where to look
    instead of the rule's zones or the whole picture.
    """

    picture: Path
    rule: str
    truth: int
    camera: str
    region: Box | None = None


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what was wrong with it."""

    folder: Path
    rules: Mapping[str, Rule]
    chosen: Collection[str]
    labels: list[Label] = field(default_factory=list)
    places: dict[Label, str] = field(default_factory=dict)  # by the label as if its truth were 0
    num_left_out: int = 0
    faults: list[str] = field(default_factory=list)
    pictures: dict[Path, str] = field(default_factory=dict)  # what is wrong with it, "" for nothing


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of the chosen rules; those of other rules are only counted."""

    labels: tuple[Label, ...]
    num_left_out: int


class _BadRow(Exception):
    """One row that cannot be used; its text says why."""


def read_labels(path: Path, rules: Mapping[str, Rule], chosen: Collection[str]) -> Labels:
    """The labels in `path`, a .csv or .jsonl file or a folder; opens every picture once.

    `chosen` are names in `rules`. Raises LabelError, which lists every fault with its line.
    """
    reading = _Reading(path if path.is_dir() else path.parent, rules, chosen)
    if path.is_dir() and len(chosen) != 1:
        known = ", ".join(rules)
        raise LabelError(
            f"{path}: a folder holds the labels of one rule; name it with --rule (one of {known})"
        )
    rows = _folder_rows(path, next(iter(chosen))) if path.is_dir() else _file_rows(path)
    for place, row in rows:
        try:
            if isinstance(row, _BadRow):
                raise row
            _take(reading, place, row)
        except _BadRow as fault:
            reading.faults.append(f"{place}: {fault}")
    if reading.faults:
        number = len(reading.faults)
        heading = f"{path}: {number} {'fault' if number == 1 else 'faults'}, so nothing was asked"
        raise LabelError("\n".join([heading, *(f"  {fault}" for fault in reading.faults)]))
    if not reading.labels:
        others = f"; {reading.num_left_out} are of other rules" if reading.num_left_out else ""
        raise LabelError(f"{path}: there are no labels{others}")
    return Labels(tuple(reading.labels), reading.num_left_out)


def parse_answer(question: Question, value: object) -> int:
    """The index of the option that a label's answer means; ValueError says what is possible.

    Case and space around it do not matter. A count above the highest one is the highest, which
    stands for "that many or more".
    """
    options = [option.strip().casefold() for option in question.options]
    word = str(value).strip().casefold()
    if question.kind == "yes_no":
        word = {"true": "yes", "false": "no"}.get(word, word)
    if question.kind == "count" and word.isdecimal() and int(word) > int(options[-1]):
        word = options[-1]
    if word not in options:
        near = difflib.get_close_matches(word, options, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(repr(option) for option in question.options)
        raise ValueError(f"{str(value)[:80]!r} is not an answer; {hint}possible are {listed}")
    return options.index(word)


def _take(reading: _Reading, place: str, row: Row) -> None:
    """Keep the row's label; _BadRow if it cannot be used."""
    missing = [name for name in REQUIRED if row.get(name) in (None, "")]
    if missing:
        raise _BadRow(f"no {' and no '.join(missing)}")
    name = str(row["rule"])
    rule = reading.rules.get(name)
    if rule is None:
        raise _BadRow(f"there is no rule {name!r}; {_known(name, reading.rules)}")
    if name not in reading.chosen:
        reading.num_left_out += 1
        return
    if rule.question.kind == "text":
        raise _BadRow(f"rule {name!r} reads a text; only rules with options can be calibrated")
    try:
        truth = parse_answer(rule.question, row["answer"])
    except ValueError as error:
        raise _BadRow(f"rule {name!r}: {error}") from None
    region = _region(row.get("region"))
    camera = _camera(rule, row.get("camera"), region)
    picture = _picture(reading, str(row["picture"]))
    blank = Label(picture, name, 0, camera, region)
    if blank in reading.places:
        raise _BadRow(f"the same picture was labelled for rule {name!r} at {reading.places[blank]}")
    reading.places[blank] = place
    reading.labels.append(Label(picture, name, truth, camera, region))


def _region(value: object) -> Box | None:
    if value in (None, ""):
        return None
    sides = value if isinstance(value, list) else []
    try:
        x1, y1, x2, y2 = (float(side) for side in sides)
        return Box(x1, y1, x2, y2)
    except (ValueError, TypeError, OverflowError):
        shown = str(value)[:80]
        raise _BadRow(
            f"the region {shown} is not x1, y1, x2, y2 with 0 <= x1 < x2 <= 1, 0 <= y1 < y2 <= 1"
        ) from None


def _camera(rule: Rule, value: object, region: Box | None) -> str:
    if value in (None, ""):
        if rule.zones and len(rule.cameras) > 1 and region is None:
            raise _BadRow(
                f"rule {rule.name!r} has zones on several cameras; say which in `camera`: "
                + ", ".join(rule.cameras)
            )
        return rule.cameras[0]
    if value not in rule.cameras:
        known = ", ".join(rule.cameras)
        raise _BadRow(f"rule {rule.name!r} has no camera {str(value)[:80]!r}; it has {known}")
    return str(value)


def _picture(reading: _Reading, name: str) -> Path:
    if "\0" in name:
        raise _BadRow(f"{name[:80]!r} is not a path")
    path = reading.folder / name
    if path not in reading.pictures:
        try:
            load_picture(path)
            reading.pictures[path] = ""
        except PictureError as error:
            reading.pictures[path] = str(error)
    if reading.pictures[path]:
        raise _BadRow(reading.pictures[path])
    return path


def _folder_rows(folder: Path, rule: str) -> Iterator[tuple[str, Row | _BadRow]]:
    """A row for each picture in a sub-folder; hidden files and folders do not count."""
    for path in sorted(_visible(folder)):
        if not path.is_dir():
            yield (
                path.name,
                _BadRow("lies beside the sub-folders; put it in the one named by its answer"),
            )
            continue
        for picture in sorted(_visible(path)):
            place = f"{path.name}/{picture.name}"
            if picture.suffix.casefold() not in PICTURE_SUFFIXES:
                yield place, _BadRow("not a picture (JPEG, PNG, WebP, BMP, GIF)")
            else:
                yield place, {"picture": place, "rule": rule, "answer": path.name}


def _visible(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise LabelError(f"{folder}: cannot be read: {error.strerror}") from None


def _file_rows(path: Path) -> Iterator[tuple[str, Row | _BadRow]]:
    suffix = path.suffix.casefold()
    if not path.exists():
        raise LabelError(f"{path}: there is no such file or folder")
    if suffix not in {".csv", ".jsonl", ".ndjson"}:
        raise LabelError(f"{path}: labels are a .csv or .jsonl file, or a folder of pictures")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 text (byte {error.start})") from None
    return _csv_rows(text, path) if suffix == ".csv" else _json_rows(text)


def _json_rows(text: str) -> Iterator[tuple[str, Row | _BadRow]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row: Row | _BadRow
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            row = _BadRow(f"not JSON ({error})")
        if isinstance(row, dict):
            row = _unknown(row, JSON_FIELDS) or row
        elif not isinstance(row, _BadRow):
            row = _BadRow("not a JSON object")
        yield f"line {number}", row


def _csv_rows(text: str, path: Path) -> Iterator[tuple[str, Row | _BadRow]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    place = "line 1"
    try:
        columns = [str(column).strip() for column in reader.fieldnames or ()]
        missing = [name for name in REQUIRED if name not in columns]
        fault = _unknown(columns, CSV_FIELDS)
        if missing or fault is not None:
            needed = f"{path}: the first line must name the columns {', '.join(REQUIRED)}"
            raise LabelError(f"{needed}" + (f": {fault}" if fault is not None else ""))
        reader.fieldnames = columns
        place = f"line {reader.line_num + 1}"
        for row in reader:
            yield f"line {reader.line_num}", _csv_row(row)
            place = f"line {reader.line_num + 1}"
    except csv.Error as error:
        yield place, _BadRow(f"not CSV ({error})")


def _csv_row(row: dict[str, str | None]) -> Row | _BadRow:
    cells = {name: (value or "").strip() for name, value in row.items() if name in CSV_FIELDS}
    if len(row) > len(cells):  # DictReader keeps what is too much under None
        return _BadRow("more cells than there are columns")
    sides = [cells.get(side, "") for side in SIDES]
    return {**cells, "region": sides if any(sides) else None}


def _unknown(names: Iterable[str], known: tuple[str, ...]) -> _BadRow | None:
    for name in names:
        if name not in known:
            return _BadRow(f"{str(name)[:80]!r} is not known here; {_known(str(name), known)}")
    return None


def _known(name: str, known: Iterable[str]) -> str:
    listed = list(known)
    near = difflib.get_close_matches(name[:80], listed, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"there are {', '.join(listed)}"
