"""What `edge replay` prints while it runs: one JSON object a line, or lines for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.replay.judge import Judged
    from edge.replay.outcome import Outcome, Shown


class JsonLines:
    """Times are the clip's own presentation times. `tags` tell clips and configurations apart."""

    def __init__(self, *, name_clips: bool, config: str = "") -> None:
        self._name_clips = name_clips
        self._config = config
        self._started_mono_s = 0.0

    def begins(self, _outcome: Outcome) -> None:
        """A clip begins."""
        self._started_mono_s = time.monotonic()

    def takes(self, outcome: Outcome, shown: Shown) -> None:
        """A keyframe was taken."""
        line = {
            "trigger": shown.trigger,
            "phase": shown.phase,
            "score": round(shown.score, 3),
            "quality": round(shown.quality, 2),
            "boxes": [[round(side, 4) for side in box.as_tuple()] for box in shown.boxes],
            "zones": list(shown.zones),
            "started": round(shown.started_s + outcome.start_s, 3),
            "detail": shown.detail,
        }
        self._say(outcome, "keyframe", shown.t_s, line)

    def judges(self, outcome: Outcome, t_s: float, judged: Judged) -> None:
        """The rules have spoken."""
        for verdict in judged.verdicts:
            self._say(outcome, "verdict", t_s, verdict.model_dump())
        for change in judged.changes:
            line = {"rule": change.rule, "state": change.state, "alert": change.alert}
            self._say(outcome, "rule", change.t_s, line)

    def ends(self, outcome: Outcome) -> None:
        """The clip is over."""
        if outcome.error:
            self._say(outcome, "error", None, {"what": outcome.error})
            return
        line = {
            "keyframes": len(outcome.keyframes),
            "seconds": round(time.monotonic() - self._started_mono_s, 3),
            "cpu_s": round(outcome.cpu_s, 3),
        }
        self._say(outcome, "end", outcome.length_s, line)

    def _say(
        self, outcome: Outcome, kind: str, t_s: float | None, line: Mapping[str, object]
    ) -> None:
        head: dict[str, object] = {"kind": kind}
        if t_s is not None:
            head["t"] = round(t_s + outcome.start_s, 3)
        if self._name_clips:
            head["clip"] = outcome.name
        if self._config:
            head["config"] = self._config
        print(json.dumps({**head, **line}, ensure_ascii=False), flush=True)


class TextLines:
    """Times are from the clip's beginning. With `brief` only what went wrong is told."""

    def __init__(self, *, name_clips: bool, brief: bool = False) -> None:
        self._name_clips, self._brief = name_clips, brief
        self._started_mono_s = 0.0

    def begins(self, outcome: Outcome) -> None:
        """A clip begins."""
        self._started_mono_s = time.monotonic()
        if self._name_clips and not self._brief:
            print(outcome.name)

    def takes(self, _outcome: Outcome, shown: Shown) -> None:
        """A keyframe was taken."""
        if self._brief:
            return
        number = len(shown.boxes)
        where = "1 region" if number == 1 else f"{number} regions" if number else "whole frame"
        phase = f" {shown.phase}" if shown.phase else ""
        print(f"{_clock(shown.t_s)}  keyframe  {shown.trigger}{phase}, {where}")

    def judges(self, _outcome: Outcome, _t_s: float, judged: Judged) -> None:
        """The rules have spoken."""
        if self._brief:
            return
        for one in judged.verdicts:
            print(f"           {one.rule}: {one.answer} ({one.probability:.0%}), {one.verdict}")
        for change in judged.changes:
            print(f"{_clock(change.t_s)}  rule {change.rule} is {change.state}")

    def ends(self, outcome: Outcome) -> None:
        """The clip is over."""
        if outcome.error:
            print(f"edge replay: {outcome.error}", file=sys.stderr)
            return
        number = len(outcome.keyframes)
        length_s = max(outcome.length_s, 1e-3)
        print(
            f"{outcome.name}: {number} {'keyframe' if number == 1 else 'keyframes'} in "
            f"{length_s:.0f} s of video ({3600 * number / length_s:.0f} an hour); "
            f"took {time.monotonic() - self._started_mono_s:.1f} s, "
            f"{1e3 * outcome.cpu_s / length_s:.1f} ms of processor time per second of video",
            file=sys.stderr,
        )


def _clock(t_s: float) -> str:
    minutes, seconds = divmod(t_s, 60)
    return f"{int(minutes):3d}:{seconds:05.2f}"
