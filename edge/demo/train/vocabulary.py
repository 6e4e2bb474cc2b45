"""The bundled model's vocabulary: a small byte-level BPE in Qwen's tokenizer and chat format.

Learned from the text and the word list beside this file. Every byte has a token, so any text can
be written; digits stand alone, and the listed words are single tokens. Used by the scripts here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import Qwen2TokenizerFast

from edge.demo.train import wordings
from edge.vlm import description, prompt
from edge.vlm.prompt import ChatFormat
from edge.vlm.tokens import Ids, TokenCoder

# Qwen's own, in Qwen's order; `ADDED` are ordinary text to the tokenizer's decoder.
SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
]
ADDED = [
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
    *("<tool_response>", "</tool_response>", "<think>", "</think>"),
]
# How Qwen cuts text before merging; note that each digit is cut off alone.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
    "{%- if m.content is string %}{{- m.content }}"
    "{%- else %}{%- for c in m.content %}"
    "{%- if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif c.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- elif 'text' in c %}{{- c.text }}"
    "{%- endif %}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
WORD = re.compile(r"[A-Za-z]+")
# What `prompt` writes behind a question of each kind.
LIMITS = (
    *("(yes or no)", "(a digit from 0 to 9, 9 also for more)", "(one of: "),
    *("(a digit from 0 to 4, 4 meaning 4 or more)", "(a digit from 1 (lowest) to 5 (highest))"),
)
ANSWERS = (
    *("yes", "no", "true", "false", "open", "closed", "ajar", "red", "blue", "white", "black"),
    *("green", "yellow", "grey", "orange", "brown", "person", "people", "car", "dog", "parcel"),
    *("bicycle", "fire", "smoke", "door", "doorstep", "driveway", "path", "lawn", "held", "on"),
    *("day", "night", "dusk", "standing", "walking", "running", "riding", "nothing", "nowhere"),
    *("there", "zero", "one", "two", "three", "four", "many", "a", "the", "an", "nobody"),
)
NUM_CAPITAL_LINES = 4  # lines at the top of words.txt whose words are also learned capitalised


def training_lines() -> Iterator[str]:
    """The text to learn from: the corpus, and words often enough to become tokens, those of the
    engine's prompts and of the training's questions before the listed ones. No word in capitals:
    what is printed on signs is to be spelled.
    """
    here = Path(__file__).parent
    yield from (here / "corpus.txt").read_text(encoding="utf-8").splitlines()
    for text in (prompt.SYSTEM, prompt.LIST_HEAD, prompt.LIST_TAIL, description.REQUEST, *LIMITS):
        yield from [text.replace("JSON", "")] * 6
        yield from (" " + " ".join([word] * 20) for word in WORD.findall(text))
    asked = sorted({word for text in _strings(vars(wordings)) for word in WORD.findall(text)})
    yield from (" " + " ".join([word] * 14) for word in asked)
    for word in ANSWERS:
        yield from [word, f" {word}", word.capitalize(), f" {word.capitalize()}"] * 14
    for i, line in enumerate((here / "words.txt").read_text(encoding="utf-8").splitlines()):
        for word in line.split():
            yield " " + " ".join([word] * 8)
            if i < NUM_CAPITAL_LINES:
                yield " " + " ".join([word.capitalize()] * 4)
                yield from [word, word.capitalize()] * 4


def _strings(value: object) -> Iterator[str]:
    """All text in nested tables, public names alone."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            if not str(key).startswith("_"):
                yield from _strings(part)
    elif isinstance(value, tuple):
        for part in value:
            yield from _strings(part)


def build_tokenizer(max_tokens: int) -> Qwen2TokenizerFast:
    """Learn the vocabulary; at most `max_tokens` with the special ones, which come last."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=max_tokens - len(SPECIAL) - len(ADDED),
        min_frequency=3,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_lines(), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in ADDED])
    return Qwen2TokenizerFast(  # type: ignore[no-untyped-call] # transformers leaves it untyped
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106 - a token of text
        pad_token="<|endoftext|>",  # noqa: S106 - a token of text
        chat_template=CHAT,
        model_max_length=8192,
    )


def chat_parts(coder: TokenCoder) -> tuple[ChatFormat, Ids]:
    """The parts of a conversation in this vocabulary's format, and what stands between the model's
    turn and the user's next one.
    """
    chat = ChatFormat(
        opening=coder.encode_control("<|im_start|>system\n"),
        between=coder.encode_control("<|im_end|>\n<|im_start|>user\n"),
        closing=coder.encode_control("<|im_end|>\n<|im_start|>assistant\n"),
    )
    return chat, coder.encode_control("<|im_end|>\n<|im_start|>user\n")
