"""Answers that are written: free text, descriptions as JSON, and conversations of several turns.

Gives each view text branches with what the model should write. A description's tokens are those
that the engine's grammar lets through: what it forces is no task. Called by `speaking`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from edge.demo.train import wordings as w
from edge.demo.train.facts import Case, Facts
from edge.demo.train.packing import Grammar, spell
from edge.demo.train.sentences import NUMBERS, objects, relations, summary
from edge.demo.train.tail import NO_TARGET, Cue, Text
from edge.demo.train.topics import DOOR, Rng, pick, random_ask
from edge.vlm.describe import DescriptionPlan
from edge.vlm.guide import Guides
from edge.vlm.prompt import allowed_answers, build_turn
from edge.vlm.tokens import Ids

MAX_TURNS = 4
NOTHING = "nothing"


class Exchange(NamedTuple):
    """A question, its answer (None where it must not be asked), by which channels of the labels
    what is asked is shown, and whether the answer is what is printed there.
    """

    asked: str
    answer: str | None
    shown_by: tuple[str, ...] = ()
    is_printed: bool = False


@dataclass(frozen=True, slots=True)
class Writer:
    """What written answers are made with. `following` ends the model's turn and begins the user's;
    `guides` and `plan` are the engine's for its built-in description.
    """

    grammar: Grammar
    following: Ids
    end: int  # the token that ends the model's turn
    guides: Guides
    plan: DescriptionPlan

    def answer(self, exchange: Exchange) -> Text:
        """One question and its answer; without an answer only the question."""
        return self._turns([exchange] if exchange.answer is not None else [], exchange.asked)

    def conversation(self, turns: list[Exchange]) -> Text:
        """Questions and answers one after the other."""
        return self._turns(turns, "?")

    def description(self, value: dict[str, object] | None) -> Text:
        """The description by the engine's grammar; with None only its opening."""
        turn = build_turn(self.grammar.chat, self.grammar.coder, self.plan.request)
        guide = self.guides.begin(self.plan.whole.grammar)
        ids = [*turn, *guide.ids]
        targets = [NO_TARGET] * len(ids)
        if value is None:
            return Text(tuple(ids), tuple(targets))
        wanted = json.dumps(value, ensure_ascii=False, separators=(", ", ": ")).encode()
        while not guide.is_complete():
            rest = wanted[len(guide.text) :].decode()
            chosen = self.grammar.coder.encode(rest)[0]
            if not guide.try_take([chosen]):
                raise ValueError(f"the grammar does not let {rest[:40]!r} through")
            targets[-1] = chosen
            guide.take_forced()
            fresh = guide.ids[len(ids) - len(turn) :]
            ids += fresh
            targets += [NO_TARGET] * len(fresh)
        return Text(tuple(ids), tuple(targets))

    def _turns(self, turns: list[Exchange], fallback: str) -> Text:
        coder, chat = self.grammar.coder, self.grammar.chat
        ids: list[int] = []
        targets: list[int] = []
        cues: list[Cue] = []
        for number, (asked, answer, shown_by, is_printed) in enumerate(turns):
            said = coder.encode(answer or "")
            lead = self.following if number else ()
            before = lead + build_turn(chat, coder, asked)
            first = len(ids) + len(lead)
            spelled = spell(coder, coder.encode(asked.partition(" (")[0]))
            words = first, first + len(spelled)
            row = len(ids) + len(before) - 1
            if is_printed:
                cues += [
                    Cue(row + i, words, spelled, shown_by, coder.decode([token]))
                    for i, token in enumerate(said)
                ]
            else:
                cues.append(Cue(row, words, spelled, shown_by))
            ids += [*before, *said]
            targets += [NO_TARGET] * (len(before) - 1) + [*said, self.end]
        if not turns:
            ids = list(build_turn(chat, coder, fallback))
            targets = [NO_TARGET] * len(ids)
        return Text(tuple(ids), tuple(targets), tuple(cues))


def describe_value(facts: Facts) -> dict[str, object] | None:
    """The description's content, or None where something is doubtful."""
    texts = facts.texts()
    if facts.doubtful or not facts.is_clear or texts is None:
        return None
    if facts.door is None and facts.truth.door is not None:
        return None
    return {
        "summary": summary(facts),
        "objects": objects(facts),
        "texts": texts,
        "spatial_relations": relations(facts),
    }


