"""A check at start-up that the compiled model computes what it should, which also warms it up.

Wrong kernels do not crash, they answer nonsense: a compressed model on an instruction set that its
plugin handles badly showed it only above 200 tokens. So a long prompt is computed in one pass and
in two, and both must agree.
"""

from __future__ import annotations

import numpy as np

from edge.errors import ModelInvalid
from edge.vlm.layout import Layout
from edge.vlm.runner import Runner
from edge.vlm.tokens import TokenCoder
from edge.vlm.tree import ROOT, Segment, TokenTree
from edge.vlm.vision import Eye

MIN_TOKENS = 224
SENTENCE = "A person in a red jacket walks past the gate while it rains. "
# Cosine of the last hidden state between the two ways. 8-bit activations and KV cache leave at
# least 0.98 on the 2B model with int4 weights; a broken kernel gives 0.
MIN_AGREEMENT = 0.8


def run_self_test(layout: Layout, runner: Runner, coder: TokenCoder, eye: Eye) -> float:
    """Run a picture and a long text through every model; gives the agreement found, 0.8..1.

    Raises ModelInvalid if the model yields numbers that are not finite, or disagrees with itself.
    Leaves the KV cache empty and the head dropped: not everyone asks for text.
    """
    side = 4 * layout.vision.token_px
    ramp = np.linspace(0, 255, side)
    image = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 255 - ramp), axis=2).astype(np.uint8)
    seen = eye.look([image])
    _check_finite(layout, "vision tower", seen.tokens)
    text = coder.encode(SENTENCE)
    text = (text * (MIN_TOKENS // len(text) + 1))[:MIN_TOKENS]
    tokens = layout.tokens
    pads = (tokens.image,) * (seen.grid[0] * seen.grid[1])
    picture = (tokens.vision_start, *pads, tokens.vision_end)
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
    agreement = float(whole @ halves / (np.linalg.norm(whole) * np.linalg.norm(halves)))
    if agreement < MIN_AGREEMENT:
        raise ModelInvalid(
            f"{layout.model_dir}: the model fails its self-test: one prompt computed in one pass "
            f"and in two agrees to {agreement:.2f}, at least {MIN_AGREEMENT} is expected"
        )
    return agreement


def _check_finite(layout: Layout, part: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ModelInvalid(
            f"{layout.model_dir}: the model fails its self-test: the {part} yields numbers that "
            f"are not finite"
        )
