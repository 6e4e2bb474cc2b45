"""The steps by which the work becomes lighter when the load is too high, and heavier again. Pure.

| step   | a keyframe gets                                                            | limit |
|--------|----------------------------------------------------------------------------|-------|
| full   | what is configured                                                         | 1     |
| small  | a picture of few pixels                                                    | 1     |
| few    | also few questions, of the important rules oftener, and no descriptions    | 2     |
| motion | no analysis: it is published as it is                                      | -     |

A load above a step's limit for `lighten_after_s` leads to the next one; `few` goes on until more
than half would be missed even so. The last step that is allowed is left for none: too much is then
only told. At `motion` a keyframe that was asked for gets few questions, and so does one now and
then, which shows whether there is time again. Back it goes only after the load, as it would be at
the heavier step, has stayed below CALM_FRAC of that one's limit for `restore_after_s`. From
`motion` it also goes back after TRY_RESTORES such times, whatever the load: what is not asked
cannot show that its answers would be reused, so that it may seem heavier than it is for ever.
load.py tells the loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.effort import EFFORTS, EffortWord

Loads = Mapping[EffortWord, float]

LIMITS: dict[EffortWord, float] = {"full": 1.0, "small": 1.0, "few": 2.0}
CALM_FRAC = 0.7
TRY_RESTORES = 6
TOLD_AGAIN_S = 600.0

REMEDY = (
    "Lighten its work: fewer rules, or `cameras` and `zones` for them; a lower "
    "`motion.sensitivity`, or masks (`edge tune CAMERA` suggests both); `describe: never`; "
    "smaller pictures (`vlm.pixels: small`); or give cameras to another box"
)
_MEANING: dict[EffortWord, str] = {
    "full": "keyframes are analysed as configured",
    "small": "pictures are shown to the model smaller",
    "few": "few questions are asked about a keyframe, important rules oftener; no descriptions",
    "motion": "keyframes are published without analysis",
}


@dataclass(frozen=True, slots=True)
class EffortSettings:
    """`lightest` is the last step that may be taken; full: none."""

    lightest: EffortWord = "motion"
    lighten_after_s: float = 60.0
    restore_after_s: float = 600.0

    @property
    def probe_s(self) -> float:
        """How far apart the keyframes are that are analysed at `motion`."""
        return self.restore_after_s / 5


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log; `is_change` where another step is in force since."""

    line: str
    is_warning: bool
    is_change: bool = True


class EffortSteps:
    """The step in force. `settings` may be replaced at any time."""

    def __init__(self, settings: EffortSettings) -> None:
        self.settings = settings
        self.word: EffortWord = "full"
        self._over_mono_s: float | None = None  # since when the load is above the limit
        self._calm_mono_s: float | None = None  # since when the heavier step would do
        self._told_mono_s = float("-inf")
        self._since_mono_s = float("-inf")  # when this step was taken

    def look(self, loads: Loads | None, now_mono_s: float) -> Said | None:
        """Weigh the loads at each step at this moment; None where they are not known.

        What there is to say: another step was taken, or none is left, at most in ten minutes.
        """
        lightest = EFFORTS.index(self.settings.lightest)
        if EFFORTS.index(self.word) > lightest:
            return self._go(self.settings.lightest, "as configured now", now_mono_s)
        if loads is None:
            self._over_mono_s = self._calm_mono_s = None
            return None
        return self._look_for_too_much(loads, now_mono_s) or self._look_for_calm(loads, now_mono_s)

    def _look_for_too_much(self, loads: Loads, now_mono_s: float) -> Said | None:
        is_lightest = self.word == self.settings.lightest
        limit = 1.0 if is_lightest else LIMITS.get(self.word, 1.0)
        if loads[self.word] <= limit:
            self._over_mono_s = None
            return None
        if self._over_mono_s is None:
            self._over_mono_s = now_mono_s
        if now_mono_s - self._over_mono_s < self.settings.lighten_after_s:
            return None
        why = f"the latest keyframes need {loads[self.word]:.0%} of the model's time"
        if not is_lightest:
            return self._go(EFFORTS[EFFORTS.index(self.word) + 1], why, now_mono_s)
        if now_mono_s - self._told_mono_s < TOLD_AGAIN_S:
            return None
        self._told_mono_s = now_mono_s
        return Said(f"overload: {why}; many are missed. {REMEDY}", True, is_change=False)

    def _look_for_calm(self, loads: Loads, now_mono_s: float) -> Said | None:
        if self.word == "full":
            return None
        heavier = EFFORTS[EFFORTS.index(self.word) - 1]
        lasted_s = now_mono_s - self._since_mono_s
        if self.word == "motion" and lasted_s >= TRY_RESTORES * self.settings.restore_after_s:
            return self._go(heavier, "to see whether there is time for it by now", now_mono_s)
        if loads[heavier] >= CALM_FRAC * LIMITS[heavier]:
            self._calm_mono_s = None
            return None
        if self._calm_mono_s is None:
            self._calm_mono_s = now_mono_s
        if now_mono_s - self._calm_mono_s < self.settings.restore_after_s:
            return None
        why = f"the latest keyframes need {loads[heavier]:.0%} of the model's time that way"
        return self._go(heavier, why, now_mono_s)

    def _go(self, word: EffortWord, why: str, now_mono_s: float) -> Said:
        is_lighter = EFFORTS.index(word) > EFFORTS.index(self.word)
        before, self.word = self.word, word
        self._over_mono_s = self._calm_mono_s = None
        self._told_mono_s = self._since_mono_s = now_mono_s
        line = f"effort: {word} instead of {before}, {_MEANING[word]}: {why}"
        return Said(f"{line}. {REMEDY}" if is_lighter else line, is_lighter)
