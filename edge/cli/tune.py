"""Look at a quiet stretch of a camera or clip, and suggest sensitivity and masks.

    edge tune porch -c edge.yaml --seconds 120        the camera, now
    edge tune night.mp4 -c edge.yaml --camera porch   a clip in its place
    edge tune porch.mp4 --truth porch.json            what each suggestion would cost, too

Choose a stretch in which nothing worth a call happens: every call in it is taken for a false one.
Each suggestion was tried on the same pictures; it comes with the calls before and after, and as
YAML to paste. Your file is never changed. --truth takes what `edge replay --truth` takes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import UsageError, seconds
from edge.errors import SourceUnreachable
from edge.threads import take_one_thread

if TYPE_CHECKING:
    from edge.capture.settings import SourceSettings
    from edge.capture.source import FrameSource
    from edge.config.models import Config
    from edge.replay.tune import TunePlan
    from edge.tuning import TuneReport

NAME = "tune"
HELP = "suggest sensitivity and masks from a quiet stretch"
CAMERA_S, CLIP_S = 60.0, 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", help="a camera's name in the configuration, or a video file")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument(
        "--camera", default="", help="whose settings hold for a clip (default: the first)"
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        metavar="N",
        help=f"how much to look at (default: {CAMERA_S:.0f} s of a camera, a clip up to "
        f"{CLIP_S:.0f} s)",
    )
    parser.add_argument(
        "--start", type=seconds, default=0.0, metavar="N", help="where in a clip to begin"
    )
    parser.add_argument("--truth", type=Path, metavar="LABELS", help="labels of the clip")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Look, try, print."""
    take_one_thread()
    config = None
    if args.config is not None:
        from edge.config.load import load_config

        config = load_config(args.config).config
    is_camera = config is not None and args.target in config.cameras
    _check_words(args, config, is_camera=is_camera)
    from edge.replay.clips import clip_name
    from edge.replay.tune import tune_source

    source, plan = _prepare(args, config, is_camera=is_camera)
    wanted_s = min(args.seconds or (CAMERA_S if is_camera else CLIP_S), CLIP_S)
    if is_camera:
        _progress(f"looking at {args.target} for {wanted_s:.0f} s")
    report, _ = tune_source(
        _open(source),
        plan,
        args.target if is_camera else clip_name(Path(args.target)),
        seconds=wanted_s,
        start_s=args.start,
        progress=_progress,
    )
    if args.json:
        print(report.model_dump_json(by_alias=True))
    else:
        _print(report)
    return 0


def _check_words(args: argparse.Namespace, config: Config | None, *, is_camera: bool) -> None:
    if args.camera and config is None:
        raise UsageError("--camera needs -c FILE")
    if is_camera and (args.truth is not None or args.camera or args.start):
        raise UsageError("--truth, --camera and --start go with a clip, not with a camera")
    if is_camera or Path(args.target).is_file():
        return
    if config is None:
        raise SourceUnreachable(f"{args.target}: no such file; a camera's name needs -c FILE")
    known = ", ".join(config.cameras)
    raise SourceUnreachable(f"{args.target}: no such file, and no such camera; there are: {known}")


def _prepare(
    args: argparse.Namespace, config: Config | None, *, is_camera: bool
) -> tuple[SourceSettings, TunePlan]:
    from edge.replay.run import choose_camera, configured_plan, plain_plan
    from edge.replay.tune import TunePlan

    if config is not None and is_camera:
        from edge.daemon.wiring import camera_plan

        live = camera_plan(config, args.target)
        return live.live_source(), TunePlan(args.target, live.sampler)
    clip = Path(args.target)
    truth = None
    if args.truth is not None:
        from edge.replay.truth import load_truths

        truth = load_truths(args.truth, (clip,))[clip]
    if config is None:
        plain = plain_plan(clip)
        return plain.source, TunePlan("CAMERA", plain.sampler, truth)
    camera = choose_camera(config, args.camera, str(args.config))
    plan = configured_plan(config, camera, clip, "all")
    return plan.source, TunePlan(camera, plan.sampler, truth)


def _open(source: SourceSettings) -> FrameSource:
    from edge.daemon.openers import opener_for

    return opener_for(source.url)(source)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(report: TuneReport) -> None:
    from edge.replay.plot import count

    source, cost = report.source, report.cost
    print(
        f"{source.name}: {source.seconds:.0f} s, {source.width_px}x{source.height_px}, "
        f"sensitivity {report.settings.sensitivity:g}, {count(len(report.settings.mask), 'mask')}: "
        f"{count(len(report.keyframes), 'keyframe')}, {cost.keyframes_per_hour:.0f} an hour"
    )
    for sentence in report.advice:
        print(sentence)
    for number, one in enumerate(report.suggestions, 1):
        calls = f"{count(one.calls_before, 'call')} before, {one.calls_after} after"
        print(f"\n{number}. {one.title}: {calls}")
        print(f"   {one.why}")
        for word, events in (("loses", one.lost), ("wins", one.won)):
            for event in events:
                print(f"   {word} {event}")
        print("\n" + "\n".join(f"   {line}" for line in one.yaml.rstrip().splitlines()))
