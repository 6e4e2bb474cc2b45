"""Durations and sizes as people write them: `30s`, `1h30m`, `200MB`.

A number without a unit is refused, because half of its readers would guess another unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from edge.config.faults import Fault, refuse, show

MS_OF_UNIT = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
BYTES_OF_UNIT = {
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "kB": 10**3,
    "TiB": 2**40,
    "GiB": 2**30,
    "MiB": 2**20,
    "KiB": 2**10,
    "B": 1,
}
MAX_DURATION_S = 3650 * 86_400.0
MAX_SIZE_BYTES = 2**53

_DURATION_PARTS = re.compile(r"(?:\d{1,12}(?:\.\d{1,9})?\s*(?:ms|s|m|h|d)\s*)+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,16}(?:\.\d{1,9})?)\s*([kmgt]?i?b)", re.IGNORECASE | re.ASCII)
_BYTES_OF_PLAIN_UNIT = {unit.casefold(): size for unit, size in BYTES_OF_UNIT.items()}

DURATION_PATTERN = r"^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+)$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$"


def parse_duration(value: object) -> float:
    """Seconds, a whole number of milliseconds; raises ValueError with the value.

    Units `d h m s ms`, largest first, each at most once. Zero needs no unit.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return 0.0
        raise ValueError(f"{show(value)} has no unit.")
    text = value.strip() if isinstance(value, str) else ""
    if text == "0":
        return 0.0
    if _DURATION_PARTS.fullmatch(text) is None:
        raise ValueError(f"{show(value)} is not a duration.")
    parts = _DURATION_PART.findall(text)
    order = [list(MS_OF_UNIT).index(unit) for _, unit in parts]
    if order != sorted(set(order)):
        raise ValueError(
            f"{show(value)} is not a duration: each unit may stand once, the largest first."
        )
    total_ms = sum(float(number) * MS_OF_UNIT[unit] for number, unit in parts)
    if abs(total_ms - round(total_ms)) > 1e-6:
        raise ValueError(f"{show(value)} is finer than 1ms, the smallest step.")
    if total_ms / 1000 > MAX_DURATION_S:
        raise ValueError(f"{show(value)} is longer than 3650d, the longest possible.")
    return round(total_ms) / 1000


def format_duration(seconds: float) -> str:
    """The duration as it would be written, rounded to milliseconds: 5400 -> `1h30m`."""
    rest = round(seconds * 1000)
    parts: list[str] = []
    for unit, size in MS_OF_UNIT.items():
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: object) -> int:
    """Bytes; raises ValueError with the value.

    kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB of 1024; case does not matter.
    """
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2].casefold() not in _BYTES_OF_PLAIN_UNIT:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        raise ValueError(f"{show(value)} {'has no unit' if is_number else 'is not a size'}.")
    unit = _BYTES_OF_PLAIN_UNIT[match[2].casefold()]
    size = int(match[1]) * unit if "." not in match[1] else round(float(match[1]) * unit)
    if size > MAX_SIZE_BYTES:
        raise ValueError(f"{show(value)} is larger than 8192TiB, the largest possible.")
    return size


def format_size(size_bytes: int) -> str:
    """The size in the largest unit that divides it: 2000000000 -> `2GB`."""
    number, unit = min((size_bytes // n, u) for u, n in BYTES_OF_UNIT.items() if not size_bytes % n)
    return f"{number}{unit}" if size_bytes else "0B"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Marks a field that is written as a number with a unit, within bounds.

    As metadata of `Annotated`; build with `duration` or `size`.
    """

    noun: str
    parse: Callable[[object], float]
    write: Callable[[Any], str]
    low: float
    high: float
    remedy: str
    json_schema: Mapping[str, object] = field(hash=False)

    def validate(self, value: object) -> float:
        """The value in seconds or bytes; raises pydantic's error with a Fault."""
        try:
            number = self.parse(value)
        except ValueError as error:
            raise refuse(Fault(str(error), self.remedy)) from None
        if not self.low <= number <= self.high:
            allowed = f"{self.write(self.low)} to {self.write(self.high)}"
            raise refuse(
                Fault(
                    f"{show(value)} is out of range, which is {allowed}.",
                    f"Write a {self.noun} from {allowed}.",
                )
            )
        return number

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """pydantic's hook: how the value is read and written."""
        return core_schema.no_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """pydantic's hook: what an editor accepts."""
        return dict(self.json_schema)


def duration(low: str = "0s", high: str = "3650d") -> Quantity:
    """A field in seconds (float), written as a duration from `low` to `high`."""
    return Quantity(
        "duration",
        parse_duration,
        format_duration,
        parse_duration(low),
        parse_duration(high),
        "Write a number with a unit, such as 500ms, 30s, 5m, 2h, 1d or 1h30m.",
        {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]},
    )


def size(low: str = "1B", high: str = "8192TiB") -> Quantity:
    """A field in bytes (int), written as a size from `low` to `high`."""
    return Quantity(
        "size",
        parse_size,
        format_size,
        parse_size(low),
        parse_size(high),
        "Write a number with a unit, such as 500kB, 200MB or 2GB.",
        {"type": "string", "pattern": SIZE_PATTERN},
    )
