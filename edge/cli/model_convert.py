"""`edge model convert`: of a checkpoint in a folder, or of one that is fetched from a hub first."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.cli.model_facts import megabytes, self_test, warnings_of
from edge.errors import ModelError
from edge.hub.places import dir_for_pulling, is_path

_CONVERT_TEXT = """Convert a Qwen3-VL checkpoint of transformers into what the program runs.

Needs the extra `[convert]` (torch, optimum-intel, nncf): use an environment of its own, and any
machine; the finished folder is all the box needs. A 2B model takes about 13 GB of memory, 8 GB of
disk and some minutes. OWNER/NAME is fetched from a model hub first (4.3 GB for 2B, kept in the
folder of the models as OWNER/NAME-checkpoint; environment as for `edge model pull`). An interrupted
run goes on where it stopped when the same command is given again. The vision tower and the
embeddings get int8 weights, the language model int4 (asymmetric, a scale for each 128) or int8.
"""


def add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "convert",
        help="convert a checkpoint of transformers",
        description=_CONVERT_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint",
        metavar="FOLDER_OR_ID",
        help="the checkpoint's folder, or its name on a hub, such as Qwen/Qwen3-VL-2B-Instruct",
    )
    parser.add_argument(
        "--revision",
        default="main",
        help="of a checkpoint on a hub: branch, tag or commit (default: %(default)s)",
    )
    parser.add_argument(
        "--weights",
        choices=("int4", "int8"),
        default="int4",
        help="of the language model (default: %(default)s)",
    )
    parser.add_argument(
        "--awq",
        action="store_true",
        help="int4 only: scale what matters most before rounding; slower to convert, more exact",
    )
    parser.add_argument(
        "--dest",
        type=Path,
        metavar="DIR",
        help="the model's folder (default: NAME-WEIGHTS-ov in the folder of the models)",
    )
    parser.add_argument(
        "--force", action="store_true", help="begin even if memory or disk seem too small"
    )


def run_convert(args: argparse.Namespace) -> int:
    """Fetch the checkpoint if need be, convert it, test the result."""
    from edge.convert.convert import convert

    if args.awq and args.weights != "int4":
        raise ModelError("--awq goes with --weights int4; int8 needs no such help")
    folder = Path(args.checkpoint).expanduser()
    name = f"{folder.resolve().name}-{args.weights}-ov"
    dest: Path = (args.dest if args.dest is not None else dir_for_pulling() / name).absolute()
    try:
        if not folder.is_dir() and _is_repo_name(args.checkpoint):
            folder = _fetch(args.checkpoint, args.revision)
        manifest = convert(
            folder,
            dest,
            weights=args.weights,
            awq=args.awq,
            force=args.force,
            say=lambda text: print(text, file=sys.stderr, flush=True),
            test=self_test,
        )
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    size_bytes = sum(record.size_bytes for record in manifest.files)
    print(f"{dest}: complete, {megabytes(size_bytes)}")
    for warning in warnings_of(dest):
        print(f"warning: {warning}")
    print(f"use it with `model: {dest}` in the `vlm` block")
    return 0


def _is_repo_name(name: str) -> bool:
    """Whether a name can be that of a model on a hub, and not of a folder."""
    return not is_path(name) and name.count("/") == 1


def _fetch(repo: str, revision: str) -> Path:
    """The folder of a checkpoint that is fetched, or was before. Raises EdgeError."""
    from edge.cli.model_progress import open_progress
    from edge.convert.needs import require_packages
    from edge.hub.folder import CHECKPOINT
    from edge.hub.pull import pull
    from edge.hub.wire import Hub

    require_packages()  # before gigabytes are fetched
    folder = dir_for_pulling() / f"{repo}-checkpoint"
    with open_progress(sys.stderr) as progress:
        pull(
            Hub.from_environment(),
            repo,
            folder,
            revision=revision,
            force=False,
            progress=progress,
            contents=CHECKPOINT,
        )
    print(f"the checkpoint is in {folder}", file=sys.stderr)
    return folder
