"""Template: a request about pictures that has been worded with care, to be asked again and again.

The configuration reads them, the HTTP side offers them. Plain values; knows no file and no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]

MAX_ASK_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Wording:
    """A template in one language. `schema` is that of the answer as JSON, every bound written out;
    without one it has the built-in shape.
    """

    title: str
    ask: str
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """`wordings` by language, at least one. `is_own` where it stands in the configuration."""

    name: str
    wordings: Mapping[Language, Wording] = field(repr=False)
    is_own: bool = False

    def wording(self, language: Language) -> Wording:
        """In that language, or in the one that there is."""
        return self.wordings.get(language) or next(iter(self.wordings.values()))
