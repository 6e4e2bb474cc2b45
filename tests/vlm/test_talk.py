"""Conversations: follow-ups equal asking everything at once, whatever comes between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge import questions
from edge.conversation import Message, Picture, Turn, Writing
from edge.errors import AnalysisFailed, PictureError, QuestionError, SessionGone
from edge.geometry import Box
from edge.questions import AnalysisRequest, Look
from edge.vlm.engine import Engine, open_engine
from edge.vlm.line import build_lines
from edge.vlm.sessions import SessionBounds
from edge.vlm.settings import EngineSettings

GATE = questions.yes_no("gate", "Is the gate open?")
COLOUR = questions.choice("colour", "Which colour is it?", ("red", "dark red", "blue"))
COUNT = questions.count("count", "How many people are there?")
LARGE = SessionBounds(8, 10**9, 600.0)


@pytest.fixture(autouse=True)
def no_sessions(demo_engine: Engine):
    sessions = demo_engine._loaded.talker.sessions
    sessions.bounds = LARGE
    yield
    for name in list(sessions._open):
        sessions.close(name)


def show(image, region=None):
    return (Message("user", (Picture(image, region),)),)


def opening(name, image, *asked, **more):
    return Turn("o", name, opens=True, messages=show(image), questions=asked, **more)


def told(answers):
    return [a.probabilities or a.value for a in answers]


def differ(ours, theirs):
    assert [a.question_id for a in ours] == [a.question_id for a in theirs]
    return max(
        abs(a.probabilities[option] - b.probabilities[option])
        for a, b in zip(ours, theirs, strict=True)
        for option in b.probabilities
    )


def as_whole(image, turns, last):
    """The conversation given whole: (question, answer) pairs, then what is asked."""
    messages = [Message("user", (Picture(image),))]
    for question, answer in turns:
        words = question.text
        if question.kind != "text":
            words += f" ({ALLOWED[question.id]})"
        messages[-1] = Message("user", (*messages[-1].parts, words))
        messages += [Message("assistant", (answer,)), Message("user", (" ",))]
    messages[-1] = Message("user", tuple(p for p in messages[-1].parts if p != " ") or ("",))
    return Turn("w", messages=tuple(messages), questions=last)


ALLOWED = {
    "gate": "yes or no",
    "colour": "one of: red, dark red, blue",
    "count": "a digit from 0 to 9, 9 also for more",
}


def fresh(engine, turn):
    """Answered with nothing remembered."""
    sessions = engine._loaded.talker.sessions
    for name in list(sessions._open):
        sessions.close(name)
    result = engine.talk(turn)
    assert result.known_tokens <= len(engine._loaded.talker._writer.house_prefix)
    return result


def test_follow_ups_equal_the_conversation_given_whole(demo_engine, noise):
    image = noise(256, 192)
    first = demo_engine.talk(opening("a", image, GATE)).answers[0]
    second = demo_engine.talk(Turn("2", "a", questions=(COLOUR,))).answers[0]
    batch = demo_engine.talk(Turn("3", "a", questions=(COUNT, GATE, COLOUR))).answers
    turns = [(GATE, first.value), (COLOUR, second.value)]
    again = fresh(demo_engine, as_whole(image, turns, (COUNT, GATE, COLOUR))).answers
    assert differ(batch, again) < 1e-4
    alone = fresh(demo_engine, as_whole(image, turns[:1], (COLOUR,))).answers
    assert differ([second], alone) < 1e-4


def test_what_was_asked_together_stands_in_the_history_in_order(demo_engine, noise):
    image = noise(256, 192)
    batch = demo_engine.talk(opening("a", image, GATE, COLOUR)).answers
    after = demo_engine.talk(Turn("2", "a", questions=(COUNT,))).answers
    turns = [(GATE, batch[0].value), (COLOUR, batch[1].value)]
    assert differ(after, fresh(demo_engine, as_whole(image, turns, (COUNT,))).answers) < 1e-4
    assert len(set(told(after)[0].values())) > 1


@pytest.mark.parametrize("num", [1, 2, 8, 32])
def test_questions_of_a_turn_do_not_see_each_other(demo_engine, noise, num):
    image = noise(256, 192)
    kinds = (GATE, COLOUR, COUNT)
    asked = tuple(replace(kinds[n % 3], id=f"q{n}", text=f"Number {n}?") for n in range(num))
    demo_engine.talk(opening("together", image))
    together = demo_engine.talk(Turn("2", "together", questions=asked)).answers
    for question, answer in list(zip(asked, together, strict=True))[:: max(1, num // 4)]:
        demo_engine.talk(opening("alone", image))
        alone = demo_engine.talk(Turn("2", "alone", questions=(question,))).answers
        assert differ([answer], alone) < 1e-4


def test_a_follow_up_computes_only_what_is_new(demo_engine, noise):
    result = demo_engine.talk(opening("a", noise(640, 352), GATE))
    after = demo_engine.talk(Turn("2", "a", questions=(COUNT,)))
    new = after.timing.prompt_tokens - after.known_tokens
    assert result.timing.prompt_tokens > 220
    assert new < 40
    assert after.timing.vision_ms < 1


def test_two_sessions_and_camera_work_in_between(demo_engine, noise):
    """Whatever uses the cache in between, the answers are those of an undisturbed session; and the
    cameras' remembered prefixes stay.
    """
    images = {"a": noise(256, 192, seed=1), "b": noise(192, 256, seed=2)}
    talk = demo_engine.talk
    expected = {}
    for name, image in images.items():
        talk(opening(name, image, GATE))
        expected[name] = [
            talk(Turn("2", name, questions=(COLOUR,))).answers,
            talk(Turn("3", name, questions=(COUNT, GATE))).answers,
        ]
    request = AnalysisRequest("k", noise(320, 256), None, (Look((), (GATE, COUNT)),))
    keyframe = demo_engine.analyze(request)
    prefixes = demo_engine._loaded.looker.prefixes
    kept = list(prefixes._kept)
    for name, image in images.items():
        talk(opening(name, image, GATE))
        assert demo_engine.analyze(request).answers == keyframe.answers
    for turn in range(2):
        asked = [(COLOUR,), (COUNT, GATE)][turn]
        for name in ("b", "a"):
            answers = talk(Turn("x", name, questions=asked)).answers
            assert differ(answers, expected[name][turn]) < 1e-4
            assert demo_engine.analyze(request).answers == keyframe.answers
    assert list(prefixes._kept) == kept


def test_a_conversation_given_whole_goes_on_where_the_last_one_ended(demo_engine, noise):
    image = noise(256, 192)
    messages = (Message("user", (Picture(image), "What is there?")),)
    first = demo_engine.talk(Turn("1", messages=messages, reply=True, writing=Writing(6)))
    messages += (Message("assistant", (first.answers[0].value,)), Message("user", ("And now?",)))
    second = demo_engine.talk(Turn("2", messages=messages, reply=True, writing=Writing(6)))
    assert second.known_tokens >= first.timing.prompt_tokens
    assert second.timing.vision_ms < 1
    assert len(demo_engine._loaded.talker.sessions) == 1
    again = fresh(demo_engine, Turn("3", messages=messages, reply=True, writing=Writing(6)))
    assert told(again.answers) == told(second.answers)
    assert again.answers[0].probability == pytest.approx(second.answers[0].probability, abs=1e-4)


def test_a_whole_conversation_does_not_change_an_open_session(demo_engine, noise):
    image = noise(256, 192)
    demo_engine.talk(opening("a", image))
    expected = demo_engine.talk(Turn("2", "a", questions=(COUNT,))).answers
    demo_engine.talk(opening("a", image))
    other = Turn("w", messages=show(image), questions=(GATE,))
    assert demo_engine.talk(other).known_tokens > 40
    assert differ(demo_engine.talk(Turn("2", "a", questions=(COUNT,))).answers, expected) < 1e-4


def test_another_picture_in_a_later_turn(demo_engine, noise):
    one, two = noise(256, 192, seed=1), noise(256, 192, seed=2)
    demo_engine.talk(opening("a", one, GATE))
    found = demo_engine.talk(Turn("2", "a", messages=show(two), questions=(COUNT,)))
    same = demo_engine.talk(opening("b", one, GATE))
    other = demo_engine.talk(Turn("2", "b", messages=show(one), questions=(COUNT,)))
    assert len(same.views) == len(found.views) == 1
    assert differ(found.answers, other.answers) > 1e-6, "the second picture is not looked at"


def test_a_region_is_shown_at_native_resolution(demo_engine, noise):
    image = noise(1280, 704)
    region = Box(0.5, 0.25, 0.7, 0.5)
    (view,) = demo_engine.talk(Turn("o", "a", opens=True, messages=show(image, region))).views
    assert view.box.x1 <= region.x1
    assert view.box.x2 >= region.x2
    assert view.width_px == pytest.approx((view.box.x2 - view.box.x1) * 1280, abs=0.01)
    assert view.width_px < 256 + 64
    tiny = Box(0.5, 0.5, 0.51, 0.51)
    (view,) = demo_engine.talk(Turn("o", "a", opens=True, messages=show(image, tiny))).views
    assert (view.box.x2 - view.box.x1) * 1280 <= 64, "enlarged, not widened"
    assert view.width_px * view.height_px >= 128 * 128


def test_pieces_make_up_the_text(demo_engine, noise):
    pieces = []
    turn = opening("a", noise(256, 192), questions.text("t", "Describe the picture.", 200))
    turn = replace(turn, writing=Writing(40, wants_chances=True, alternatives=3))
    result = demo_engine.talk(turn, pieces.append)
    assert len(pieces) > 3
    assert "".join(p.text for p in pieces) == result.answers[0].value
    chances = tuple(c for p in pieces for c in p.chances)
    assert chances == result.chances["t"]
    assert result.timing.output_tokens == len(chances)
    for chance in chances:
        found = [t.logprob for t in chance.alternatives]
        assert len(found) == 3
        assert found == sorted(found, reverse=True)
        assert chance.token.logprob == max(found)  # greedy
    mean = np.mean([np.exp(c.token.logprob) for c in chances])
    assert result.answers[0].probability == pytest.approx(mean, abs=1e-6)


def test_stop_strings_and_bounds_end_a_text(demo_engine, noise):
    image = noise(256, 192)
    asked = questions.text("t", "Describe it.", 200)
    whole = demo_engine.talk(opening("a", image, asked, writing=Writing(30))).answers[0].value
    assert len(whole) > 10
    stop = whole[5:9]
    pieces = []
    turn = opening("a", image, asked, writing=Writing(30, stop=(stop, "never there")))
    result = demo_engine.talk(turn, pieces.append)
    assert result.answers[0].value == whole[: whole.find(stop)].rstrip()
    assert "".join(p.text for p in pieces) == result.answers[0].value
    assert result.endings == {"t": "stop"}
    result = demo_engine.talk(opening("a", image, asked, writing=Writing(2)))
    assert result.endings == {"t": "tokens"}
    assert result.timing.output_tokens == 2
    assert result.answers[0].truncated
    result = demo_engine.talk(opening("a", image, replace(asked, max_chars=4)))
    assert result.endings == {"t": "chars"}
    assert len(result.answers[0].value) <= 4
    result = demo_engine.talk(opening("a", image, asked, deadline_s=0.0))
    assert result.endings == {"t": "deadline"}


def test_a_text_is_called_off_between_two_tokens(demo_engine, noise):
    asked = questions.text("t", "Describe it.", 2000)
    pieces = []
    result = demo_engine.talk(
        opening("a", noise(256, 192), asked),
        pieces.append,
        lambda: sum(len(p.text) for p in pieces) > 3,
    )
    assert result.endings == {"t": "cancelled"}
    assert result.timing.output_tokens < 12
    assert result.answers[0].value == "".join(p.text for p in pieces)
    assert demo_engine.talk(Turn("2", "a", questions=(GATE,))).answers[0].probabilities


def test_a_description_in_a_conversation(demo_engine, noise):
    image = noise(256, 192)
    demo_engine.talk(opening("a", image))
    result = demo_engine.talk(Turn("2", "a", describe=True, deadline_s=0.0))
    assert result.description is not None
    assert result.endings == {"": "deadline"}
    bounded = demo_engine.talk(Turn("2", "a", describe=True, writing=Writing(20)))
    assert bounded.endings == {"": "tokens"}
    whole = demo_engine.talk(Turn("2", "a", describe=True))
    assert bounded.timing.output_tokens < whole.timing.output_tokens
    demo_engine.talk(opening("b", image))
    called_off = demo_engine.talk(Turn("2", "b", describe=True), is_cancelled=lambda: True)
    assert called_off.endings == {"": "cancelled"}
    assert called_off.timing.output_tokens == 1
    schema = {"type": "object", "properties": {"doors": {"type": "integer", "maximum": 9}}}
    own = demo_engine.talk(Turn("3", "a", describe=True, schema=schema)).description
    assert own is not None
    assert 0 <= own.details["doors"] <= 9 or own.details["doors"] < 0
    assert demo_engine.talk(Turn("4", "a", questions=(GATE,))).answers[0].probabilities


def test_the_session_unused_longest_goes_first(demo_engine, noise):
    sessions = demo_engine._loaded.talker.sessions
    sessions.bounds = replace(LARGE, max_sessions=2)
    image = noise(256, 192)
    for name in ("a", "b"):
        demo_engine.talk(opening(name, image))
    demo_engine.talk(Turn("2", "a", questions=(GATE,)))
    demo_engine.talk(opening("c", image))
    assert len(sessions) == 2
    with pytest.raises(SessionGone, match="session b is not open any more: send the picture"):
        demo_engine.talk(Turn("2", "b", questions=(GATE,)))
    for name in ("a", "c"):
        demo_engine.talk(Turn("2", name, questions=(GATE,)))


def test_sessions_are_bounded_in_memory(demo_engine, noise):
    sessions = demo_engine._loaded.talker.sessions
    demo_engine.talk(opening("0", noise(256, 192, seed=0)))
    one = sessions.num_bytes
    assert one > 48 * sessions.token_bytes
    sessions.bounds = SessionBounds(100, int(2.5 * one), 600)
    for number in range(1, 6):
        demo_engine.talk(opening(f"{number}", noise(256, 192, seed=number)))
        assert sessions.num_bytes <= 2.5 * one
    assert list(sessions._open) == ["4", "5"]
    sessions.put_aside()
    aside = sessions.get("5").aside
    assert aside is not None
    assert sum(v.nbytes for v in aside.tensors.values()) == aside.num * sessions.token_bytes


def test_a_whole_conversation_above_the_bound_is_not_kept(demo_engine, noise):
    sessions = demo_engine._loaded.talker.sessions
    whole = Turn("1", messages=(Message("user", (Picture(noise(256, 192)),)),), questions=(GATE,))
    demo_engine.talk(whole)
    assert len(sessions) == 1
    sessions.bounds = SessionBounds(100, sessions.num_bytes - 1, 600)
    again = replace(whole, id="2", questions=(GATE,))
    assert demo_engine.talk(again).known_tokens > 48
    assert (len(sessions), sessions.num_bytes) == (0, 0)
    assert demo_engine.talk(again).answers


def test_idle_sessions_are_closed(demo_engine, noise, monkeypatch):
    now = [1000.0]
    sessions = demo_engine._loaded.talker.sessions
    monkeypatch.setattr(sessions, "_clock", lambda: now[0])
    demo_engine.talk(opening("a", noise(256, 192)))
    now[0] += 599
    assert demo_engine.settle()
    now[0] += 2
    assert not demo_engine.settle()
    with pytest.raises(SessionGone):
        demo_engine.talk(Turn("2", "a", questions=(GATE,)))


def test_the_head_is_ready_while_a_session_is_open(demo_dir, noise):
    with open_engine(EngineSettings(demo_dir)) as engine:
        runner = engine._loaded.runner
        engine.talk(opening("a", noise(256, 192), GATE))
        assert not runner.has_head
        assert engine.settle()
        assert runner.has_head
        engine.close_session("a")
        assert not engine.settle()
        assert not runner.has_head


def test_a_long_conversation_loses_its_oldest_turns_and_keeps_the_picture(demo_engine, noise):
    image = noise(256, 192)
    sessions = demo_engine._loaded.talker.sessions
    demo_engine.talk(opening("a", image))
    sessions.bounds = replace(LARGE, max_bytes=sessions.num_bytes + 200 * sessions.token_bytes)
    dropped, lengths = 0, []
    for number in range(12):
        asked = questions.yes_no("q", f"Is the gate number {number} open? " * 3)
        result = demo_engine.talk(Turn("2", "a", questions=(asked,)))
        dropped += result.num_dropped
        lengths.append(result.timing.prompt_tokens)
        assert sessions.num_bytes <= sessions.bounds.max_bytes
    assert dropped > 2
    assert max(lengths) < 400
    assert len(sessions.get("a").script.transcript.pictures) == 1


def test_forgetting_computes_the_rest_as_if_it_had_never_been(demo_engine, noise):
    image = noise(256, 192)
    sessions = demo_engine._loaded.talker.sessions
    demo_engine.talk(opening("a", image, GATE))
    second = demo_engine.talk(Turn("2", "a", questions=(COLOUR,))).answers[0]
    length = len(sessions.get("a").script.transcript)
    pixels = sessions.get("a").script.transcript.num_bytes
    # Less than the words of the first turn too little.
    words = sum(line.num_tokens for line in lines_of(demo_engine, COUNT))
    tokens = length + words + 4
    sessions.bounds = replace(LARGE, max_bytes=pixels + tokens * sessions.token_bytes)
    result = demo_engine.talk(Turn("3", "a", questions=(COUNT,)))
    assert result.num_dropped == 1
    sessions.bounds = LARGE
    expected = fresh(demo_engine, as_whole(image, [(COLOUR, second.value)], (COUNT,)))
    assert differ(result.answers, expected.answers) < 1e-4


def lines_of(engine, *asked):
    talker = engine._loaded.talker
    turn = Turn("t", "a", questions=asked)
    return build_lines(turn, talker._writer.format, talker._coder, talker._eos, talker._describer)


def test_what_does_not_fit_is_told(demo_engine, noise):
    sessions = demo_engine._loaded.talker.sessions
    sessions.bounds = replace(LARGE, max_bytes=100 * sessions.token_bytes)
    with pytest.raises(QuestionError, match=r"tokens; at most .* fit into a session"):
        demo_engine.talk(opening("a", noise(640, 352), GATE))
    assert "a" not in sessions
    long = Message("user", ("many words " * 4000,))
    with pytest.raises(QuestionError, match="tokens; at most 4096 fit"):
        demo_engine.talk(Turn("w", messages=(long,), reply=True))


def test_a_failed_turn_leaves_the_session_as_it_was(demo_engine, noise, monkeypatch):
    image = noise(256, 192)
    demo_engine.talk(opening("a", image, GATE))
    expected = demo_engine.talk(Turn("2", "a", questions=(COUNT,))).answers
    demo_engine.talk(opening("a", image, GATE))

    def fail(*_args):
        raise AnalysisFailed("no more")

    with monkeypatch.context() as patch:
        patch.setattr(demo_engine._loaded.runner, "forward", fail)
        with pytest.raises(AnalysisFailed):
            demo_engine.talk(Turn("2", "a", questions=(COUNT,)))
    assert differ(demo_engine.talk(Turn("2", "a", questions=(COUNT,))).answers, expected) < 1e-4


def test_many_turns_pack_the_cache(demo_engine, noise):
    demo_engine.talk(opening("a", noise(256, 192)))
    asked = tuple(replace(GATE, id=f"{n}") for n in range(8))
    for _ in range(5):
        demo_engine.talk(Turn("2", "a", questions=asked))
        sessions = demo_engine._loaded.talker.sessions
        known = sessions.num_known(sessions.get("a"))
        assert demo_engine._loaded.runner.length - known < 256 + 8 * 20


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda _: Turn("t", "gone", questions=(GATE,)), "not open", id="unknown"),
        pytest.param(lambda i: opening("a", i[:0], GATE), "empty", id="no pixels"),
        pytest.param(
            lambda _: opening("a", np.zeros((3, 3000, 3), np.uint8), GATE), "200 times", id="strip"
        ),
        pytest.param(
            lambda _: Turn("t", messages=(Message("assistant", ("x",)),), reply=True),
            "must be the user's",
            id="no user",
        ),
        pytest.param(
            lambda i: opening("a", i, questions.choice("q", "?", ("a b", "a  b"))),
            "same to the model",
            id="same options",
        ),
        pytest.param(
            lambda i: opening("a", i, describe=True, schema={"type": "object"}),
            "properties",
            id="impossible schema",
        ),
    ],
)
def test_bad_turns_are_refused(demo_engine, noise, make, said):
    with pytest.raises((QuestionError, PictureError), match=said):
        demo_engine.talk(make(noise(64, 64)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: questions.text("t", "  "), "is empty", id="empty question"),
        pytest.param(lambda: Turn("t", "a"), "nothing is asked", id="nothing"),
        pytest.param(
            lambda: Turn("t", "a", questions=tuple(replace(GATE, id=f"{n}") for n in range(200))),
            "200 questions in one turn; at most 64",
            id="200 questions",
        ),
        pytest.param(lambda: Turn("t", "a", questions=(GATE, GATE)), "same id", id="same id"),
        pytest.param(lambda: Turn("t", "../a", questions=(GATE,)), "session's name", id="name"),
        pytest.param(lambda: Turn("t", opens=True), "needs a name", id="no name"),
        pytest.param(lambda: Turn("t", "a", reply=True), "no message to reply", id="no message"),
        pytest.param(lambda: Turn("t", reply=True), "must be the user's", id="no messages"),
        pytest.param(
            lambda: Turn("t", messages=(Message("user", ("x", " ")),), reply=True),
            "is empty",
            id="empty reply",
        ),
        pytest.param(lambda: Message("user", ()), "is empty", id="empty message"),
        pytest.param(
            lambda: Message("system", (Picture(np.zeros((1, 1, 3), np.uint8)),)),
            "cannot hold a picture",
            id="system's picture",
        ),
        pytest.param(
            lambda: Turn("t", "a", questions=(GATE,), describe=True), "or a description", id="two"
        ),
        pytest.param(lambda: Writing(0), "max tokens", id="no tokens"),
        pytest.param(lambda: Writing(stop=("",)), "stop strings", id="empty stop"),
        pytest.param(lambda: Writing(alternatives=21), "alternatives", id="alternatives"),
    ],
)
def test_impossible_turns_are_told(make, said):
    with pytest.raises(QuestionError, match=said):
        make()
