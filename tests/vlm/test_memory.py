"""What the engine keeps from pass to pass is bounded."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn
from edge.questions import AnalysisRequest, Look, yes_no
from edge.vlm import runner as runner_module
from edge.vlm.engine import open_engine
from edge.vlm.runner import HEAD_KEPT
from edge.vlm.settings import EngineSettings

# 60 pictures' sizes and 60 lengths of text, after one of each; prints the bytes added.
GROWTH = """
import sys
from pathlib import Path
import numpy as np
from edge.bench.figures import read_memory
from edge.vlm.layout import load_layout
from edge.vlm.runner import Runner
from edge.vlm.settings import EngineSettings

folder = Path(sys.argv[1])
layout = load_layout(folder)
runner = Runner(layout, EngineSettings(folder))

def passes(num_tokens, num_patches):
    runner.clear()
    rows = np.ones((num_tokens, layout.text.hidden), np.float32)
    mask = np.tri(num_tokens, dtype=np.bool_)
    runner.forward(rows, np.tile(np.arange(num_tokens), (3, 1)), mask)
    vision = layout.vision
    patches = np.ones((num_patches, vision.hidden), np.float32)
    angles = np.ones((num_patches, vision.hidden // vision.heads // 2), np.float32)
    runner.merge(patches, angles)

def used():
    runner._largest = 10**6
    runner.release()
    return read_memory().anonymous_bytes

passes(200, 320)
passes(60, 64)
before = used()
for n in range(60):
    passes(20 + 2 * n, 68 + 4 * n)
print(used() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_lengths_ever_seen_do_not_add_up(demo_dir):
    run = subprocess.run(
        [sys.executable, "-c", GROWTH, str(demo_dir)], capture_output=True, text=True, check=True
    )
    # 35 MB; 172 MB with the plugin's own bounds.
    assert int(run.stdout) < 80e6


@pytest.fixture
def runner(demo_dir):
    with open_engine(EngineSettings(demo_dir)) as engine:
        yield engine._loaded.runner


def test_a_head_that_no_text_needs_is_closed(runner):
    row = np.zeros((1, runner.layout.text.hidden), np.float32)
    for _ in range(2):
        runner.logits(row)
        for _ in range(HEAD_KEPT):
            runner.release()
        assert runner.has_head
    runner.release()
    assert not runner.has_head
    assert runner.logits(row).shape == (1, runner.layout.text.vocab)


def test_a_head_that_is_wanted_stays(runner):
    for _ in range(HEAD_KEPT + 2):
        runner.load_head()
        runner.release()
    assert runner.has_head


def test_a_closed_engine_is_freed_at_once(demo_dir, noise):
    """Not only when Python next looks for cycles: another model may be loaded right behind."""
    gc.collect()
    gc.disable()
    try:
        with open_engine(EngineSettings(demo_dir)) as engine:
            engine.analyze(AnalysisRequest("1", noise(96, 96), None, (), describe=True))
            message = Message("user", (Picture(noise(96, 96)),))
            engine.talk(Turn("t", "s", opens=True, messages=(message,)))
            runner = weakref.ref(engine._loaded.runner)
        assert runner() is None
    finally:
        gc.enable()


def test_freed_memory_is_returned_after_each_analysis(demo_dir, noise, monkeypatch):
    trimmed = []
    monkeypatch.setattr(runner_module, "trim_heap", lambda: trimmed.append(1))
    request = AnalysisRequest("1", noise(96, 96), None, (Look((), (yes_no("1", "A cat?"),)),))
    with open_engine(EngineSettings(demo_dir)) as engine:
        for _ in range(3):
            engine.analyze(request)
    assert len(trimmed) == 3
