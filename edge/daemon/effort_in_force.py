"""What the effort in force means for a keyframe: whether it is analysed, and with how much.

The analyst asks it about each keyframe and tells it what each one took; the watch sets the step.
Pure; runs in the daemon's main thread.
"""

from __future__ import annotations

import math

from edge.daemon.jobs import Job
from edge.daemon.load import LoadMeter
from edge.effort import EffortWord
from edge.findings import LeftOutReport
from edge.frames import Keyframe
from edge.rules.asking import Asking


class EffortInForce:
    """`word` is the step. `small_pixels` is what a picture has at most at less than full effort,
    `probe_s` the time between two keyframes that are analysed although motion only is in force.
    """

    def __init__(self, small_pixels: int = 256 * 256, probe_s: float = 60.0) -> None:
        self.word: EffortWord = "full"
        self.small_pixels = small_pixels
        self.probe_s = probe_s
        self.load = LoadMeter()
        self._probed_mono_s = -math.inf

    @property
    def of_analysis(self) -> EffortWord:
        """What a keyframe gets that is analysed now."""
        return "few" if self.word == "motion" else self.word

    def admits(self, keyframe: Keyframe, now_mono_s: float) -> bool:
        """Whether a keyframe is analysed. With motion only it is if somebody asked for it, or if it
        is one now and then that shows whether there is time again.
        """
        if self.word != "motion" or keyframe.trigger == "command":
            return True
        if now_mono_s - self._probed_mono_s < self.probe_s:
            return False
        self._probed_mono_s = now_mono_s
        return True

    def max_pixels(self, job: Job) -> int | None:
        """What a look of a job is shown at most; None: as the engine is set."""
        return None if job.effort == "full" else self.small_pixels

    def count(self, job: Job, spent_ms: float) -> None:
        """What a keyframe took, if it was asked about as keyframes are now."""
        if job.effort == self.of_analysis:
            self.load.count_keyframe(job.effort, spent_ms)


def describe_left_out(asking: Asking) -> dict[str, object]:
    """The end of a keyframe about which the model is not asked because of the load."""
    rules = [*(rule.name for rule in asking.rules), *asking.left_out]
    return {
        "status": "left_out",
        "reason": "the load is higher than this box can take: motion only",
        "left_out": LeftOutReport(effort="motion", rules=rules),
    }
