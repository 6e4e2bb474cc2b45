"""Run the daemon's own sampler and rules over a video file, as fast as possible.

    edge replay porch.mp4                         when would it have looked?
    edge replay porch.mp4 -c edge.yaml            and what would the rules have said?
    edge replay porch.mp4 -c edge.yaml --no-model --json

With -c the file takes the place of one of the configured cameras: its motion settings, masks, zones
and rules hold, and time is the file's own. Nothing is published or stored.

With --json each line is one object: {"kind": "keyframe", "t": seconds of presentation time, ...},
{"kind": "verdict", ...}, {"kind": "rule", ...} when a state changes, and {"kind": "end", ...} last.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import UsageError
from edge.errors import ConfigError, Problem, SourceEnded, SourceUnreachable

if TYPE_CHECKING:
    from edge.capture.settings import SourceSettings
    from edge.config.models import Config
    from edge.frames import Keyframe
    from edge.rules.book import RuleChange
    from edge.sampler.settings import SamplerSettings

NAME = "replay"
HELP = "run sampler and rules over a video file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("video", type=Path, help="a video file of any kind that FFmpeg reads")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument("--camera", default="", help="whose place to take (default: the first)")
    parser.add_argument(
        "--no-model", action="store_true", help="only choose keyframes, ask the model nothing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print what the daemon would have done."""
    if args.camera and args.config is None:
        raise UsageError("--camera needs -c FILE")
    if not args.video.is_file():
        raise SourceUnreachable(f"{args.video}: no such file")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")  # read when OpenCV is imported
    say = _say_json if args.json else _say_text
    started = time.monotonic()
    num_keyframes = 0
    end_s = 0.0
    if args.config is None:
        source, sampler = _plain_settings(args.video)
        judge = None
    else:
        config, camera = _load(args.config, args.camera)
        source, sampler = _configured_settings(config, camera, args.video)
        judge = None if args.no_model else _Judge(config, camera)
    for keyframe in _keyframes(source, sampler):
        num_keyframes += 1
        end_s = keyframe.pts_s
        say(keyframe_line(keyframe))
        if judge is not None:
            for line in judge.look_at(keyframe):
                say(line)
    say(
        {
            "kind": "end",
            "t": round(end_s, 3),
            "keyframes": num_keyframes,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    return 0


def keyframe_line(keyframe: Keyframe) -> dict[str, object]:
    """A keyframe as it is printed."""
    return {
        "kind": "keyframe",
        "t": round(keyframe.pts_s, 3),
        "trigger": keyframe.trigger,
        "phase": keyframe.phase,
        "score": round(keyframe.score, 3),
        "boxes": [[round(side, 4) for side in box.as_tuple()] for box in keyframe.boxes],
        "zones": list(keyframe.zones),
        "started": round(keyframe.started_pts_s, 3),
        "detail": keyframe.detail,
    }


def _keyframes(source: SourceSettings, sampler: SamplerSettings) -> Iterator[Keyframe]:
    from edge.capture.source import open_source
    from edge.sampler.sampler import Sampler

    chooser = Sampler(sampler)
    with open_source(source) as opened:
        try:
            for frame in opened.frames():
                yield from chooser.step(frame)
        except SourceEnded:
            yield from chooser.flush()


def _plain_settings(video: Path) -> tuple[SourceSettings, SamplerSettings]:
    from edge.capture.settings import SourceSettings
    from edge.sampler.settings import SamplerSettings

    return (
        SourceSettings(camera=video.name, url=str(video.absolute()), realtime=False),
        SamplerSettings(camera=video.name),
    )


def _load(path: Path, camera: str) -> tuple[Config, str]:
    from edge.config.load import load_config

    config = load_config(path).config
    name = camera or next(iter(config.cameras))
    if name not in config.cameras:
        known = ", ".join(config.cameras)
        raise ConfigError(
            str(path), [Problem("cameras", f"there is no camera {name!r}.", f"There are: {known}.")]
        )
    return config, name


def _configured_settings(
    config: Config, camera: str, video: Path
) -> tuple[SourceSettings, SamplerSettings]:
    from edge.daemon.wiring import camera_plan

    plan = camera_plan(config, camera)
    source = replace(plan.source, url=str(video.absolute()), realtime=False, loop=False, options=())
    return source, plan.sampler


class _Judge:
    """Asks the rules' questions and moves their states, by the file's own time."""

    def __init__(self, config: Config, camera: str) -> None:
        from edge.daemon.wiring import (
            analyzer_plan,
            build_rules,
            camera_zones,
        )
        from edge.hub.places import find_model
        from edge.rules.book import RuleBook
        from edge.vlm.engine import open_tested_engine

        self._camera = camera
        self._deadline_s = config.vlm.deadline_s
        self._start = datetime.now(UTC)
        self._rules = RuleBook(build_rules(config), camera_zones(config))
        plan = analyzer_plan(config, find_model(config.vlm.model))
        self._engine = open_tested_engine(plan.engine)

    def look_at(self, keyframe: Keyframe) -> Iterator[dict[str, object]]:
        """The verdicts about a keyframe, and the states that it or the time before it changed."""
        from edge.questions import AnalysisRequest
        from edge.rules.state import Moment

        at = self._start + timedelta(seconds=keyframe.pts_s)
        keyframe = replace(keyframe, camera=self._camera, mono_s=keyframe.pts_s, captured_at=at)
        for change in self._rules.tick(Moment(keyframe.pts_s, at)):
            yield _rule_line(keyframe.pts_s, change)
        asking = self._rules.ask(keyframe)
        if not asking.looks:
            return
        result = self._engine.analyze(
            AnalysisRequest(
                id="replay",
                image=keyframe.image,
                before=keyframe.before,
                looks=asking.looks,
                deadline_s=self._deadline_s,
            )
        )
        settlement = self._rules.settle(asking, result.answers)
        for verdict in settlement.verdicts:
            yield {"kind": "verdict", "t": round(keyframe.pts_s, 3), **verdict.model_dump()}
        for change in settlement.changes:
            yield _rule_line(keyframe.pts_s, change)


def _rule_line(t_s: float, change: RuleChange) -> dict[str, object]:
    return {
        "kind": "rule",
        "t": round(t_s, 3),
        "rule": change.rule.name,
        "state": change.transition.after,
        "alert": change.transition.alert,
    }


def _say_json(line: dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _say_text(line: dict[str, object]) -> None:
    match line:
        case {"kind": "keyframe", "t": t, "trigger": trigger, "phase": phase, "boxes": boxes}:
            where = _regions(boxes)
            print(f"{_clock(t)}  keyframe  {trigger}{f' {phase}' if phase else ''}, {where}")
        case {"kind": "verdict", "rule": rule, "answer": answer, "probability": p, "verdict": v}:
            print(f"           {rule}: {answer} ({p:.0%}), {v}")
        case {"kind": "rule", "t": t, "rule": rule, "state": state}:
            print(f"{_clock(t)}  rule {rule} is {state}")
        case {"kind": "end", "keyframes": number, "seconds": seconds}:
            print(f"{number} keyframes; took {seconds:.1f} s", file=sys.stderr)


def _regions(boxes: object) -> str:
    number = len(boxes) if isinstance(boxes, list) else 0
    return "1 region" if number == 1 else f"{number} regions" if number else "whole frame"


def _clock(t: object) -> str:
    minutes, seconds = divmod(float(str(t)), 60)
    return f"{int(minutes):3d}:{seconds:05.2f}"
