"""The least time a keyframe's pass can take on a machine of known rates. Pure arithmetic.

Each part needs its multiplications and one reading of its weights; the slower of the two bounds
it. Left out, so that this is a limit from below: markers and stubs beyond one token a question,
the head, attention, everything outside matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.bench.probes import Rates
from edge.vlm.layout import Layout


@dataclass(frozen=True, slots=True)
class Limit:
    """Seconds at least, for the vision tower and for the language model's pass."""

    vision_s: float
    language_s: float
    tokens: int

    @property
    def total_s(self) -> float:
        """Both, one after the other."""
        return self.vision_s + self.language_s


def lower_limit(
    layout: Layout, fed_px: tuple[int, int], num_rules: int, rates: Rates, weight_bits: int
) -> Limit:
    """The limit of one pass over a picture of `fed_px` with one-token questions.

    `weight_bits` are those of the language model (the vision tower's are taken to be 8).
    """
    text, vision = layout.text, layout.vision
    patches = fed_px[0] * fed_px[1] // vision.patch_px**2
    visual_tokens = patches // vision.merge**2
    tokens = visual_tokens + num_rules
    per_layer = (
        text.hidden * text.head_dim * (2 * text.heads + 2 * text.kv_heads)
        + 3 * text.hidden * text.intermediate
    )
    language = _bound(per_layer * text.layers, tokens, weight_bits, rates)
    block = 4 * vision.hidden**2 + 2 * vision.hidden * vision.intermediate
    merged = vision.hidden * vision.merge**2
    tower = _bound(block * vision.depth, patches, 8, rates)
    mergers = (1 + vision.deepstack) * merged * (merged + vision.out_hidden)
    return Limit(tower + _bound(mergers, visual_tokens, 8, rates), language, tokens)


def _bound(weights: int, rows: int, bits: int, rates: Rates) -> float:
    return max(
        2.0 * weights * rows / rates.int8_ops_per_s, weights * bits / 8 / rates.read_bytes_per_s
    )
