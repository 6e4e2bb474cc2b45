"""A conversation of several turns against transformers' Qwen3VLForConditionalGeneration, fp32."""

from __future__ import annotations

import numpy as np
import pytest

from edge import questions
from edge.conversation import Message, Picture, Turn, Writing
from edge.vlm.prompt import SYSTEM
from tests.support.qwen_reference import Input, Reference

pytestmark = [
    pytest.mark.parity,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # torch's and transformers' own
]

ASKED = ["What is to be seen near the gate?", "And what colour is it?", "还有别的吗"]
NUM_TOKENS = 24
HOLE = "\ue010"


@pytest.fixture(scope="module")
def reference(tiny) -> Reference:
    return Reference(tiny.hf)


class Conversation:
    """The same conversation told to transformers, which reads all of it at each turn."""

    def __init__(self, reference: Reference, images, system=None):
        self.reference = reference
        given = [reference.process(image, 1024) for image in images]
        self.pixels = np.concatenate([pixels for pixels, _ in given]) if given else None
        self.grids = np.concatenate([grid for _, grid in given]) if given else None
        self.messages = [] if system is None else [{"role": "system", "content": system}]
        self.answers: list[list[int]] = []

    def ask(self, content):
        self.messages.append({"role": "user", "content": content})

    def answer(self, ids):
        """As tokens: those that were chosen need not be how the tokenizer spells the text."""
        self.messages.append({"role": "assistant", "content": HOLE})
        self.answers.append(list(ids))

    def given(self) -> Input:
        text = self.reference.tokenizer.apply_chat_template(
            self.messages, tokenize=False, add_generation_prompt=True
        )
        for grid in self.grids if self.grids is not None else []:
            pads = "<|hole|>" * (int(grid[1] * grid[2]) // 4)
            text = text.replace("<|image_pad|>", pads, 1)
        text = text.replace("<|hole|>", "<|image_pad|>")
        ids: list[int] = []
        for part, answer in zip(text.split(HOLE), [*self.answers, []], strict=True):
            ids += self.reference.tokenizer(part)["input_ids"] + answer
        return Input(np.array(ids, np.int64), self.pixels, self.grids)

    def logprobs(self):
        """Of the next token."""
        logits = self.reference.logits(self.given())[-1].astype(np.float64)
        return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


def typed_reference(conversation, coder, question):
    """Probabilities of one-token options, from the next token's logits."""
    logs = conversation.logprobs()
    forms = [{o, o.capitalize(), " " + o, " " + o.capitalize()} for o in question.options]
    ids = [{i[0] for form in f if len(i := coder.encode(form)) >= 1} for f in forms]
    shares = np.array([np.exp(logs[sorted(each)]).sum() for each in ids])
    return shares / shares.sum()


def test_three_turns_of_text(tiny_engine, tiny_parts, reference, noise, figure):
    """Each turn's text is that of greedy `generate` on the whole conversation, and so are the
    logits.
    """
    image = noise(320, 256, seed=11)
    conversation = Conversation(reference, [image], SYSTEM)
    worst = 0.0
    for number, asked in enumerate(ASKED):
        parts = [{"type": "text", "text": asked}]
        conversation.ask([{"type": "image"}, *parts] if number == 0 else parts)
        expected = reference.generate(conversation.given(), NUM_TOKENS)
        logs = conversation.logprobs()
        turn = Turn(
            f"t{number}",
            "parity",
            opens=number == 0,
            messages=(Message("user", (Picture(image),)),) if number == 0 else (),
            questions=(questions.text("q", asked, 2000),),
            writing=Writing(NUM_TOKENS, wants_chances=True, alternatives=5),
        )
        result = tiny_engine.talk(turn)
        assert result.timing.prompt_tokens == len(conversation.given().ids)
        if number:
            assert result.known_tokens > 80  # picture and history
        chances = result.chances["q"]
        eos = tiny_parts.layout.tokens.eos
        ended = result.endings["q"]
        expected = [i for i in expected if i not in eos]
        if ended == "loop":  # cut where `generate` goes on in circles
            expected = expected[: len(chances)]
        assert len(expected) > 5
        assert [c.token.data for c in chances] == [tiny_parts.coder.bytes_of(i) for i in expected]
        best = np.sort(logs)[::-1][:5]
        found = [t.logprob for t in chances[0].alternatives]
        worst = max(worst, float(np.abs(best - found).max()))
        conversation.answer(expected)
    assert worst < 1e-4
    figure(f"conversation of 3 turns: texts equal, log-probabilities {worst:.1e}")


def test_two_pictures_and_typed_turns(tiny_engine, tiny_parts, reference, noise, figure):
    """A picture, a question; another picture, a question: probabilities as from all at once."""
    images = [noise(256, 192, seed=1), noise(192, 256, seed=2)]
    conversation = Conversation(reference, images, SYSTEM)
    conversation.grids = conversation.grids[:1]
    conversation.pixels = conversation.pixels[: int(np.prod(conversation.grids[0]))]
    whole = Conversation(reference, images)
    worst = 0.0
    for number, image in enumerate(images):
        question = questions.yes_no("q", f"Is there a gate in picture {number}?")
        text = f"{question.text} (yes or no)"
        conversation.ask([{"type": "image"}, {"type": "text", "text": text}])
        conversation.pixels = whole.pixels[: int(np.prod(whole.grids[: number + 1], axis=1).sum())]
        conversation.grids = whole.grids[: number + 1]
        expected = typed_reference(conversation, tiny_parts.coder, question)
        turn = Turn(
            "t",
            "two",
            opens=number == 0,
            messages=(Message("user", (Picture(image),)),),
            questions=(question,),
        )
        answer = tiny_engine.talk(turn).answers[0]
        found = [answer.probabilities[o] for o in question.options]
        worst = max(worst, float(np.abs(expected - found).max()))
        conversation.answer(tiny_parts.coder.encode(answer.value))
    assert worst < 1e-4
    figure(f"typed answers over two pictures: {worst:.1e} (probability)")


def test_messages_given_whole(tiny_engine, tiny_parts, reference, noise):
    """Roles as a client sends them, pictures behind words, no system text: the same tokens."""
    image = noise(256, 256, seed=4)
    for system in ("", "Be short."):
        conversation = Conversation(reference, [image], system or None)
        conversation.ask([{"type": "text", "text": "Look:"}, {"type": "image"}])
        conversation.answer(tiny_parts.coder.encode("A gate."))
        conversation.ask([{"type": "text", "text": "What else?"}])
        turn = Turn(
            "t",
            messages=(
                Message("system", (system,)),
                Message("user", ("Look:", Picture(image))),
                Message("assistant", ("A gate.",)),
                Message("user", ("What else?",)),
            ),
            reply=True,
            writing=Writing(8, wants_chances=True),
        )
        result = tiny_engine.talk(turn)
        assert result.timing.prompt_tokens == len(conversation.given().ids)
        found = result.chances[""][0].token.logprob
        assert found == pytest.approx(conversation.logprobs().max(), abs=1e-4)
