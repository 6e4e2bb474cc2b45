"""Measure the engine on this machine, alone or beside openvino-genai on the same files.

    edge bench --model demo --quick
    edge bench --model /var/lib/edge/models/MODEL --against genai --picture bench.png
    edge bench --json > bench.json
    edge bench --capture porch.mp4
    edge bench --pool
    edge bench --calibrate /etc/edge/edge.yaml
    edge bench --soak 10 --kills 100 --seed 1

Prints the machine, how long starting takes, a table of rules and picture sizes, text, memory, and
how near all that is to what the machine's memory and 8-bit arithmetic allow. Medians with
quartiles; the sides take turns, so ratios hold on a busy machine too. A full run with a 2B model
takes about a quarter of an hour on a small machine; nothing else should run on it meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.model_names import DEFAULT_MODEL
from edge.errors import ModelMissing, PictureError, SourceUnreachable
from edge.hub.places import find_model

if TYPE_CHECKING:
    from edge.bench.tables import Table

NAME = "bench"
HELP = "measure the engine on this machine"
ROUNDS, QUICK_ROUNDS, CAPTURE_ROUNDS = 10, 2, 3
SOAK_MINUTES, MIN_SOAK_MINUTES, SOAK_KILLS = 10.0, 0.2, 100
POOL_MODEL_S, POOL_JOBS, POOL_QUICK_JOBS = 0.8, 48, 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="model folder, hub id that was pulled, or `demo` for the bundled small one "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--against",
        choices=("genai",),
        help="also run openvino-genai's VLMPipeline on the same model (extra `[bench]`)",
    )
    parser.add_argument(
        "--capture",
        type=Path,
        metavar="CLIP",
        help="measure instead what reading this clip costs, beside ffmpeg and full decoding",
    )
    parser.add_argument(
        "--pool",
        type=float,
        nargs="?",
        const=POOL_MODEL_S,
        metavar="SECONDS",
        help="measure instead what a pool of 1, 2 and 3 workers does, with a model that takes so "
        "long for a job (default: %(const)s) and computes nothing",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FILE",
        help="measure instead, in half a minute, what a keyframe takes the model of this "
        "configuration, and keep it for the daemon, `edge check` and `edge doctor`",
    )
    parser.add_argument(
        "--soak",
        type=_minutes,
        nargs="?",
        const=SOAK_MINUTES,
        metavar="MINUTES",
        help="instead of measuring, run four drawn cameras for so long while processes are killed, "
        "the disk is full and the broker away, and see whether anything is lost "
        "(default: %(const)s; from 15 on the broker is away for ten of them)",
    )
    parser.add_argument(
        "--kills",
        type=_at_least_one,
        default=SOAK_KILLS,
        metavar="N",
        help="of a soak (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of a soak: what is killed, and when (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw the report as PNG")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, rules and rounds")
    parser.add_argument(
        "--rounds",
        type=_at_least_one,
        metavar="N",
        help=f"runs of each case after warm-up (default: {ROUNDS}, with --quick {QUICK_ROUNDS})",
    )
    parser.add_argument(
        "--keyframes",
        type=_at_least_one,
        metavar="N",
        default=0,
        help="watch memory over so many keyframes of mixed sizes besides (600 shows any growth)",
    )
    parser.add_argument(
        "--threads", type=_at_least_one, help="CPU threads of every side (default: all cores)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.capture is not None:
        return _run_capture(args)
    if args.pool is not None:
        return _run_pool(args)
    if args.calibrate is not None:
        return _run_calibrate(args)
    if args.soak is not None:
        return _run_soak(args)
    model_dir = find_model(args.model)
    if args.against == "genai" and importlib.util.find_spec("openvino_genai") is None:
        raise ModelMissing(
            "openvino-genai is not installed; `--against genai` needs the extra `[bench]`: "
            "in the clone of this program's repository, pip install '.[bench]'"
        )
    if args.picture is not None and not args.picture.absolute().parent.is_dir():
        raise PictureError(f"{args.picture}: there is no folder {args.picture.parent}")

    from edge.bench.cases import build_plan
    from edge.bench.document import as_document
    from edge.bench.report import as_tables
    from edge.bench.run import run_bench

    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    bench = run_bench(
        model_dir,
        build_plan(quick=args.quick, rounds=rounds),
        against_genai=args.against == "genai",
        threads=args.threads,
        num_keyframes=args.keyframes,
        progress=_progress,
    )
    tables = as_tables(bench)
    _tell(args, as_document(bench), tables)
    if args.picture is not None:
        from edge.bench.picture import write_picture

        write_picture(tables, f"edge bench: {bench.model.name}, {bench.machine.cpu}", args.picture)
        print(f"picture: {args.picture}", file=sys.stderr)
    return 0


def _run_capture(args: argparse.Namespace) -> int:
    from edge.bench.capture import as_document, as_tables, run_capture_bench

    if not args.capture.is_file():
        raise SourceUnreachable(f"{args.capture}: no such file")
    rounds = args.rounds or CAPTURE_ROUNDS
    bench = run_capture_bench(args.capture, rounds, _progress)
    _tell(args, as_document(bench), as_tables(bench))
    return 0


def _run_pool(args: argparse.Namespace) -> int:
    from edge.bench.pool import as_document, as_tables, run_pool_bench

    num_jobs = POOL_QUICK_JOBS if args.quick else POOL_JOBS
    bench = run_pool_bench(args.pool, num_jobs, _progress)
    _tell(args, as_document(bench), as_tables(bench))
    return 0


def _run_calibrate(args: argparse.Namespace) -> int:
    from edge.bench.calibrate import as_document, as_table, calibrate
    from edge.config.load import load_config

    pace, path = calibrate(load_config(args.calibrate).config)
    _tell(args, as_document(pace, path), (as_table(pace),))
    print(f"kept in {path}", file=sys.stderr)
    return 0


def _run_soak(args: argparse.Namespace) -> int:
    from edge.bench.soak.plan import build_plan
    from edge.bench.soak.report import as_document, as_tables
    from edge.bench.soak.run import run_soak

    plan = build_plan(60 * args.soak, args.kills, args.seed)
    # However it is ended, all is taken down as after Ctrl-C.
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        soak = run_soak(plan, _progress)
    finally:
        for number, was in before.items():
            signal.signal(number, was)
    _tell(args, as_document(soak), as_tables(soak))
    return 1 if soak.faults() else 0


def _tell(args: argparse.Namespace, document: object, tables: tuple[Table, ...]) -> None:
    from edge.bench.tables import as_text

    print(json.dumps(document, ensure_ascii=False) if args.json else as_text(tables))


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _minutes(word: str) -> float:
    minutes = float(word)
    if not MIN_SOAK_MINUTES <= minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"must be at least {MIN_SOAK_MINUTES}, not {word}")
    return minutes


def _at_least_one(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
