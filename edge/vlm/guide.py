"""JSON under a grammar: which tokens may come next, and which text must.

Uses llguidance; its errors end here. Chosen by measurement with Qwen's vocabulary of 151,936:
forced text and masks cost about a millisecond a token, where outlines-core was still building its
index of the built-in schema after two minutes and xgrammar imports torch. Knows no model:
`document` writes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llguidance
import numpy as np

from edge.errors import AnalysisFailed, ModelInvalid
from edge.grammar import Grammar
from edge.vlm.json_place import locate
from edge.vlm.runner import Bools, Floats
from edge.vlm.tokens import Ids, TokenCoder

_MAX_CLOSING_TOKENS = 20_000
_BEFORE_LIST = b":"


class Guides:
    """The model's vocabulary as the library needs it; begins documents. Built once per model.

    Takes about a second for Qwen's vocabulary and 30 MB.
    """

    def __init__(self, coder: TokenCoder, num_tokens: int, eos: frozenset[int]) -> None:
        """`num_tokens` is the width of the logits. Raises ModelInvalid for a vocabulary that is
        not of the byte-level kind.
        """
        self._coder = coder
        self.tokens = coder.token_bytes(num_tokens)
        vocabulary: Any = _Vocabulary(self.tokens, min(eos), sorted(coder.control), coder)
        try:
            # Slices speed masks up (2 to 0.1 ms), for 30 MB and half a second. Few are computed.
            self._tokenizer = llguidance.LLTokenizer(
                vocabulary, n_vocab=num_tokens, eos_token=sorted(eos), slices=[]
            )
        except (ValueError, TypeError, RuntimeError) as error:
            raise ModelInvalid(f"the vocabulary does not suit a grammar: {error}") from None
        self._closers = [
            [coder.encode(mark)[0] for mark in marks] for marks in (']},0123456789"', '"')
        ]

    def begin(self, grammar: Grammar) -> Guide:
        """A document of which only the opening is there: what each begins with.

        Raises AnalysisFailed.
        """
        matcher = llguidance.LLMatcher(self._tokenizer, grammar.source, log_level=0)
        guide = Guide(self, self._coder, matcher)
        if matcher.is_error():
            raise AnalysisFailed(f"the grammar of a description fails: {matcher.get_error()[:200]}")
        guide.take_forced()
        return guide

    def closers(self, *, in_string: bool) -> list[int]:
        """Tokens that end what is open, the best first."""
        return self._closers[in_string]


class Guide:
    """A document being written, token by token: `ids`, and its `text` so far in UTF-8."""

    def __init__(self, guides: Guides, coder: TokenCoder, matcher: llguidance.LLMatcher) -> None:
        self._guides, self._coder, self._matcher = guides, coder, matcher
        self.ids: list[int] = []
        self.text = b""

    def encode(self, text: str) -> Ids:
        """The tokens of a text, by the model's tokenizer."""
        return self._coder.encode(text)

    def is_complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    def num_bytes(self, num_tokens: int) -> int:
        """How many bytes of the text the first tokens make."""
        return sum(len(self._guides.tokens[i]) for i in self.ids[:num_tokens])

    def try_take(self, ids: Sequence[int]) -> bool:
        """Append tokens if all of them fit here; otherwise nothing changes."""
        taken = self._matcher.try_consume_tokens(list(ids))
        if taken != len(ids):
            self._rollback(taken)
            return False
        self.ids += ids
        self.text += b"".join(self._guides.tokens[i] for i in ids)
        return True

    def take_best(self, logits: Floats) -> None:
        """Append the most probable token that fits. `logits` (V,). Raises AnalysisFailed."""
        if not np.isfinite(logits.max()):
            raise AnalysisFailed("the model gives no usable logits for a description")
        # Trained models mostly want what fits; only where they do not is the mask computed.
        if self.try_take([int(np.argmax(logits))]):
            return
        allowed = self.mask(len(logits))
        token = int(np.argmax(np.where(allowed, logits, -np.inf)))
        if not self.try_take([token]):
            raise AnalysisFailed(f"no token fits behind {self.text[-80:]!r} in a description")

    def take_forced(self) -> None:
        """Append the text that must follow here, if any.

        It ends where a token could join it to what the model chooses next, as ` []` would; the
        model then chooses among such tokens. Only a string's opening quote is always taken: the few
        tokens that join it to text are not worth a decode step for every string.
        """
        forced = bytes(self._matcher.compute_ff_bytes())
        if not self._is_text(forced):  # the last token ends within a character, as 中 and 严 begin
            self._take_forced(self._matcher.compute_ff_tokens())
            forced = bytes(self._matcher.compute_ff_bytes())
        if forced.endswith(b'"') and locate(self.text + forced).string_at >= 0:
            self._take_forced(self._coder.encode(forced.decode()))
        else:
            self._take_forced(self._matcher.compute_ff_tokens())

    def guess(self) -> Ids:
        """What likely comes next where a list begins: the bracket and a first text's quote, which
        the model takes as one token or ends the list with another. Empty elsewhere.
        """
        if not self.text.endswith(_BEFORE_LIST):  # spares the library the call
            return ()
        forced = bytes(self._matcher.compute_ff_bytes())
        if not forced.endswith(b"["):
            return ()
        ids = self._coder.encode(forced.decode() + '"')
        return ids if self._matcher.validate_tokens(list(ids)) == len(ids) else ()

    def try_cut(self, num_bytes: int, ending: bytes) -> bool:
        """Replace all behind the first `num_bytes` by `ending`, in whole tokens, if that fits."""
        ids, text = list(self.ids), self.text
        kept, length = 0, 0
        while kept < len(ids) and length + len(self._guides.tokens[ids[kept]]) <= num_bytes:
            length += len(self._guides.tokens[ids[kept]])
            kept += 1
        try:
            rest = (text[length:num_bytes] + ending).decode()
        except UnicodeDecodeError:
            return False
        self._rollback(len(ids) - kept)
        self.ids, self.text = ids[:kept], text[:length]
        if self.try_take(self._coder.encode(rest)):
            return True
        self.ids, self.text = ids[:kept], text[:length]
        if not self.try_take(ids[kept:]):
            raise AnalysisFailed("the grammar of a description lost its place")
        return False

    def close(self) -> None:
        """Complete the document in few tokens, without the model: strings and lists end at once,
        choices and numbers still missing get the first value that fits.
        """
        for _ in range(_MAX_CLOSING_TOKENS):
            if self.is_complete():
                return
            self._close_step()
        raise AnalysisFailed("a description cannot be closed")

    def mask(self, num_tokens: int) -> Bools:
        """Which tokens may come next, (V,)."""
        packed = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.zeros(num_tokens, np.bool_)
        bits = np.unpackbits(packed, bitorder="little")[:num_tokens]
        allowed[: len(bits)] = bits
        return allowed

    def _take_forced(self, ids: Sequence[int]) -> None:
        if ids and not self.try_take(ids):
            forced = b"".join(self._guides.tokens[i] for i in ids)
            raise AnalysisFailed(f"forced text {forced[:80]!r} does not fit its own grammar")

    def _close_step(self) -> None:
        forced = bytes(self._matcher.compute_ff_bytes())
        in_string = locate(self.text).string_at >= 0
        if any(self.try_take([token]) for token in self._guides.closers(in_string=in_string)):
            return
        if forced and self._is_text(forced) and self.try_take(self._coder.encode(forced.decode())):
            return
        allowed = np.flatnonzero(self.mask(len(self._guides.tokens)))
        if not (len(allowed) and self.try_take([int(allowed[0])])):
            raise AnalysisFailed(f"a description cannot be closed behind {self.text[-80:]!r}")

    @staticmethod
    def _is_text(forced: bytes) -> bool:
        try:
            forced.decode()
        except UnicodeDecodeError:
            return False
        return True

    def _rollback(self, num: int) -> None:
        if num and not self._matcher.rollback(num):
            raise AnalysisFailed("the grammar of a description cannot go back")


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The library's view of a tokenizer; it calls it with text to split into tokens."""

    tokens: Sequence[bytes]
    eos_token_id: int
    special_token_ids: Sequence[int]
    coder: TokenCoder
    bos_token_id: int | None = None
    is_tokenizer_wrapper: bool = True

    def __call__(self, text: str) -> list[int]:
        return list(self.coder.encode(text))
