"""The energy bench in order: idle power, the clips in each way, some answers, the accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bench.energy.account import Account, settle
from edge.bench.energy.power import Meter, Spent, watch
from edge.bench.energy.ways import Seen, all_ways, go_through
from edge.errors import LabelError, ModelError
from edge.frames import Keyframe
from edge.replay.clips import clip_name
from edge.replay.truth import Truth

if TYPE_CHECKING:
    from edge.replay.judge import Judge
    from edge.replay.views import View


@dataclass(frozen=True, slots=True)
class EnergyBench:
    """What was found. `num_answers` were measured; 0 if what an answer takes was stated."""

    meter: Meter
    model: str
    clips: tuple[Path, ...]
    length_s: float
    num_events: int
    answer: Spent
    num_answers: int
    accounts: tuple[Account, ...]

    def account(self, name: str) -> Account:
        """The one of that name."""
        return next(one for one in self.accounts if one.way.name == name)


class Answers:
    """Keyframes put to the rules and the model until enough answers were measured."""

    def __init__(self, judge: Judge, meter: Meter, wanted: int) -> None:
        self._judge, self._meter, self._wanted = judge, meter, wanted
        self._is_warm = False
        self._spent = Spent()
        self.num = 0

    def begin(self) -> None:
        """Another clip."""
        self._judge.begin()

    def look_at(self, keyframe: Keyframe) -> None:
        """Measure one, unless there are enough."""
        if self.num >= self._wanted:
            return
        asked = self._judge.num_asked
        with watch(self._meter) as measured:
            self._judge.look_at(keyframe)
        if self._judge.num_asked == asked:
            return
        if not self._is_warm:
            self._is_warm = True
            return
        self.num += 1
        self._spent += measured.spent

    def mean(self) -> Spent:
        """Of one answer. Raises ModelError if there was none to measure."""
        if not self.num:
            raise ModelError(
                "no answer could be measured: the sampler took fewer than two keyframes that the "
                "rules ask about; use a longer clip, or --answer-seconds"
            )
        return self._spent.over(self.num)


def stated_answer(meter: Meter, seconds: float, cores: int) -> Spent:
    """An answer that is said to take so long with so many busy cores."""
    cpu_s = seconds * cores
    return Spent(seconds, cpu_s, meter.joules(seconds, cpu_s, 0.0))


def run_energy(
    view: View,
    truths: Mapping[Path, Truth],
    meter: Meter,
    answers: Answers | Spent,
    model: str,
    progress: Callable[[str], None],
) -> EnergyBench:
    """Measure the clips that have a truth.

    Raises CaptureError for a clip that cannot be read, LabelError where nothing happens in any,
    ModelError where the model fails.
    """
    seen: list[Seen] = []
    for clip, truth in truths.items():
        progress(f"{clip_name(clip)}: reading alone, with the naive gate, with the sampler")
        if isinstance(answers, Answers):
            answers.begin()
        listener = answers.look_at if isinstance(answers, Answers) else _nobody
        seen.append(go_through(view.plan(clip), truth, meter, listener))
    length_s = sum(clip.length_s for clip in seen)
    num_events = sum(len(clip.events) for clip in seen)
    if not num_events or not length_s:
        raise LabelError("the labels name no activity: there is nothing to compare the ways by")
    answer = answers.mean() if isinstance(answers, Answers) else answers
    ways = all_ways(seen, answer.wall_s)
    return EnergyBench(
        meter=meter,
        model=model,
        clips=tuple(truths),
        length_s=length_s,
        num_events=num_events,
        answer=answer,
        num_answers=answers.num if isinstance(answers, Answers) else 0,
        accounts=settle(ways, answer, meter.idle_w, length_s, num_events),
    )


def _nobody(keyframe: Keyframe) -> None:
    del keyframe
