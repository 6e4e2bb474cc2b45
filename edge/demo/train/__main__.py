"""Trains the bundled model and writes it, ready to be bundled.

    python -m edge.demo.train --seed 7 --out DIR [--hours H] [--resume] [--finish]

Needs the extra `train`. DIR gets the checkpoint, a journal (one line of JSON now and then) and in
the end the model in DIR/model with its card, and pictures of its mistakes. The same seed, number
of processes and versions give the same weights if the training is not interrupted. On 2 cores
without a GPU the whole takes about a day; it can be stopped and gone on with at any time.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from edge.demo.train.finish import finish
from edge.demo.train.loop import CHECKPOINT, is_done
from edge.demo.train.team import run_team
from edge.demo.train.work import work


def main() -> None:
    """Parse the command line; train, and write the model when all is learned."""
    parser = argparse.ArgumentParser(
        prog="python -m edge.demo.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=7, help="of weights and scenes")
    parser.add_argument("--out", type=Path, required=True, help="where everything is written")
    parser.add_argument("--hours", type=float, default=1e6, help="stop then, with a checkpoint")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="one each core")
    parser.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint")
    parser.add_argument("--finish", action="store_true", help="do not train: write what there is")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    if arguments.finish and not (out / CHECKPOINT).exists():
        parser.error(f"{out} holds no checkpoint")
    if not arguments.finish:
        if (out / CHECKPOINT).exists() and not arguments.resume:
            parser.error(f"{out} holds a checkpoint already: go on with --resume, or name another")
        run_team(work, arguments.processes, arguments.seed, out, arguments.hours)
    if arguments.finish or is_done(out):
        figures = finish(out, out / CHECKPOINT, out / "model", arguments.seed)
        print(json.dumps(figures, indent=1))  # noqa: T201 - the command's report


if __name__ == "__main__":
    main()
