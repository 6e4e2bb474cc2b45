"""Fetch a model from a model hub, convert one, or show what is known of one.

    edge model pull
    edge model pull OpenVINO/Qwen3-VL-2B-Instruct-int8-ov --revision main
    edge model info
    edge model info demo --self-test
    edge model convert Qwen/Qwen3-VL-2B-Instruct --weights int4 --awq

Models lie in the folder $EDGE_MODELS, in /var/lib/edge/models or in ~/.local/share/edge/models.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.model_convert import add_convert, run_convert
from edge.cli.model_facts import megabytes, self_test, warnings_of
from edge.config.model_names import DEFAULT_MODEL
from edge.errors import ModelInvalid, ModelMissing
from edge.hub.folder import MANIFEST, faults_of, read_manifest
from edge.hub.places import dir_for_pulling, locate_model

if TYPE_CHECKING:
    from edge.vlm.layout import Layout

NAME = "model"
HELP = "fetch or convert a model, or show what is known of one"

_PULL_TEXT = """Fetch an OpenVINO Qwen3-VL from a model hub that speaks the Hugging Face protocol.

Only the files that are needed are fetched, and each is checked against the hub's checksum. An
interrupted download goes on where it stopped when the same command is given again. A model that is
there already is updated in one step: it stays usable until the new files have come completely.

environment:
  EDGE_MODELS      folder of the models (default: /var/lib/edge/models if it exists and can be
                   written, else ~/.local/share/edge/models)
  HF_ENDPOINT      address of the hub or of a mirror (default: https://huggingface.co)
  HF_TOKEN         access token for private or gated models; never shown
  HF_HUB_OFFLINE   if set to 1, nothing is fetched
  HTTPS_PROXY      proxy to go through
"""
_INFO_TEXT = """Show a model's place, completeness, precision, dimensions and files, and warn of
recipes that are known to answer badly or slowly. The exit status is 1 if it is not complete.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own subcommands and their arguments."""
    commands = parser.add_subparsers(dest="model_command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    pull = commands.add_parser(
        "pull", help="fetch a model from a hub", description=_PULL_TEXT, formatter_class=raw
    )
    pull.add_argument(
        "repo",
        nargs="?",
        default=DEFAULT_MODEL,
        metavar="REPO",
        help="the hub's name of the model, OWNER/NAME (default: %(default)s)",
    )
    pull.add_argument(
        "--revision", default="main", help="branch, tag or commit (default: %(default)s)"
    )
    pull.add_argument(
        "--dest",
        type=Path,
        metavar="DIR",
        help="put the files into this folder (default: OWNER/NAME in the folder of the models)",
    )
    pull.add_argument(
        "--force", action="store_true", help="fetch every file again, even if it is complete"
    )
    info = commands.add_parser(
        "info", help="show what is known of a model", description=_INFO_TEXT, formatter_class=raw
    )
    info.add_argument(
        "model",
        nargs="?",
        default=DEFAULT_MODEL,
        metavar="MODEL",
        help="a folder, the name of a model that was pulled, or `demo` for the bundled small one"
        " one (default: %(default)s)",
    )
    info.add_argument(
        "--self-test",
        action="store_true",
        help="also load the model and check that it computes what it should; takes some seconds",
    )
    add_convert(commands)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; the return value is the exit status."""
    return _COMMANDS[args.model_command](args)


def _pull(args: argparse.Namespace) -> int:
    from edge.cli.model_progress import open_progress
    from edge.hub.pull import pull
    from edge.hub.wire import Hub

    dest: Path = args.dest if args.dest is not None else dir_for_pulling() / args.repo
    hub = Hub.from_environment()
    try:
        with open_progress(sys.stderr) as progress:
            pulled = pull(
                hub, args.repo, dest, revision=args.revision, force=args.force, progress=progress
            )
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    manifest = pulled.manifest
    size_bytes = sum(record.size_bytes for record in manifest.files)
    state = "already complete" if pulled.already_there else "complete"
    print(f"{manifest.repo} at {manifest.commit[:12]}: {state}, {megabytes(size_bytes)}")
    print(f"in {dest}")
    for warning in warnings_of(dest):
        print(f"warning: {warning}")
    if args.dest is not None:
        print(f"use it with `model: {dest.resolve()}` in the `vlm` block")
    return 0


def _info(args: argparse.Namespace) -> int:
    from edge.vlm.layout import load_layout

    folder = locate_model(args.model)
    try:
        faults = faults_of(folder)
    except ModelInvalid as error:
        faults = [str(error)]
    _show_folder(folder, faults)
    try:
        layout = load_layout(folder)
    except (ModelInvalid, ModelMissing) as error:
        if not faults:
            print(f"unusable    {error}")
        return 1
    _show_layout(layout)
    if faults:
        return 1
    for warning in warnings_of(folder):
        print(f"warning: {warning}")
    if layout.info.demonstration:
        print(
            "warning: this model is for demonstration: its answers about real pictures mean nothing"
        )
    if args.self_test:
        print(f"self-test   {self_test(folder)}")
    return 0


def _show_folder(folder: Path, faults: list[str]) -> None:
    files = sorted(
        (path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST),
        key=lambda path: (-path.stat().st_size, path.name),
    )
    print(f"folder      {folder}")
    print("complete    " + ("yes" if not faults else f"no: {'; '.join(faults)}"))
    manifest = read_manifest(folder) if not faults else None
    if manifest is not None:
        word = "converted" if manifest.revision.startswith("converted") else "pulled   "
        print(f"{word}   {manifest.repo} at {manifest.commit}, {manifest.pulled_at}")
    print(f"size        {megabytes(sum(p.stat().st_size for p in files))} in {len(files)} files")
    for path in files:
        print(f"            {path.stat().st_size:>13,}  {path.name}")


def _show_layout(layout: Layout) -> None:
    from edge.hub.recipe import LANGUAGE, MERGER, read_weights

    info, text, vision = layout.info, layout.text, layout.vision
    print(f"name        {info.name}")
    print(
        "for         "
        + ("demonstration, of drawn yards" if info.demonstration else "real pictures")
    )
    print(f"precision   {info.precision}")
    print(f"weights     language: {read_weights(layout.model_dir, LANGUAGE)}")
    print(f"            vision: {read_weights(layout.model_dir, MERGER)}")
    print(f"parameters  {info.parameters_m:,.1f} million")
    print(
        f"text        {text.layers} layers, hidden {text.hidden}, MLP {text.intermediate},"
        f" {text.heads} heads / {text.kv_heads} KV heads x {text.head_dim},"
        f" vocabulary {text.vocab:,}"
    )
    print(
        f"vision      {vision.depth} layers, hidden {vision.hidden}, MLP {vision.intermediate},"
        f" {vision.heads} heads, {vision.token_px}x{vision.token_px} pixels a token"
    )


_COMMANDS = {"pull": _pull, "info": _info, "convert": run_convert}
