"""The engine's arithmetic against transformers' Qwen3VLForConditionalGeneration, fp32, CPU."""

# ruff: noqa: PLC0415 - transformers is imported only where a test needs it
# ruff: noqa: RUF001 - questions in Chinese

from __future__ import annotations

import time

import numpy as np
import pytest

from edge.vlm import prompt
from edge.vlm.crop import SizeRules, choose_crop, fitted_size
from edge.vlm.decode import TextBounds, write_text
from edge.vlm.pen import Pen, write
from edge.vlm.pixels import cut
from edge.vlm.plain_text import clean_text
from edge.vlm.prompt import SYSTEM, build_prefix, build_turn, read_chat_format
from edge.vlm.tree import ROOT, Segment, TokenTree
from edge.vlm.vision import build_patches
from tests.support.qwen_reference import Input, Reference

pytestmark = [
    pytest.mark.parity,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # torch's and transformers' own
]

SIZES = [(256, 256), (640, 352), (352, 640), (128, 1024), (1216, 832)]
size_ids = [f"{w}x{h}" for w, h in SIZES]
QUESTION = "What is to be seen near the gate?"


@pytest.fixture(scope="module")
def reference(tiny) -> Reference:
    return Reference(tiny.hf)


@pytest.fixture(scope="module")
def chat(tiny_parts):
    return read_chat_format(tiny_parts.layout, tiny_parts.coder)


def our_ids(parts, chat, shown, text=QUESTION, times=()):
    """The prompt as the engine writes it for one text question."""
    tokens, ids = parts.layout.tokens, ()
    for index, seen in enumerate(shown):
        if times:
            ids += prompt.timestamp(parts.coder, times[index])
        pads = (tokens.image,) * (seen.grid[0] * seen.grid[1])
        ids += (tokens.vision_start, *pads, tokens.vision_end)
    return build_prefix(chat, parts.coder, ()) + ids + build_turn(chat, parts.coder, text)


def our_logits(parts, ids, shown):
    tree = TokenTree(parts.runner)
    tree.start()
    hidden = tree.grow([Segment(ids, ROOT, tuple(shown))])[0].hidden
    return np.concatenate([parts.runner.logits(hidden[i : i + 64]) for i in range(0, len(ids), 64)])


def check_logits(ours, theirs):
    """Largest difference; the same argmax everywhere, bar exact ties within the tolerance."""
    difference = float(np.abs(ours - theirs).max())
    assert difference < 1e-4
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
    return difference


