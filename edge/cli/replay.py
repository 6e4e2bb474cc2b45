"""Run the daemon's own sampler and rules over video files, as fast as possible.

    edge replay porch.mp4                         when would it have looked?
    edge replay porch.mp4 -c edge.yaml            and what would the rules have said?
    edge replay clips/ -c edge.yaml --no-model    all clips of a folder
    edge replay porch.mp4 --report out.html       why: scores, masks, pictures, what was dropped
    edge replay porch.mp4 --truth porch.json      how good was that?
    edge replay porch.mp4 -c edge.yaml --compare other.yaml
    edge replay 'demo:yard?seed=7' --seconds 300  a drawn camera instead of a clip

With -c the file takes the place of one of the configured cameras: its motion settings, masks, zones
and rules hold, and time is the file's own. Nothing is published or stored.

With --json each line is one object: {"kind": "keyframe", "t": seconds of presentation time, ...},
{"kind": "verdict", ...}, {"kind": "rule", ...} when a state changes, {"kind": "error", ...} for a
clip of a folder that cannot be read, and {"kind": "end", ...} after each clip; with several clips
or configurations each says "clip" or "config". {"kind": "summary", ...} of each configuration
follows where --truth or --compare is given.

--truth takes the labels of one clip, or a folder of them: JSON with "events" (t_start, t_end,
category, tolerance, confidence), "quiet_intervals" and more; `edge/replay/truth.py` has the form.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import UsageError, seconds
from edge.errors import ReportError
from edge.threads import take_one_thread

if TYPE_CHECKING:
    from edge.replay.compare import Side
    from edge.replay.truth import Truth

NAME = "replay"
HELP = "run sampler and rules over video files, and see why"
DECODES = ("auto", "all", "iframes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "video",
        type=Path,
        help="a video file of any kind that FFmpeg reads, a folder of them, or `demo:yard`",
    )
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument("--camera", default="", help="whose place to take (default: the first)")
    parser.add_argument(
        "--no-model", action="store_true", help="only choose keyframes, ask the model nothing"
    )
    parser.add_argument(
        "--decode",
        choices=DECODES,
        help="which pictures are decoded: as `capture.decode` (default: the camera's own with -c, "
        "else all)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        metavar="N",
        help="only the beginning of each clip (a drawn camera, which has no end: 600)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--report", type=Path, metavar="OUT.html", help="also write one page with everything in it"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="LABELS", help="score recall, latency and false calls"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="another configuration, side by side"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the daemon would have done."""
    if args.camera and args.config is None and args.compare is None:
        raise UsageError("--camera needs -c FILE")
    if args.report is not None and not args.report.absolute().parent.is_dir():
        raise ReportError(f"{args.report}: there is no folder {args.report.parent}")
    if args.report is not None and args.report.is_dir():
        raise ReportError(f"{args.report} is a folder; give the page a name, as out.html")
    take_one_thread()
    from edge.replay.clips import find_clips

    clips = find_clips(args.video)
    truths: dict[Path, Truth] = {}
    if args.truth is not None:
        from edge.replay.truth import load_truths

        truths = load_truths(args.truth, clips)
        _warn_of_other_clips(truths)

    gc.disable()  # what is loaded stays: to look through it for garbage time and again takes 10 ms
    from edge.cli.replay_lines import JsonLines, TextLines
    from edge.replay.outcome import Keep
    from edge.replay.views import load_views, run_view

    gc.freeze()
    gc.enable()
    views = load_views(args.config, args.compare, args.camera, args.decode, args.seconds)
    keep = Keep()
    if args.report is not None:
        from edge.replay.report import MAX_PICTURES

        keep = Keep(trace=True, num_pictures=max(4, MAX_PICTURES // (len(views) * len(clips))))
    runs = []
    for view in views:
        is_alone = len(views) == 1
        listener = (
            JsonLines(name_clips=len(clips) > 1, config="" if is_alone else view.label)
            if args.json
            else TextLines(name_clips=len(clips) > 1, brief=not is_alone)
        )
        with_model = not args.no_model
        runs.append(
            run_view(view, clips, truths, keep=keep, with_model=with_model, listener=listener)
        )
    if args.truth is not None or args.report is not None or len(views) > 1:
        _conclude(args, [one.side() for one in runs], truths)
    return int(any(outcome.error for one in runs for outcome in one.outcomes))


def _warn_of_other_clips(truths: dict[Path, Truth]) -> None:
    """Labels that name another clip than the one they are held against may be a slip."""
    from edge.replay.clips import clip_name

    for clip, truth in truths.items():
        if truth.video and Path(truth.video).name != clip.name:
            print(
                f"warning: {truth.source} is about {truth.video}, as its `video` says; it is held "
                f"against {clip_name(clip)} all the same",
                file=sys.stderr,
            )


def _conclude(args: argparse.Namespace, sides: list[Side], truths: dict[Path, Truth]) -> None:
    """What can be said only at the end: figures, differences, the report."""
    if args.truth is not None or args.compare is not None:
        from edge.replay.clips import clip_name
        from edge.replay.compare import as_lines, differences, figures

        if args.json:
            for line in as_lines(sides):
                print(json.dumps(line, ensure_ascii=False), flush=True)
        else:
            from edge.bench.tables import Table, as_text

            head = ("", *(side.label for side in sides))
            rows = tuple((title, *cells) for title, cells in figures(sides))
            print(as_text((Table("", head, rows),)).strip("\n"))
            for one in differences(*sides) if len(sides) == 2 else ():
                for side, times in zip(sides, (one.only_first, one.only_second), strict=True):
                    if times:
                        listed = ", ".join(f"{t:.1f}" for t in times)
                        print(f"{clip_name(one.clip)}: only {side.label}: {listed}")
    if args.report is not None:
        from edge.replay.report import write_report

        write_report(args.report, sides, truths)
        print(f"report: {args.report}", file=sys.stderr)
