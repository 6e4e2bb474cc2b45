"""A check at start-up that the compiled model computes what it should, which also warms it up.

Wrong kernels do not crash, they answer nonsense: a compressed model on an instruction set that its
plugin handles badly showed it only above 200 tokens. So a long prompt is computed in one pass and
in two, and both must agree. Where a test was passed before, a warm-up is enough.
"""

from __future__ import annotations

import numpy as np

from edge.errors import ModelInvalid
from edge.frames import Image
from edge.vlm.layout import Layout
from edge.vlm.runner import Runner
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import ROOT, Segment, TokenTree
from edge.vlm.vision import Eye, Seen

MIN_TOKENS = 224
SENTENCE = "A person in a red jacket walks past the gate while it rains. "
# Cosine of the last hidden state between the two ways. 8-bit activations and KV cache leave at
# least 0.98 on the 2B model with int4 weights; a broken kernel gives 0.
MIN_AGREEMENT = 0.8


def run_self_test(layout: Layout, runner: Runner, coder: TokenCoder, eye: Eye) -> float:
    """Run a picture and a long text through every model; gives the agreement found, 0.8..1.

    Raises ModelInvalid if the model yields numbers that are not finite, tensors of wrong shapes, or
    disagrees with itself; AnalysisFailed if it does not run. Leaves the KV cache empty and the head
    dropped: not everyone asks for text.
    """
    try:
        agreement = _agreement(layout, runner, coder, eye)
    except ValueError as error:  # numpy's: what a damaged graph yields does not fit together
        raise ModelInvalid(f"{layout.model_dir}: the model fails its self-test: {error}") from None
    if agreement < MIN_AGREEMENT:
        raise ModelInvalid(
            f"{layout.model_dir}: the model fails its self-test: one prompt computed in one pass "
            f"and in two agrees to {agreement:.2f}, at least {MIN_AGREEMENT} is expected"
        )
    return agreement


def warm_up(layout: Layout, runner: Runner, eye: Eye) -> None:
    """One small pass through the tower and the language model, in place of a test passed before.

    It finds the failures that show as soon as a model runs at all, and spares the first keyframe
    the plugin's preparations. Raises as `run_self_test`.
    """
    try:
        seen = eye.look([_ramp(4 * layout.vision.token_px, 3 * layout.vision.token_px)])
        picture = _picture_ids(layout, seen)
        tree = TokenTree(runner)
        tree.start()
        last = tree.grow([Segment(picture, ROOT, (seen,))])[0].hidden[-1]
        runner.clear()
    except ValueError as error:
        raise ModelInvalid(f"{layout.model_dir}: the model fails to start: {error}") from None
    _check_finite(layout, "vision tower", seen.tokens)
    _check_finite(layout, "language model", last)


def _agreement(layout: Layout, runner: Runner, coder: TokenCoder, eye: Eye) -> float:
    side = 4 * layout.vision.token_px
    seen = eye.look([_ramp(side, side)])
    _check_finite(layout, "vision tower", seen.tokens)
    text = coder.encode(SENTENCE)
    text = (text * (MIN_TOKENS // len(text) + 1))[:MIN_TOKENS]
    picture = _picture_ids(layout, seen)
    tree = TokenTree(runner)
    tree.start()
    whole = tree.grow([Segment(picture + text, ROOT, (seen,))])[0].hidden[-1]
    tree.start()
    first = tree.grow([Segment(picture + text[:-100], ROOT, (seen,))])[0]
    halves = tree.grow([Segment(text[-100:], first.branch)])[0].hidden[-1]
    runner.clear()
    logits = runner.logits(np.stack([whole, halves]))
    runner.drop_head()
    _check_finite(layout, "language model", logits)
    return float(whole @ halves / (np.linalg.norm(whole) * np.linalg.norm(halves)))


def _ramp(width_px: int, height_px: int) -> Image:
    x, y = np.linspace(0, 255, width_px), np.linspace(0, 255, height_px)[:, None]
    return np.stack(np.broadcast_arrays(x, y, 255 - x), axis=2).astype(np.uint8)


def _picture_ids(layout: Layout, seen: Seen) -> Ids:
    tokens = layout.tokens
    pads = (tokens.image,) * (seen.grid[0] * seen.grid[1])
    return (tokens.vision_start, *pads, tokens.vision_end)


def _check_finite(layout: Layout, part: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ModelInvalid(
            f"{layout.model_dir}: the model fails its self-test: the {part} yields numbers that "
            f"are not finite"
        )
