"""Views: the configurations that clips are replayed with, and running one over all clips.

Called by `edge replay`; what is printed meanwhile is the listener's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.capture.settings import Decode
from edge.errors import CaptureError
from edge.replay.clips import printable
from edge.replay.outcome import Keep, Listener, Outcome, run_clip
from edge.replay.run import ReplayPlan, choose_camera, configured_plan, plain_plan

if TYPE_CHECKING:
    from edge.config.models import Config
    from edge.replay.compare import Side
    from edge.replay.judge import Judge
    from edge.replay.truth import Truth


@dataclass(frozen=True, slots=True)
class View:
    """One configuration to look with, in the place of one of its cameras; without one the defaults.

    `decode` is what is decoded, in place of the camera's own; `length_s` how much of each clip.
    """

    label: str
    config: Config | None = None
    camera: str = ""
    decode: Decode | None = None
    length_s: float | None = None

    def plan(self, clip: Path) -> ReplayPlan:
        """How it reads and looks at a clip."""
        if self.config is None:
            return plain_plan(clip, self.decode or "all", self.length_s)
        return configured_plan(self.config, self.camera, clip, self.decode, self.length_s)


def load_views(
    config: Path | None,
    compare: Path | None,
    camera: str,
    decode: Decode | None = None,
    length_s: float | None = None,
) -> tuple[View, ...]:
    """The configuration and the one it is compared with, where there is one.

    Without `camera` it is the first one of `config`, and of `compare` the one of the same name if
    there is one. Raises ConfigError.
    """
    if config is None and compare is None:
        return (View("defaults", decode=decode, length_s=length_s),)
    views = [View("defaults")] if config is None else []
    wanted = camera
    for path in (config, compare):
        if path is None:
            continue
        view = _load_view(path, wanted, may_differ=not camera)
        wanted = view.camera
        views.append(view)
    if len(views) > 1 and views[0].label == views[1].label:
        views = [
            replace(view, label=f"{path}, {view.camera}")
            for path, view in zip((config, compare), views, strict=True)
        ]
    return tuple(replace(view, decode=decode, length_s=length_s) for view in views)


def _load_view(path: Path, camera: str, *, may_differ: bool) -> View:
    from edge.config.load import load_config  # noqa: PLC0415 - a plain replay starts without it

    config = load_config(path).config
    if may_differ and camera not in config.cameras:
        camera = ""
    camera = choose_camera(config, camera, str(path))
    return View(f"{path.name}, {camera}", config, camera)


@dataclass(frozen=True, slots=True)
class ViewRun:
    """What one view made of all clips, and what its model took for how many keyframes."""

    view: View
    outcomes: tuple[Outcome, ...]
    spent_s: float = 0.0
    num_asked: int = 0

    def side(self) -> Side:
        """Its figures, for tables and the report."""
        from edge.replay.compare import Side  # noqa: PLC0415 - as above
        from edge.replay.cost import cost_of  # noqa: PLC0415
        from edge.replay.score import add_up  # noqa: PLC0415

        scores = [outcome.score for outcome in self.outcomes if outcome.score is not None]
        return Side(
            self.view.label,
            self.outcomes,
            cost_of(self.outcomes, self.spent_s, self.num_asked),
            add_up(scores) if scores else None,
        )


def run_view(
    view: View,
    clips: Sequence[Path],
    truths: Mapping[Path, Truth],
    *,
    keep: Keep,
    with_model: bool,
    listener: Listener,
) -> ViewRun:
    """Replay every clip; one of several that cannot be read is told and passed over.

    Raises CaptureError for the only clip, ModelError where there is no usable model.
    """
    judge: Judge | None = None
    if view.config is not None and with_model:
        from edge.replay.judge import Judge  # noqa: PLC0415 - as above

        judge = Judge(view.config, view.camera)
    outcomes = []
    for clip in clips:
        if judge is not None:
            judge.begin()
        outcome = Outcome(clip, view.plan(clip))
        listener.begins(outcome)
        try:
            run_clip(outcome, judge=judge, keep=keep, listener=listener)
        except CaptureError as error:
            if len(clips) == 1:
                raise
            outcome.error = printable(str(error))
        if clip in truths and not outcome.error:
            from edge.replay.score import score_clip  # noqa: PLC0415 - as above

            truth = truths[clip].since(outcome.start_s)
            outcome.score = score_clip(truth, outcome.taken, outcome.length_s)
        listener.ends(outcome)
        outcomes.append(outcome)
    if judge is None:
        return ViewRun(view, tuple(outcomes))
    return ViewRun(view, tuple(outcomes), judge.spent_s, judge.num_asked)