def sentence(rng: Rng, facts: Facts) -> Exchange:
    """A short sentence about all."""
    certain = not facts.doubtful and facts.is_clear
    certain = certain and (facts.door is not None or facts.truth.door is None)
    return Exchange(pick(rng, w.DESCRIBE), summary(facts) if certain else None)


def reading(rng: Rng, facts: Facts) -> Exchange:
    """The text on a sign, the house or a parcel, or any."""
    legible = [on for on in w.READ_ON if facts.legible((on,)) is not None]
    on = pick(rng, legible) if legible and rng.random() < 0.85 else pick(rng, tuple(w.READ_ON))
    table, places = w.READ_ON[on], [on]
    if rng.random() < 0.3:
        table, places = w.READ_ANY, list(w.READ_ON)
    found = facts.legible(places)
    shown_by = tuple(f"text on {place}" for place in places)
    if found is not None:
        return Exchange(pick(rng, table), found.text, shown_by, is_printed=True)
    none = facts.is_clear and not [t for t in facts.truth.texts if t.on in places]
    answer = NOTHING if none and rng.random() < 0.3 else None
    return Exchange(pick(rng, table), answer, shown_by)


def short(rng: Rng, facts: Facts) -> Exchange:
    """A question with a word or two for an answer."""
    car, person, parcel = (f"{kind} covers" for kind in ("car", "person", "parcel"))
    light = facts.truth.light if facts.is_clear else None
    asks: tuple[Callable[[], Exchange], ...] = (
        lambda: Exchange(pick(rng, w.DOOR_STATE), facts.door, DOOR),
        lambda: Exchange(pick(rng, w.CAR_COLOUR), _colour(facts, "car"), (car,)),
        lambda: Exchange(pick(rng, w.COAT_COLOUR), _colour(facts, "person"), (person,)),
        lambda: Exchange(pick(rng, w.PARCEL_PLACE), _place(facts), (parcel,)),
        lambda: Exchange(pick(rng, w.HOW_MANY).format(s="people"), _number(facts)),
        lambda: Exchange(pick(rng, w.DAY_OR_NIGHT), light),
    )
    return pick(rng, asks)()


def typed(rng: Rng, case: Case) -> Exchange:
    """A typed question as it is asked in a conversation, where its answer is the whole turn."""
    ask = random_ask(rng, pair=case.before is not None)
    asked = ask.question.text
    if rng.random() < 0.6:
        asked = f"{asked} ({allowed_answers(ask.question)})"
    return Exchange(asked, ask.answer(case), ask.shown_by)


def random_text(rng: Rng, writer: Writer, case: Case) -> Text:
    """One question to which the answer is written, about a picture."""
    share = rng.random()
    for _ in range(4):  # the first that has an answer
        if share < 0.35:
            exchange = reading(rng, case.now)
        elif share < 0.6:
            exchange = sentence(rng, case.now)
        elif share < 0.8:
            exchange = short(rng, case.now)
        else:
            exchange = typed(rng, case)
        if exchange.answer is not None:
            break
        share = rng.random()
    return writer.answer(exchange)


def random_conversation(rng: Rng, writer: Writer, case: Case) -> Text:
    """Two to four turns about a picture."""
    turns = []
    for _ in range(int(rng.integers(3, 2 * MAX_TURNS))):
        share = rng.random()
        if share < 0.5:
            exchange = typed(rng, case)
        elif share < 0.7:
            exchange = short(rng, case.now)
        elif share < 0.85:
            exchange = reading(rng, case.now)
        else:
            exchange = sentence(rng, case.now)
        if exchange.answer is not None:
            turns.append(exchange)
    return writer.conversation(turns[:MAX_TURNS])


def random_description(rng: Rng, writer: Writer, case: Case) -> Text:
    """The description of a picture."""
    del rng
    return writer.description(describe_value(case.now))


def _colour(facts: Facts, kind: str) -> str | None:
    things = [s for s in facts.clear if s.kind == kind]
    if not facts.shows_colours or len(things) != 1 or kind in facts.doubtful:
        return None
    return things[0].colour


def _place(facts: Facts) -> str | None:
    parcel = facts.only("parcel")
    if parcel is None:
        return "there is no parcel" if facts.num("parcel") == 0 else None
    return "held by a person" if parcel.where == "held" else f"on the {parcel.where}"


def _number(facts: Facts) -> str | None:
    num = facts.num("person")
    return None if num is None else NUMBERS[num] if num < len(NUMBERS) else "many"
