"""Text and descriptions, on a pen that follows a script instead of a model."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edge.vlm.decode import TextBounds, clean_text, loop_length, write_text
from edge.vlm.describe import MAX_ITEM_CHARS, MAX_ITEMS, MAX_SUMMARY_CHARS, OPENING, describe
from edge.vlm.layout import load_layout
from edge.vlm.tokens import load_tokens

END = 3999  # no token of the bundled vocabulary
SOON = 3600.0


@pytest.fixture(scope="module")
def coder(demo_dir):
    return load_tokens(load_layout(demo_dir))


class ScriptedPen:
    """A pen whose model wants to write `script`: the next token is always the first of what is
    left of it; where what was fed is not how the script begins, it wants to end.
    """

    def __init__(self, coder, script: str, start: str = "") -> None:
        self.coder, self.script = coder, script
        self.written, self.blocks = start, []
        self.half: list[int] = []  # tokens of a character that is not complete yet
        self.num_written = 0
        self._want()

    def _want(self) -> None:
        self.logits = np.zeros(4000, np.float32)
        left = self.script[len(self.written) :]
        token = END
        if self.script.startswith(self.written) and left:
            token = self.coder.encode(left)[len(self.half)]
        self.logits[token] = 10.0

    def feed(self, ids) -> None:
        self.blocks.append(len(ids))
        text = self.coder.decode([*self.half, *ids])
        if text.endswith("\ufffd"):
            self.half += ids
        else:
            self.written += text
            self.half = []
        self._want()


def write(coder, script, max_chars=200, max_tokens=200, late=False, guard=True):
    pen = ScriptedPen(coder, script)
    deadline = time.monotonic() + (-1 if late else SOON)
    bounds = TextBounds(max_chars, max_tokens, deadline)
    return write_text(pen, coder, frozenset({END}), bounds, guard=guard)


def test_text_ends_at_the_end_token(coder):
    text = write(coder, "Two people near the gate.")
    assert text.text == "Two people near the gate."
    assert not text.truncated
    assert 0.5 < text.probability <= 1


def test_empty_text(coder):
    text = write(coder, "")
    assert (text.text, text.ids, text.probability, text.truncated) == ("", (), 1.0, False)


def test_text_is_cut_at_its_characters(coder):
    text = write(coder, "Two people near the gate.", max_chars=10)
    assert text.text == "Two people"
    assert text.truncated


def test_text_of_exactly_the_bound_is_whole(coder):
    text = write(coder, "Two people", max_chars=10)
    assert (text.text, text.truncated) == ("Two people", False)


def test_text_is_cut_at_its_tokens(coder):
    text = write(coder, "Two people near the gate.", max_tokens=2)
    assert len(text.ids) == 2
    assert text.truncated


def test_text_stops_at_the_deadline(coder):
    text = write(coder, "Two people near the gate.", late=True)
    assert len(text.ids) == 1
    assert text.truncated


@pytest.mark.parametrize("unit", ["the gate and ", "ha", "no. "])
def test_loops_are_cut(coder, unit):
    text = write(coder, "I see " + unit * 300, max_chars=2000, max_tokens=2000)
    assert len(text.text) < len("I see " + unit * 10)
    assert text.text.startswith("I see")
    assert text.truncated
    unguarded = write(coder, "I see " + unit * 50, 2000, 2000, guard=False)
    assert unguarded.text == ("I see " + unit * 50).strip()


@pytest.mark.parametrize(
    ("ids", "length"),
    [
        ([], 0),
        ([1] * 8, 0),
        ([1] * 9, 8),
        ([5, 6, 7] * 3, 6),
        ([9, 5, 6, 7, 5, 6, 7, 5, 6], 0),
        (list(range(24)) * 3, 48),
        (list(range(25)) * 3, 0),
        ([*range(100)], 0),
    ],
    ids=["empty", "eight", "nine", "three by three", "unfinished", "longest", "too long", "none"],
)
def test_loop_length(ids, length):
    assert loop_length(ids) == length


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\r\nlines ", "two\nlines"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("tab\there", "tab here"),
        ("\u202egnp.exe\u200b", "gnp.exe"),
        ("half \ufffd", "half"),
        ("门口 👩 é", "门口 👩 é"),
        ("\ue000private", "private"),
    ],
    ids=["breaks", "controls", "tab", "direction", "broken", "foreign", "private"],
)
def test_clean_text(raw, clean):
    assert clean_text(raw) == clean


def tell(coder, script, late=False):
    pen = ScriptedPen(coder, script, OPENING)
    deadline = time.monotonic() + (-1 if late else SOON)
    return describe(pen, coder, frozenset({END}), deadline), pen


FULL = (
    '{"summary": "A man at the gate.", "objects": ["man", "gate", "car"], "texts": ["STOP"], '
    '"spatial_relations": ["man near gate", "car left of man"]}'
)


def test_description(coder):
    told, pen = tell(coder, FULL)
    assert told.summary == "A man at the gate."
    assert told.objects == ("man", "gate", "car")
    assert told.texts == ("STOP",)
    assert told.spatial_relations == ("man near gate", "car left of man")
    assert not told.truncated
    assert pen.written == FULL
    assert max(pen.blocks) > 3  # keys went in blocks


def test_empty_lists(coder):
    script = '{"summary": "Nothing.", "objects": [], "texts": [], "spatial_relations": []}'
    told, pen = tell(coder, script)
    assert told.summary == "Nothing."
    assert told.objects == told.texts == told.spatial_relations == ()
    assert pen.written == script


def test_quotes_inside_a_string(coder):
    script = FULL.replace("STOP", 'say \\"hi\\" C:\\\\x')
    told, _ = tell(coder, script)
    assert told.texts == ('say "hi" C:\\x',)


def test_a_list_ends_at_its_bound(coder):
    many = ", ".join(f'"thing {i}{i}"' for i in range(50))
    told, _ = tell(coder, f'{{"summary": "x", "objects": [{many}]')
    assert len(told.objects) == MAX_ITEMS
    assert told.objects[0] == "thing 00"
    assert told.truncated


def test_a_list_ends_when_an_item_comes_twice(coder):
    told, _ = tell(coder, '{"summary": "x", "objects": ["car", "man", "Car", "dog"], "texts"')
    assert told.objects == ("car", "man")


def test_strings_are_bounded(coder):
    words = " ".join(f"word{i}" for i in range(400))
    told, _ = tell(coder, f'{{"summary": "{words}", "objects": []')
    assert len(told.summary) <= MAX_SUMMARY_CHARS
    assert told.summary.startswith("word0 word1")
    assert told.truncated
    told, _ = tell(coder, f'{{"summary": "x", "objects": ["{words}"], "texts": []')
    assert len(told.objects[0]) <= MAX_ITEM_CHARS
    assert told.truncated


def test_an_early_end_leaves_the_rest_empty(coder):
    told, _ = tell(coder, '{"summary": "A man')
    assert told.summary == "A man"
    assert told.objects == ()


def test_a_late_description_is_cut(coder):
    told, pen = tell(coder, FULL, late=True)
    assert told.truncated
    assert pen.num_written == 1


def test_line_breaks_and_controls_do_not_reach_the_description(coder):
    told, _ = tell(coder, '{"summary": "one\\ntwo\x1b\u202e three", "objects": []')
    assert told.summary == "one two three"
