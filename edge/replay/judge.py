"""Judge: the rules' questions about replayed keyframes, asked of the model in this process.

States move by the clip's own time. Publishes nothing; `edge replay` prints what it says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from edge.daemon.wiring import build_rules, camera_zones, find_answering
from edge.findings import VerdictReport
from edge.frames import Keyframe
from edge.questions import AnalysisRequest
from edge.rules.book import RuleBook, RuleChange
from edge.rules.state import Moment
from edge.vlm.door import open_answering

if TYPE_CHECKING:
    from edge.config.models import Config


@dataclass(frozen=True, slots=True)
class StateChange:
    """A rule's state has changed."""

    t_s: float
    rule: str
    state: str
    alert: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one keyframe."""

    verdicts: tuple[VerdictReport, ...]
    changes: tuple[StateChange, ...]


class Judge:
    """One configuration's rules and model. Raises ModelError where there is no usable model.

    `spent_s` and `num_asked` tell what the keyframes asked about have cost.
    """

    def __init__(self, config: Config, camera: str) -> None:
        self.spent_s = 0.0
        self.num_asked = 0
        self._config, self._camera = config, camera
        self._engine = open_answering(find_answering(config))
        self.begin()

    def begin(self) -> None:
        """Another clip: no rule knows anything yet."""
        self._start = datetime.now(UTC)
        self._rules = RuleBook(build_rules(self._config), camera_zones(self._config))

    def look_at(self, keyframe: Keyframe) -> Judged:
        """What the rules say of a keyframe, and the states that it or the time before changed."""
        at = self._start + timedelta(seconds=keyframe.pts_s)
        keyframe = replace(keyframe, camera=self._camera, mono_s=keyframe.pts_s, captured_at=at)
        changes = list(self._rules.tick(Moment(keyframe.pts_s, at)))
        asking = self._rules.ask(keyframe)
        verdicts: tuple[VerdictReport, ...] = ()
        if asking.looks:
            started_s = time.monotonic()
            result = self._engine.analyze(
                AnalysisRequest(
                    id="replay",
                    image=keyframe.image,
                    before=keyframe.before,
                    looks=asking.looks,
                    deadline_s=self._config.vlm.deadline_s,
                )
            )
            self.spent_s += time.monotonic() - started_s
            self.num_asked += 1
            settlement = self._rules.settle(asking, result.answers)
            verdicts = settlement.verdicts
            changes += settlement.changes
        return Judged(verdicts, tuple(_state_change(keyframe.pts_s, one) for one in changes))


def _state_change(t_s: float, change: RuleChange) -> StateChange:
    return StateChange(t_s, change.rule.name, change.transition.after, change.transition.alert)
