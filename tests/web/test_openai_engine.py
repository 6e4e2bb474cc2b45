"""Another box as the server: what it says through OpenAI's protocol is what its engine says here.

Both sides compute in f32 and pictures travel without loss, so that the same pixels and the same
words stand before the same model. What differs is how probabilities are read: from the whole
vocabulary here, from the 20 most probable tokens there, of which the least bounds whatever is not
told. The tolerance is what comes of that, and 1e-3 for the order of computing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from edge.conversation import Message, Picture, Token, Turn, Writing
from edge.geometry import Box
from edge.hub.places import DEMO_DIR
from edge.questions import AnalysisRequest, Look, Question, choice, count, text, yes_no
from edge.vlm.engine import Engine, open_engine
from edge.vlm.remote.chances import MIN_SHARE_OF_CHOSEN
from edge.vlm.remote.engine import RemoteEngine
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.wording import words_of
from edge.vlm.settings import EngineSettings
from tests.support.web_box import WorkingDoor
from tests.web.conftest import Running, Serve

PICTURE = np.random.default_rng(5).integers(0, 256, (192, 256, 3), dtype=np.uint8)
SHOWN = (Message("user", (Picture(PICTURE),)),)
MUCH = 0.02
WAYS_OF_WRITING = 6  # capital or not, with a space or not, and their like


@pytest.fixture(scope="module")
def local() -> Iterator[Engine]:
    if not (DEMO_DIR / "config.json").exists():
        pytest.skip("the bundled model is not there")
    with open_engine(EngineSettings(DEMO_DIR, accuracy=True)) as engine:
        yield engine


@pytest.fixture(scope="module")
def box(serve: Serve, local: Engine) -> Running:
    return serve(door=WorkingDoor(local.talk))


@pytest.fixture(scope="module")
def remote(box: Running) -> Iterator[RemoteEngine]:
    engine = RemoteEngine(RemoteSettings(f"{box.url}/v1", "any", pictures="png", parallel=2))
    yield engine
    engine.close()


def ask_here(engine: Engine, question: Question) -> dict[str, float]:
    result = engine.talk(Turn("here", messages=SHOWN, questions=(question,)))
    return dict(result.answers[0].probabilities)


def ask_there(engine: RemoteEngine, question: Question) -> dict[str, float]:
    look = Look((), (question,))
    result = engine.analyze(AnalysisRequest("there", PICTURE, None, (look,)))
    assert result.model is not None
    assert result.model.answers == "logprobs"
    return dict(result.answers[0].probabilities)


def told(engine: Engine, question: Question) -> list[Token]:
    """The most probable first tokens of an answer, as the box tells them."""
    writing = Writing(max_tokens=1, wants_chances=True, alternatives=20)
    asked = (Message("user", (Picture(PICTURE), words_of(question))),)
    said = engine.talk(Turn("told", messages=asked, reply=True, writing=writing))
    return list(said.chances[""][0].alternatives)


def tolerance(engine: Engine, question: Question) -> float:
    """How far a share can be off: each way of writing an option that is not told has at most the
    least share told, beside what the options have. Infinite where the options are not what the
    model would say: then the answer is wanted in another form.
    """
    told_here = told(engine, question)
    chances = [(token.text.strip().lower(), math.exp(token.logprob)) for token in told_here]
    seen = sum(chance for word, chance in chances if word in question.options)
    if seen < 2 * MIN_SHARE_OF_CHOSEN * chances[0][1]:
        return math.inf
    untold = WAYS_OF_WRITING * len(question.options) * min(chance for _, chance in chances)
    return 1e-3 + untold / (seen + untold)


@pytest.mark.parametrize(
    "question",
    [
        *(yes_no("q", f"Is there {what}?") for what in ("a person", "a car", "a dog", "snow")),
        yes_no("q", "Is it night?"),
        choice("q", "How is the door?", ("open", "closed")),
        choice("q", "Which colour is the car?", ("red", "blue", "white", "black")),
        count("q", "How many people are there?"),
    ],
    ids=lambda question: question.text,
)
def test_the_same_answers(local: Engine, remote: RemoteEngine, question: Question) -> None:
    most = tolerance(local, question)
    assert question.kind != "yes_no" or most < MUCH  # else this would show little
    assert ask_there(remote, question) == pytest.approx(ask_here(local, question), abs=most)


def test_the_same_text(local: Engine, remote: RemoteEngine) -> None:
    question = text("t", "What is it?", max_chars=40)
    look = Look((Box(0, 0, 1, 1),), (question,))
    (there,) = remote.analyze(AnalysisRequest("there", PICTURE, None, (look,))).answers
    writing = Writing(max_tokens=56)
    asked = (Message("user", (Picture(PICTURE), question.text)),)
    (here,) = local.talk(Turn("here", messages=asked, reply=True, writing=writing)).answers
    assert there.value == here.value[:40].rstrip()


def test_a_description(remote: RemoteEngine) -> None:
    shape = {"type": "object", "properties": {"people": {"type": "integer", "maximum": 9}}}
    look = Look((), (yes_no("q", "Is it?"),))
    request = AnalysisRequest("d", PICTURE, None, (look,), describe=True, schema=shape)
    described = remote.analyze(request).description
    assert described is not None
    assert list(described.details) == ["people"]


def test_a_conversation_is_continued(box: Running, remote: RemoteEngine) -> None:
    first = Turn("1", session="s", opens=True, messages=SHOWN, questions=(yes_no("q", "Is it?"),))
    assert remote.talk(first).answers[0].value in ("yes", "no")
    remote.talk(Turn("2", session="s", questions=(yes_no("q", "And now?"),)))
    told = box.door.turns[-1].messages
    assert [message.role for message in told] == ["system", "user", "assistant", "user"]
    assert told[-1].parts == ("And now? (yes or no)",)