@pytest.mark.parametrize(("width", "height"), SIZES, ids=size_ids)
def test_vision_features(tiny_parts, reference, noise, figure, width, height):
    image = noise(width, height)
    pixels, grid = reference.process(image)
    tokens, sets = reference.features(pixels, grid)
    seen = tiny_parts.eye.look([image])
    worst = max(np.abs(seen.tokens - tokens).max(), np.abs(seen.deepstack - sets).max())
    figure(f"vision features {width}x{height}: {worst:.1e} (of {np.abs(tokens).max():.2f})")
    assert seen.grid == (height // 32, width // 32)
    assert worst < 1e-5


@pytest.mark.parametrize(("width", "height"), [(500, 333), (1920, 1080), (101, 90), (33, 900)])
def test_pixels_equal_the_image_processor_with_resize(
    tiny_parts, reference, noise, figure, width, height
):
    image = noise(width, height)
    rules = tiny_parts.layout.pixels
    bounds = SizeRules(32, rules.min_pixels, 1024 * 512)
    pixels, grid = reference.process(image, bounds.min_pixels, bounds.max_pixels)
    crop = choose_crop(width, height, (), 0.0, bounds)
    assert (crop.height_px // 16, crop.width_px // 16) == tuple(grid[0, 1:])
    ours = build_patches([cut(image, crop)], tiny_parts.layout.vision, rules)
    worst = np.abs(ours - pixels).max()
    figure(f"pixels {width}x{height} -> {crop.width_px}x{crop.height_px}: {worst:.1e}")
    assert worst < 1e-6


def test_pixels_equal_the_image_processor_without_resize(tiny_parts, reference, noise, figure):
    image = noise(640, 352)
    pixels, _ = reference.process(image)
    ours = build_patches([image], tiny_parts.layout.vision, tiny_parts.layout.pixels)
    figure(f"pixels 640x352, no resize: {np.abs(ours - pixels).max():.1e}")
    assert np.abs(ours - pixels).max() < 1e-6


def test_sizes_equal_smart_resize():
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    rules = SizeRules(32, 65536, 230400)
    rng = np.random.default_rng(1)
    for width, height in rng.integers(1, 4000, (500, 2)).tolist():
        # Beyond 50:1 a strip one token high passes the budget in smart_resize; ours stays within.
        if max(width, height) > 50 * min(width, height):
            continue
        theirs = smart_resize(height, width, 32, rules.min_pixels, rules.max_pixels)
        assert fitted_size(width, height, rules) == theirs[::-1]


@pytest.mark.parametrize(("width", "height"), SIZES, ids=size_ids)
def test_logits_with_a_picture(tiny_parts, reference, chat, noise, figure, width, height):
    image = noise(width, height, seed=3)
    pixels, grid = reference.process(image)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    theirs = reference.prompt(SYSTEM, content, list(grid), [])
    seen = tiny_parts.eye.look([image])
    ids = our_ids(tiny_parts, chat, [seen])
    assert list(ids) == theirs.tolist()
    expected = reference.logits(Input(theirs, pixels, grid))
    worst = check_logits(our_logits(tiny_parts, ids, [seen]), expected)
    figure(
        f"logits {width}x{height}: {worst:.1e} (of {np.abs(expected).max():.1f}), "
        f"argmax equal at {len(ids)} positions"
    )


@pytest.mark.parametrize(
    "text", [QUESTION, "Was ist am Tor zu sehen? 门口有什么？ " * 20], ids=["short", "long"]
)
def test_logits_without_a_picture(tiny_parts, reference, chat, figure, text):
    theirs = reference.prompt(SYSTEM, [{"type": "text", "text": text.strip()}], [], [])
    ids = our_ids(tiny_parts, chat, [], text)
    assert list(ids) == theirs.tolist()
    worst = check_logits(our_logits(tiny_parts, ids, []), reference.logits(Input(theirs)))
    figure(f"logits, no picture: {worst:.1e}, argmax equal at {len(ids)} positions")


@pytest.mark.parametrize("num_frames", [2, 4, 6])
def test_logits_of_a_clip(tiny_parts, reference, chat, noise, figure, num_frames):
    frames = [noise(320, 256, seed) for seed in range(num_frames)]
    times = [i + 0.5 for i in range(0, num_frames, 2)]  # one frame a second, two a step
    pixels, grid = reference.process_clip(frames)
    content = [{"type": "video"}, {"type": "text", "text": QUESTION}]
    theirs = reference.prompt(SYSTEM, content, list(grid), times)
    steps = [tiny_parts.eye.look(frames[i : i + 2]) for i in range(0, num_frames, 2)]
    tokens, _ = reference.features(pixels, grid)
    assert np.abs(np.concatenate([step.tokens for step in steps]) - tokens).max() < 1e-5
    ids = our_ids(tiny_parts, chat, steps, times=times)
    video = tiny_parts.layout.tokens
    assert [video.video if i == video.image else i for i in ids] == theirs.tolist()
    expected = reference.logits(Input(theirs, pixels, grid, is_video=True))
    worst = check_logits(our_logits(tiny_parts, ids, steps), expected)
    figure(
        f"logits, clip of {num_frames} frames: {worst:.1e}, argmax equal at {len(ids)} positions"
    )


GREEDY = [
    (None, "Tell me about rain."),
    ((256, 256), QUESTION),
    ((352, 640), "Describe the picture."),
    ((640, 352), "门口有什么？"),
]


@pytest.mark.parametrize(("size", "text"), GREEDY, ids=["no picture", "256", "tall", "wide"])
def test_greedy_text(tiny_parts, reference, chat, noise, figure, size, text):
    shown, pixels, grid, content = [], None, None, [{"type": "text", "text": text}]
    if size is not None:
        image = noise(*size, seed=5)
        pixels, grid = reference.process(image)
        shown = [tiny_parts.eye.look([image])]
        content = [{"type": "image"}, *content]
    theirs = reference.prompt(SYSTEM, content, [] if grid is None else list(grid), [])
    expected = reference.generate(Input(theirs, pixels, grid), 64)
    tree = TokenTree(tiny_parts.runner)
    tree.start()
    ids = our_ids(tiny_parts, chat, shown, text)
    grown = tree.grow([Segment(ids, ROOT, tuple(shown))])[0]
    pen = Pen(tree, tiny_parts.runner, grown.branch, tiny_parts.runner.logits(grown.hidden[-1:])[0])
    eos = tiny_parts.layout.tokens.eos
    bounds = TextBounds(10_000, 64, time.monotonic() + 300)
    written = write(write_text(pen, tiny_parts.coder, eos, bounds, guard=False))
    if expected[-1] in eos:
        expected.pop()
    assert list(written.ids) == expected
    assert written.text == clean_text(reference.tokenizer.decode(expected, True))
    figure(
        f"greedy text {size or 'without picture'}: {len(expected)} tokens, "
        f"{len(set(expected))} different, all equal"
    )
