"""The page's files without a browser: words in both languages, modules that are there, no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from edge.web.page_files import FOLDER, load_page_files

MODULES = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.js")}
KEY = re.compile(r'^  "([^"]+)":', re.MULTILINE)
USED = re.compile(
    r"""(?:\bt|tLabel|tTitle|tPlaceholder|[kK]ey):\s*["`]([a-zA-Z_.${}]+)["`]"""
    r"""|\b(?:say|sayOr|notify|emptiness|word|toggle|section|act|mark|tile)"""
    r"""\((?:[\w.]+, )?["`]([\w.${}]+)["`]"""
)
MAX_LINES = 300


def keys(module: str) -> set[str]:
    return set(KEY.findall(MODULES[module]))


def used_keys() -> Iterator[tuple[str, str]]:
    for name, text in MODULES.items():
        for found in USED.finditer(text):
            key = found[1] or found[2]
            if "." in key and not name.startswith("words-"):
                yield name, key


def test_both_languages_have_the_same_words() -> None:
    english, chinese = keys("words-en.js"), keys("words-zh.js")
    assert len(english) > 200
    assert english == chinese
    holes = re.compile(r"\{(\w+)\}")
    for key in english:
        words = [re.search(rf'^  "{re.escape(key)}": (.*)$', MODULES[m], re.MULTILINE)[1]
                 for m in ("words-en.js", "words-zh.js")]  # fmt: skip
        assert set(holes.findall(words[0])) == set(holes.findall(words[1])), key


def test_there_are_words_for_every_key() -> None:
    known = keys("words-en.js")
    used = list(used_keys())
    assert len(used) > 150
    for module, key in used:
        stem = key.partition("$")[0]
        fits = key in known if stem == key else any(one.startswith(stem) for one in known)
        assert fits, f"{module}: {key}"


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    text = MODULES[name]
    for imported in re.findall(r'from "\./([^"]+)"', text):
        assert imported in MODULES
    for exported in re.findall(r"import \{([^}]+)\} from", text):
        assert all(part.strip() for part in exported.split(",") if part)
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write")
    assert not [word for word in forbidden if word in text]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    if not name.startswith("words-"):
        assert text.count("\n") <= MAX_LINES


def test_the_edition_changes_with_any_file(tmp_path) -> None:
    before = load_page_files()
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert load_page_files(tmp_path).edition == before.edition
    (tmp_path / "base.css").write_text("body {}")
    assert load_page_files(tmp_path).edition != before.edition
    assert b"EDITION" not in before.index
    assert before.edition.encode() in before.index
