"""What keyframe sampling saves: the same clip looked at in four ways, in watts.

    sudo edge energy porch.mp4 --truth porch.json -c edge.yaml
    edge energy clips/ --truth labels/ -c edge.yaml --picture energy.png
    edge energy porch.mp4 --truth porch.json --answer-seconds 1.0

The ways are: the model always at work, a timer, a naive gate on differences between pictures, and
the sampler; timer and gate at the setting that calls the model least while they show as many of the
labelled events as the sampler. The power of each is put together from what was measured: idling,
reading and looking, and answering.

Joules come from the processor's own counters (RAPL) where the kernel offers them, which takes root.
Elsewhere they are a model, and called one: busy processor seconds times --watts-per-core, above
--idle-watts; a plug with a meter tells you both for your box.

With -c the rules and the model of the configuration answer, and what an answer takes is measured;
without it, --answer-seconds says. Labels as for `edge replay --truth`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import UsageError, positive, seconds
from edge.errors import PictureError
from edge.threads import take_one_thread

if TYPE_CHECKING:
    from edge.bench.energy.power import Meter, Spent
    from edge.bench.energy.run import Answers
    from edge.replay.views import View

NAME = "energy"
HELP = "what keyframe sampling saves, in watts"
IDLE_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("video", type=Path, help="a video file, or a folder of them")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="LABELS", help="what happens in it"
    )
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument("--camera", default="", help="whose place to take (default: the first)")
    parser.add_argument(
        "--answer-seconds",
        type=seconds,
        metavar="S",
        help="do not ask the model: an answer takes so long on all cores",
    )
    parser.add_argument(
        "--answers", type=positive, metavar="N", default=10, help="answers to measure (default 10)"
    )
    parser.add_argument(
        "--watts-per-core", type=_watts, metavar="W", help="of a busy core, above idle"
    )
    parser.add_argument("--idle-watts", type=_watts, metavar="W", help="of the box at rest")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw a plot as PNG")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if (args.config is None) == (args.answer_seconds is None):
        raise UsageError("give either -c FILE, whose model answers, or --answer-seconds S")
    if args.camera and args.config is None:
        raise UsageError("--camera needs -c FILE")
    if args.picture is not None and not args.picture.absolute().parent.is_dir():
        raise PictureError(f"{args.picture}: there is no folder {args.picture.parent}")
    take_one_thread()
    from edge.replay.clips import find_clips
    from edge.replay.truth import load_truths
    from edge.replay.views import load_views

    truths = load_truths(args.truth, find_clips(args.video))
    (view,) = load_views(args.config, None, args.camera)
    meter = _meter(args)

    from edge.bench.energy.report import as_document, as_tables, write_plot
    from edge.bench.energy.run import run_energy
    from edge.bench.tables import as_text

    answers, model = _answers(args, view, meter)
    bench = run_energy(view, truths, meter, answers, model, _tell)
    if args.json:
        print(json.dumps(as_document(bench), ensure_ascii=False))
    else:
        print(as_text(as_tables(bench)))
    if args.picture is not None:
        write_plot(bench, args.picture)
        _tell(f"picture: {args.picture}")
    return 0


def _answers(args: argparse.Namespace, view: View, meter: Meter) -> tuple[Answers | Spent, str]:
    """Who answers, and its name."""
    from edge.bench.energy.run import Answers, stated_answer
    from edge.bench.machine import usable_cores

    if view.config is None:
        return stated_answer(meter, args.answer_seconds, usable_cores()), "none: answers as stated"
    from edge.replay.judge import Judge

    return Answers(Judge(view.config, view.camera), meter, args.answers), view.config.vlm.model


def _meter(args: argparse.Namespace) -> Meter:
    """The processor's counters, unless watts are stated or there are none."""
    from edge.bench.energy.power import IDLE_W, WATTS_PER_CORE, Modelled, find_rapl

    stated = args.watts_per_core is not None or args.idle_watts is not None
    if not stated and args.answer_seconds is None:
        rapl = find_rapl()
        if not isinstance(rapl, str):
            _tell(f"reading the idle power for {IDLE_S:g} s")
            rapl.settle(IDLE_S)
            return rapl
        _tell(f"{rapl}; the power is a model")
    return Modelled(
        WATTS_PER_CORE if args.watts_per_core is None else args.watts_per_core,
        IDLE_W if args.idle_watts is None else args.idle_watts,
    )


def _watts(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of watts")
    return value


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
