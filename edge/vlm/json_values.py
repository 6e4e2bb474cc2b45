"""Values of a model's JSON files, read by name; complaints name the file and the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.errors import ModelInvalid
from edge.vlm.ir_files import PULL_AGAIN


def load_json(file: Path) -> dict[str, Any]:
    """The object in a file. Raises ModelInvalid, naming the file."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelInvalid(f"{file} is missing; {PULL_AGAIN}") from None
    except OSError as error:
        raise ModelInvalid(f"{file} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ModelInvalid(f"{file} is not JSON ({error}); {PULL_AGAIN}") from None
    if not isinstance(value, dict):
        raise ModelInvalid(f"{file} must hold a JSON object, not {type(value).__name__}")
    return value


class JsonValues:
    """Reads named values out of one JSON object, and complains with the file's name."""

    def __init__(self, file: Path, values: Mapping[str, Any], where: str = "") -> None:
        self.file, self.values, self.where = file, values, where

    def part(self, key: str) -> JsonValues:
        """An object within."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.fault(key, value, "an object")
        return JsonValues(self.file, value, f"{self.where}{key}.")

    def whole(self, key: str, default: int | None = None, lowest: int = 1) -> int:
        """A whole number of at least `lowest`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise self.fault(key, value, f"a whole number of at least {lowest}")
        return value

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        """A list of numbers, `count` of them if that is given."""
        value = self.values.get(key)
        if (
            not isinstance(value, list)
            or (count is not None and len(value) != count)
            or any(isinstance(v, bool) or not isinstance(v, int | float) for v in value)
        ):
            raise self.fault(key, value, f"a list of {count or 'some'} numbers")
        return tuple(value)

    def fault(self, key: str, found: object, expected: str) -> ModelInvalid:
        """The error that says what stands there and what is expected."""
        return ModelInvalid(
            f"{self.file}: {self.where}{key} is {json.dumps(found)[:80]}; expected {expected}"
        )
