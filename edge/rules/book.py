"""RuleBook: all rules of all cameras, and the state of each rule on each of its cameras.

The daemon asks it which questions a keyframe raises, gives it the answers, and lets it know that
time passes; it says what changed. Holds the memories and nothing else: no clock, no I/O. Everything
is judged by the keyframe's own time, so replaying the same keyframes gives the same states.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from edge.findings import RuleAttributes, VerdictReport, rfc3339
from edge.frames import Keyframe
from edge.questions import MAX_TEXT_CHARS, Answer
from edge.rules.asking import (
    Asking,
    DescriptionWanted,
    KeyframeFacts,
    Zones,
    build_descriptions,
    build_looks,
    due,
)
from edge.rules.fewer import choose_few
from edge.rules.memory import Memory, SavedMemory, Snapshot, export_snapshot, parse_snapshot
from edge.rules.rule import Describe, Rule
from edge.rules.state import Moment, Transition, advance, tick, without_pending
from edge.rules.verdict import read_verdict

_GAP_STEP = timedelta(minutes=15)
_MAX_GAP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule's state was entered on one camera."""

    rule: Rule
    camera: str
    transition: Transition


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the answers about one keyframe came to.

    `severity` is the highest of the rules in `verdicts` that are on after it, whether they just
    went on or were on already; 0 if none is. `describe` are the descriptions in words that are
    wanted now: by rules that always want one, or whose state this keyframe turned on, or off again.
    There is one for each schema among them; those of rules that moved come first, then by severity.
    """

    camera: str
    verdicts: tuple[VerdictReport, ...]
    changes: tuple[RuleChange, ...]
    severity: int
    describe: tuple[DescriptionWanted, ...]


class RuleBook:
    """The rules and their states.

    `zones` are each camera's own, by camera and name. Schedules go by `time_zone`, None for the
    machine's own. Raises ValueError for two rules of one name and for a zone that a rule's camera
    does not have.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        zones: Mapping[str, Zones],
        time_zone: tzinfo | None = None,
    ) -> None:
        self._time_zone = time_zone
        self._rules: dict[str, Rule] = {}
        self._zones: Mapping[str, Zones] = {}
        self._memories: dict[tuple[str, str], Memory] = {}
        self._describe: dict[str, Describe] = {}  # cameras at which the rules' own does not hold
        self.replace_rules(rules, zones)

    def replace_rules(self, rules: Iterable[Rule], zones: Mapping[str, Zones]) -> None:
        """Take new rules in place of all old ones, as after a reload.

        A rule of the same name, question, condition and zones keeps its state on the cameras that
        it still has; any other begins as unknown. On ValueError the old rules stay.
        """
        listed = tuple(rules)
        _check(listed, zones)
        old_rules, old_memories = self._rules, self._memories
        self._rules = {rule.name: rule for rule in listed}
        self._zones = zones
        self._memories = {}
        for rule in listed:
            before = old_rules.get(rule.name)
            is_kept = before is not None and before.meaning == rule.meaning
            for camera in rule.cameras:
                key = (rule.name, camera)
                self._memories[key] = old_memories.get(key, Memory()) if is_kept else Memory()

    def set_describe(self, camera: str, describe: Describe | None) -> None:
        """Describe `camera`'s keyframes as said here, whatever its rules say; None: as they say."""
        if describe is None:
            self._describe.pop(camera, None)
        else:
            self._describe[camera] = describe

    def ask(self, keyframe: Keyframe, *, few: bool = False) -> Asking:
        """The questions that the keyframe raises; changes nothing. Without looks: none.

        `few` leaves most rules out, less important ones oftener.
        """
        facts = KeyframeFacts.of(keyframe, self._time_zone)
        last_asked_mono_s = {
            name: memory.asked_mono_s
            for (name, camera), memory in self._memories.items()
            if camera == facts.camera and memory.asked_mono_s is not None
        }
        asked = due(self._rules.values(), facts, last_asked_mono_s)
        chosen = choose_few(asked, last_asked_mono_s, facts.at.mono_s) if few and asked else asked
        rules = tuple(self._as_described(rule, facts.camera) for rule in chosen)
        left_out = tuple(rule.name for rule in asked if rule not in chosen)
        zones = self._zones.get(facts.camera, {})
        return Asking(facts, rules, build_looks(rules, facts, zones), left_out)

    def settle(self, asking: Asking, answers: Iterable[Answer], finding_id: str = "") -> Settlement:
        """Judge the answers to what was asked and move the states.

        Answers to rules that a reload removed or gave another meaning meanwhile are left out, as
        are those to questions that no rule asked.
        """
        by_rule = {answer.question_id: answer for answer in answers}
        verdicts: list[VerdictReport] = []
        changes: list[RuleChange] = []
        for asked in asking.rules:
            rule = self._current(asked, asking.facts.camera)
            if rule is None or rule.name not in by_rule:
                continue
            report, transition = self._judge(rule, asking.facts, by_rule[rule.name], finding_id)
            verdicts.append(report)
            if transition is not None:
                changes.append(RuleChange(rule, asking.facts.camera, transition))
        return Settlement(
            camera=asking.facts.camera,
            verdicts=tuple(verdicts),
            changes=tuple(changes),
            severity=max(
                (self._rules[v.rule].severity for v in verdicts if v.state == "on"), default=0
            ),
            describe=self._descriptions_wanted(asking.facts, verdicts, changes),
        )

    def tick(self, at: Moment) -> tuple[RuleChange, ...]:
        """Let time come to `at`: states whose `for_s` is over go on.

        A rule that is out of its schedule drops what it was waiting for.
        """
        changes: list[RuleChange] = []
        local = at.utc.astimezone(self._time_zone)
        for key, memory in self._memories.items():
            rule, state = self._rules[key[0]], memory.state
            if rule.schedule is not None and not rule.schedule.is_active(local):
                state, transition = without_pending(state), None
            else:
                state, transition = tick(rule, state, at)
            if state != memory.state:
                self._memories[key] = replace(memory, state=state)
            if transition is not None:
                changes.append(RuleChange(rule, key[1], transition))
        return tuple(changes)

    def attributes(self) -> list[RuleAttributes]:
        """The present state of every rule on every camera, as it is published."""
        return [self.attributes_of(rule, camera) for rule, camera in self._memories]

    def attributes_of(self, rule: str, camera: str) -> RuleAttributes:
        """The present state of one rule on one camera; KeyError if there is no such rule."""
        memory = self._memories[rule, camera]
        state = memory.state
        return RuleAttributes(
            rule=rule,
            camera=camera,
            state=state.word,
            since=_since(state.since),
            answer=memory.answer,
            probability=memory.probability,
            verdict=memory.verdict,
            severity=self._rules[rule].severity,
            finding=memory.moved_by or None,
            pending_since=_since(state.pending_since),
        )

    def snapshot(self, at: Moment) -> dict[str, object]:
        """Every state as plain JSON, to be given to `restore` after a restart."""
        entries = (
            SavedMemory(rule, camera, self._rules[rule].meaning, memory)
            for (rule, camera), memory in self._memories.items()
        )
        return export_snapshot(Snapshot(at, tuple(entries)))

    def restore(self, snapshot: object, at: Moment) -> None:
        """Take back the states of a snapshot, for the rules that still mean the same.

        Durations go on from the wall time that has passed, never less than none. A wait for `for_s`
        ends if the rule's schedule did not cover all of that time. Raises ValueError for data that
        `snapshot` cannot have written; the states are then as they were.
        """
        parsed = parse_snapshot(snapshot, at)
        for entry in parsed.entries:
            rule = self._rules.get(entry.rule)
            key = (entry.rule, entry.camera)
            if rule is None or key not in self._memories or rule.meaning != entry.meaning:
                continue
            memory = entry.memory
            if not self._was_active(rule, parsed.saved.utc, at.utc):
                memory = replace(memory, state=without_pending(memory.state))
            self._memories[key] = memory

    def _as_described(self, rule: Rule, camera: str) -> Rule:
        describe = self._describe.get(camera)
        return rule if describe is None else replace(rule, describe=describe)

    def _current(self, asked: Rule, camera: str) -> Rule | None:
        """The rule as it is now, if it still means what it did when it was asked."""
        rule = self._rules.get(asked.name)
        if rule is None or camera not in rule.cameras or rule.meaning != asked.meaning:
            return None
        return rule

    def _judge(
        self, rule: Rule, facts: KeyframeFacts, answer: Answer, finding_id: str
    ) -> tuple[VerdictReport, Transition | None]:
        key = (rule.name, facts.camera)
        memory = self._memories[key]
        verdict = read_verdict(rule, answer)
        answer, read = verdict.answer, answer.value[:MAX_TEXT_CHARS]
        state, transition = advance(rule, memory.state, verdict.word, facts.at)
        if state is not memory.state:  # else the keyframe is not newer than the last one
            memory = Memory(
                state=state,
                answer=read,
                probability=_fraction(answer.probability),
                verdict=verdict.word,
                moved_by=finding_id if transition is not None else memory.moved_by,
                asked_mono_s=facts.at.mono_s,
            )
            self._memories[key] = memory
        report = VerdictReport(
            rule=rule.name,
            answer=read,
            probability=_fraction(answer.probability),
            probabilities={name: _fraction(p) for name, p in answer.probabilities.items()},
            verdict=verdict.word,
            state=state.word,
            since=_since(state.since),
            changed=transition is not None,
            alert=transition is not None and transition.alert,
        )
        return report, transition

    def _descriptions_wanted(
        self,
        facts: KeyframeFacts,
        verdicts: Iterable[VerdictReport],
        changes: Iterable[RuleChange],
    ) -> tuple[DescriptionWanted, ...]:
        moved = {change.rule.name for change in changes if change.transition.is_news}
        wanting = [
            rule
            for rule in (
                self._as_described(self._rules[verdict.rule], facts.camera) for verdict in verdicts
            )
            if rule.describe == "always" or (rule.describe == "on_change" and rule.name in moved)
        ]
        wanting.sort(key=lambda rule: (rule.name not in moved, -rule.severity))
        return build_descriptions(wanting, facts, self._zones.get(facts.camera, {}))

    def _was_active(self, rule: Rule, start: datetime, end: datetime) -> bool:
        """Whether the rule's schedule covered all the time between, as far as can be told."""
        if rule.schedule is None:
            return True
        if end - start > _MAX_GAP:
            return False
        steps = range(max(0, math.ceil((end - start) / _GAP_STEP)))
        moments = [*(start + _GAP_STEP * step for step in steps), end]
        return all(rule.schedule.is_active(m.astimezone(self._time_zone)) for m in moments)


def _check(rules: tuple[Rule, ...], zones: Mapping[str, Zones]) -> None:
    names = Counter(rule.name for rule in rules)
    for name, number in names.items():
        if number > 1:
            raise ValueError(f"{number} rules are called {name!r}")
    for rule in rules:
        for camera in rule.cameras:
            for zone in set(rule.zones) - set(zones.get(camera, {})):
                raise ValueError(
                    f"rule {rule.name!r} names the zone {zone!r}, "
                    f"which camera {camera!r} does not have"
                )


def _fraction(probability: float) -> float:
    """As published: within 0..1 whatever rounding did, four digits; 0 for what is not a number."""
    return round(min(1.0, max(0.0, probability)), 4)


def _since(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
