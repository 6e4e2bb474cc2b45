"""Text, on a pen that follows a script instead of a model."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edge.errors import AnalysisFailed
from edge.vlm.decode import TextBounds, loop_length, write_text
from edge.vlm.layout import load_layout
from edge.vlm.pen import write as written
from edge.vlm.plain_text import clean_text
from edge.vlm.tokens import load_tokens
from tests.support.scripted_pen import ScriptedPen

END = 3999  # no token of the bundled vocabulary
SOON = 3600.0


@pytest.fixture(scope="module")
def coder(demo_dir):
    return load_tokens(load_layout(demo_dir))


def write(coder, script, max_chars=200, max_tokens=200, late=False, guard=True):
    pen = ScriptedPen(coder, script, end=END)
    deadline = time.monotonic() + (-1 if late else SOON)
    bounds = TextBounds(max_chars, max_tokens, deadline)
    return written(write_text(pen, coder, frozenset({END}), bounds, guard=guard))


def test_text_ends_at_the_end_token(coder):
    text = write(coder, "Two people near the gate.")
    assert text.text == "Two people near the gate."
    assert not text.truncated
    assert 0.5 < text.probability <= 1


@pytest.mark.parametrize("marker", ["<|image_pad|>", "<|vision_start|>", "<|im_start|>"])
def test_markers_are_not_written(coder, marker):
    """A picture's mark would have to be followed by a picture."""
    (control,) = coder.encode_control(marker)
    assert control in coder.control

    class Wayward(ScriptedPen):
        def _want(self):
            super()._want()
            self.logits[control] = 20.0

    bounds = TextBounds(200, 200, time.monotonic() + SOON)
    pen = Wayward(coder, "A man waits.", end=END)
    text = written(write_text(pen, coder, frozenset({END}), bounds))
    assert text.text == "A man waits."
    assert control not in text.ids


@pytest.mark.parametrize("useless", [np.nan, np.inf])
def test_useless_logits_are_an_error(coder, useless):
    pen = ScriptedPen(coder, "A man waits.", end=END)
    pen.logits[7] = useless
    bounds = TextBounds(200, 200, time.monotonic() + SOON)
    with pytest.raises(AnalysisFailed, match="no usable logits"):
        written(write_text(pen, coder, frozenset({END}), bounds))


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
