"""Text to token ids and back, by the model's own tokenizer.json.

Knows nothing of prompts. Text from outside (questions, options) goes through `encode`, which never
yields a control token, whatever the text spells; only the chat format goes through
`encode_control`. Uses the `tokenizers` library alone: importing transformers costs seconds and
pulls in torch where that is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ModelInvalid
from edge.vlm.ir_files import PULL_AGAIN
from edge.vlm.layout import Layout

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = tuple[int, ...]


class TokenCoder:
    """The tokenizer of one model."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.control = frozenset(tokenizer.get_added_tokens_decoder())

    def encode(self, text: str) -> Ids:
        """The ids of plain text; `<|im_end|>` and the like are spelled out as the letters they are.

        The steps of the tokenizer without its added tokens: normalize, split, look up each piece.
        """
        tokenizer = self._tokenizer
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        pieces = [text]
        if tokenizer.pre_tokenizer is not None:
            pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        return tuple(
            token.id for piece in pieces if piece for token in tokenizer.model.tokenize(piece)
        )

    def encode_control(self, text: str) -> Ids:
        """The ids of a part of the chat format, control tokens included."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; control tokens are left out, broken UTF-8 becomes U+FFFD."""
        plain = [i for i in ids if i not in self.control]
        return str(self._tokenizer.decode(plain, skip_special_tokens=False))

    def name(self, token: int) -> str | None:
        """How a token is written in the vocabulary, or None if there is no such token."""
        return self._tokenizer.id_to_token(token)  # type: ignore[no-any-return]

    def token_bytes(self, num_tokens: int) -> list[bytes]:
        """The bytes that each token stands for, by id; empty for ids without a token.

        Raises ModelInvalid if the vocabulary is not written in the byte-level alphabet.
        """
        tokens = [b""] * num_tokens
        for name, token in self._tokenizer.get_vocab(with_added_tokens=True).items():
            try:
                control = token in self.control
                tokens[token] = (
                    name.encode() if control else name.translate(_LETTER_BYTES).encode("latin-1")
                )
            except UnicodeEncodeError:
                raise ModelInvalid(
                    f"tokenizer.json: token {token} is {name!r}, which is not in the byte-level "
                    f"alphabet that Qwen's tokenizer uses"
                ) from None
        return tokens

    def bytes_of(self, token: int) -> bytes:
        """The bytes that one token stands for; a control token's name in UTF-8."""
        name = self.name(token) or ""
        if token in self.control:
            return name.encode()
        return name.translate(_LETTER_BYTES).encode("latin-1", errors="replace")

    def single(self, texts: Iterable[str]) -> Ids:
        """The ids of those texts that are exactly one token."""
        encoded = (self.encode(text) for text in texts)
        return tuple(ids[0] for ids in encoded if len(ids) == 1)


def _byte_letters() -> dict[int, int]:
    """The byte-level alphabet, character to byte: printable bytes stand for themselves, the others
    for the characters from U+0100 on, in order (GPT-2's table, which tokenizers' ByteLevel uses).
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in plain]
    return {byte: byte for byte in plain} | {0x100 + n: byte for n, byte in enumerate(others)}


_LETTER_BYTES = _byte_letters()


def load_tokens(layout: Layout) -> TokenCoder:
    """The tokenizer beside the model.

    Raises ModelInvalid if tokenizer.json is missing or unreadable, has more tokens than the model
    has rows for, or does not know the ids that config.json names.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - the light parts of this room do without

    file = layout.path("tokenizer.json")
    if not file.exists():
        raise ModelInvalid(f"{file} is missing; {PULL_AGAIN}")
    tokenizer = _open(Tokenizer, file)
    size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    if size > layout.text.vocab:
        raise ModelInvalid(
            f"{file} has {size} tokens, but config.json allows a vocab_size of {layout.text.vocab}"
        )
    coder = TokenCoder(tokenizer)
    tokens = layout.tokens
    for key, token in (
        ("image_token_id", tokens.image),
        ("video_token_id", tokens.video),
        ("vision_start_token_id", tokens.vision_start),
        ("vision_end_token_id", tokens.vision_end),
        *(("eos_token_id", eos) for eos in sorted(tokens.eos)),
    ):
        if token not in coder.control:
            raise ModelInvalid(
                f"{file}: {key} {token} of config.json is {coder.name(token)!r} here; "
                f"expected a control token. Tokenizer and model do not belong together"
            )
    return coder


def _open(tokenizer_type: type[Tokenizer], file: Path) -> Tokenizer:
    try:
        return tokenizer_type.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - tokenizers raises bare Exception for bad files
        raise ModelInvalid(f"{file} cannot be read ({error}); {PULL_AGAIN}") from None
