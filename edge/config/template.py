"""Templates of requests about pictures: those in the folder `templates` beside this file, and the
user's own under `http.templates`, which take the place of one of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from edge.config.block import Block, Text
from edge.config.describe_as import DescribeAs
from edge.config.faults import Fault, refuse
from edge.config.yaml_text import parse_yaml, read_text
from edge.templates import MAX_ASK_CHARS, Language, Template, Wording

FOLDER = Path(__file__).with_name("templates")


class WordingConfig(Block):
    """A template in one language."""

    title: Text
    """What the menu shows."""
    ask: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ASK_CHARS)
    ]
    """The words for the model; what somebody adds to them stands behind."""
    answer_as: DescribeAs = Field(default=None, alias="schema")
    """The shape of the answer as JSON, written as in `describe_as`; the built-in one if not set."""


class TemplateConfig(Block):
    """A request about pictures, in one language or in both."""

    en: WordingConfig | None = None
    """In English, or in any language but Chinese."""
    zh: WordingConfig | None = None
    """In Chinese."""

    @model_validator(mode="after")
    def _check_languages(self) -> Self:
        if self.en is None and self.zh is None:
            fault = Fault("the template has no words.", "Write {en: {title: ..., ask: ...}}.")
            raise refuse(fault)
        return self

    def template(self, name: str, *, is_own: bool) -> Template:
        """As the rest of the program knows it."""
        wordings: dict[Language, Wording] = {}
        if self.en is not None:
            wordings["en"] = _wording(self.en)
        if self.zh is not None:
            wordings["zh"] = _wording(self.zh)
        return Template(name, wordings, is_own)


def all_templates(own: Mapping[str, TemplateConfig]) -> tuple[Template, ...]:
    """The built-in templates and then the user's."""
    built_in = [one for one in built_in_templates() if one.name not in own]
    return (*built_in, *(one.template(name, is_own=True) for name, one in own.items()))


@lru_cache(maxsize=1)
def built_in_templates() -> tuple[Template, ...]:
    """Those that come with the program, in the order of their names."""
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        tree = parse_yaml(read_text(file), str(file))
        block = TemplateConfig.model_validate(tree.root.plain(), context={"folder": FOLDER})
        found.append(block.template(file.stem, is_own=False))
    return tuple(found)


def _wording(block: WordingConfig) -> Wording:
    schema: dict[str, Any] | None = block.answer_as if isinstance(block.answer_as, dict) else None
    return Wording(block.title, block.ask, schema)
